"""Starts and stops the stub, and uses its control interface."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.world import World

_ROOT = Path(__file__).parents[1]
_STOP_SECONDS = 20
_CONTROL_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Counts:
    """What clients did since the last reset.

    `calls` has the rows (service, operation, region, account, calls); `units` are DynamoDB's.
    """

    calls: Sequence[tuple[str, str, str, str, int]] = ()
    refused: Sequence[tuple[str, str, str, str, int]] = ()
    units: Mapping[str, float] = field(default_factory=dict)
    connections: int = 0
    cpu_seconds: float = 0.0
    published: int = 0
    pending: int = 0
    queued: int = 0

    def operations(self) -> Counter[str]:
        """Calls by service and operation, such as `ssm.GetParameters`."""
        return _by_operation(self.calls)

    def refusals(self) -> Counter[str]:
        """Refused calls by service and operation."""
        return _by_operation(self.refused)

    def total(self) -> int:
        """All calls."""
        return sum(row[-1] for row in self.calls)


def _by_operation(rows: Sequence[tuple[str, str, str, str, int]]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for service, operation, _, _, calls in rows:
        counted[f"{service}.{operation}"] += calls
    return counted


class Stub:
    """The stub as a process: `with Stub(certificate) as stub: ...`."""

    def __init__(self, certificate: Sequence[Path] = ()) -> None:
        self._command = [sys.executable, "-m", "benchmarks.stub", *map(str, certificate)]
        self._process: subprocess.Popen[str] | None = None
        self._cpu_before = 0.0
        self.ports: Mapping[str, int] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None  # noqa: S101 - narrows the type
        self.ports = json.loads(self._process.stdout.readline())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate(timeout=_STOP_SECONDS)

    def url(self, *, tls: bool = False) -> str:
        """The endpoint for AWS clients."""
        scheme = "https" if tls else "http"
        return f"{scheme}://127.0.0.1:{self.ports[scheme]}"

    def load(self, world: World, *, seeded: bool = True, releases: bool = False) -> None:
        """Begin with a world, with the rows after a round unless `seeded` is false."""
        self._send("load", {"world": asdict(world), "seeded": seeded, "releases": releases})

    def set(
        self, *, latency_seconds: float = 0.0, throttles: bool = False, capacity: float = 1.0
    ) -> None:
        """Set the latency of each call, and whether rates are limited.

        `capacity` is the part of DynamoDB's capacity that each partition has.
        """
        options = {"throttles": throttles, "capacity": capacity}
        self._send("set", {"latency_seconds": latency_seconds, **options})

    def publish(self, images: Collection[int]) -> None:
        """Publish the next build of some images in every region."""
        self._send("publish", {"images": list(images)})

    def reset(self) -> None:
        """Begin to count at zero."""
        self._cpu_before = self._send("reset")["cpu_seconds"]

    def counts(self) -> Counts:
        """What clients did since the last reset."""
        found = self._send("counts")
        found["cpu_seconds"] -= self._cpu_before
        found["calls"] = [tuple(row) for row in found["calls"]]
        found["refused"] = [tuple(row) for row in found["refused"]]
        return Counts(**found)

    def take_messages(self) -> list[str]:
        """The bodies of the messages in the queue, which is empty afterwards."""
        taken: list[str] = self._send("take-messages")
        return taken

    def take_inserted(self) -> list[tuple[str, str, dict[str, Any]]]:
        """The release rows that were inserted since the last time: region, record and content."""
        return [tuple(row) for row in self._send("take-inserted")]

    def _send(self, command: str, options: object = None) -> Any:  # noqa: ANN401 - JSON
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.ports["http"], timeout=_CONTROL_SECONDS
        )
        try:
            connection.request("POST", f"/_bench/{command}", json.dumps(options or {}))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()
