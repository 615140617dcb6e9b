"""The whole service on an embedded AWS, from the schedule to the announcements.

Runs the real Lambda entry points in this process, with only the environment variables that a
deployment sets, and captures their output.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from services.aggregator.handler import handler as aggregate
from services.embedded.aws.server import EmbeddedAws
from services.embedded.event_sources.deliveries import Delivery
from services.embedded.event_sources.invocation import Context
from services.embedded.event_sources.patterns import Pattern
from services.embedded.event_sources.queue_mapping import QueueMapping
from services.embedded.event_sources.stream_mapping import StreamMapping
from services.embedded.tracker import resources
from services.kernel.catalogue_file import encode_catalogue
from services.kernel.keys import NOTICE_PREFIX, RELEASE_PREFIX
from services.kernel.model import Catalogue
from services.kernel.table import query_rows
from services.lookup.handler import handler as look_up
from services.scheduler.handler import handler as schedule

_MESSAGES_PER_INVOCATION = 10
"""A small batch shows progress; a deployment uses 1,000."""

NEW_RELEASES: Pattern = {
    "eventName": ["INSERT"],
    "dynamodb": {
        "Keys": {"record": {"S": [{"prefix": RELEASE_PREFIX}, {"prefix": NOTICE_PREFIX}]}}
    },
}
"""The stream's filter: only inserted release and notice rows."""

Function = Callable[[Mapping[str, Any], object], Mapping[str, object]]


class Pipeline:
    """Scheduler, queue, lookup, table, stream and aggregator, connected as in a deployment.

    `running` is the name of the function that was invoked last and has not returned, or empty.
    """

    def __init__(
        self,
        aws: EmbeddedAws,
        hub: resources.Hub,
        catalogue_file: Path,
        *,
        fifo: bool = False,
        messages_per_invocation: int = _MESSAGES_PER_INVOCATION,
    ) -> None:
        self.log = io.StringIO()
        self.running = ""
        self._aws = aws
        self._hub = hub
        self._catalogue_file = catalogue_file
        self.environment = resources.environment(aws, hub, str(catalogue_file), fifo=fifo)
        self._messages_per_invocation = messages_per_invocation
        self.queue = self.poller()
        self.stream = StreamMapping(
            aws.client("dynamodbstreams", hub.region),
            hub.stream_arn,
            self._as_function("aggregator", aggregate),
            pattern=NEW_RELEASES,
        )

    def poller(self) -> QueueMapping:
        """A poller of the queue; a deployment runs several at once."""
        return QueueMapping(
            self._aws.client("sqs", self._hub.region),
            self._hub.queue_url,
            self._as_function("lookup", look_up),
            batch_size=self._messages_per_invocation,
        )

    def deploy(self, catalogue: Catalogue) -> None:
        """Write a compiled catalogue to the file that the scheduler reads."""
        self._catalogue_file.write_text(encode_catalogue(catalogue), encoding="utf-8")

    def schedule(self, round_id: str, **event: object) -> Mapping[str, object]:
        """Invoke the scheduler; returns its response, or raises its error."""
        return self._invoke("scheduler", schedule, {"round": round_id, **event})

    def sweep(self) -> Mapping[str, object]:
        """Invoke the aggregator with a sweep; returns its response, or raises its error."""
        return self._invoke("aggregator", aggregate, {"sweep": True})

    @contextmanager
    def invocable(self) -> Iterator[None]:
        """Answer `lambda:Invoke` of the aggregator inside the block, under its deployed name."""

        def invoke(event: Mapping[str, Any]) -> Mapping[str, object]:
            return self._invoke("aggregator", aggregate, event)

        with self._aws.function(resources.AGGREGATOR, invoke):
            yield

    def round(self, round_id: str) -> list[Delivery]:
        """Run a round with its lookups and announcements; returns the lookups' deliveries."""
        self.schedule(round_id)
        deliveries = self.queue.drain_visible()
        self.stream.drain()
        return deliveries

    def rows(self, region: str, prefix: str) -> list[dict[str, Any]]:
        """A region's rows whose sort key begins with `prefix`, in key order."""
        client = self._aws.client("dynamodb", self._hub.region)
        return list(query_rows(client, self._hub.table_name, region, prefix))

    def _as_function(self, name: str, handler: Function) -> Function:
        def function(event: Mapping[str, Any], context: object) -> Mapping[str, object]:
            with self.in_function_environment():
                self.running = name
                try:
                    return handler(event, context)
                finally:
                    self.running = ""

        return function

    def _invoke(
        self, name: str, handler: Function, event: Mapping[str, Any]
    ) -> Mapping[str, object]:
        return self._as_function(name, handler)(event, Context(name))

    @contextmanager
    def in_function_environment(self) -> Iterator[None]:
        """Use the functions' environment inside the block, and write their output to `log`."""
        before = dict(os.environ)
        moto = {name: value for name, value in before.items() if name.startswith("MOTO_")}
        _replace_environment({**self.environment, **moto})
        try:
            with redirect_stdout(self.log):
                yield
        finally:
            _replace_environment(before)


def _replace_environment(environ: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
