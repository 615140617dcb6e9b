"""The control interface: a benchmark sets the world and reads what clients did."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.json import decode

from benchmarks.catalogue import rows
from benchmarks.stub.responses import Response, json_response
from benchmarks.stub.services import Services
from benchmarks.world import World

PATH = "/_bench/"
Command = Callable[[dict[str, Any]], object]


class Control:
    """Commands, which are neither counted nor delayed."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._commands: Mapping[str, Command] = {
            "load": self._load,
            "reset": self._reset,
            "set": self._set,
            "publish": self._publish,
            "counts": self._counts,
            "take-messages": self._take_messages,
            "take-inserted": self._take_inserted,
        }

    def respond(self, head: bytes, body: bytes) -> tuple[Response, float]:
        """The response to a request of a client or of the benchmark, and its delay."""
        path = head.split(b" ", 2)[1].decode()
        if not path.startswith(PATH):
            return self._services.respond(head, body), self._services.latency_seconds
        answer = self._commands[path.removeprefix(PATH)](decode(body or b"{}"))
        return json_response("sqs", answer), 0.0

    def _load(self, options: dict[str, Any]) -> object:
        """Begin with a world: with an empty table, or with the rows after a round."""
        world = World(**options["world"])
        self._services.load(world)
        if options.get("seeded", True):
            for item in rows(self._services.builds, releases=options.get("releases", False)):
                self._services.table.put(item)
        self._services.table.inserted.clear()
        return {"rows": self._services.table.rows()}

    def _reset(self, _: dict[str, Any]) -> object:
        self._services.counters.reset()
        return {"cpu_seconds": time.process_time()}

    def _set(self, options: dict[str, Any]) -> object:
        self._services.latency_seconds = float(options.get("latency_seconds", 0))
        self._services.throttles.limit(
            on=bool(options.get("throttles", False)), capacity=float(options.get("capacity", 1))
        )
        return {}

    def _publish(self, options: dict[str, Any]) -> object:
        for index in options["images"]:
            self._services.builds.publish(index)
        return {}

    def _counts(self, _: dict[str, Any]) -> object:
        topics = self._services.topics
        counted = self._services.counters.as_json()
        return {
            **counted,
            "cpu_seconds": time.process_time(),
            "queued": len(self._services.queue.bodies),
            "published": topics.published,
            "pending": len(self._services.table.pending),
        }

    def _take_messages(self, _: dict[str, Any]) -> object:
        bodies, self._services.queue.bodies = self._services.queue.bodies, []
        return bodies

    def _take_inserted(self, _: dict[str, Any]) -> object:
        """The inserted release rows with their content, as the stream has them."""
        table = self._services.table
        keys, table.inserted = table.inserted, []
        found = ((*key, table.get(*key)) for key in keys)
        return [[region, record, row.item()] for region, record, row in found if row]
