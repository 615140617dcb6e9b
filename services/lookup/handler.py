"""Lambda entry point of the lookup: parses the SQS event."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from services.kernel import startup  # isort: split

from services.kernel import observability
from services.kernel.deadline import Deadline
from services.kernel.errors import MalformedError
from services.kernel.hub_session import HubSession
from services.kernel.sessions import TargetSessions
from services.lookup.observations import Observations
from services.lookup.settings import Settings
from services.lookup.sources import Sources, read_role
from services.lookup.target import TargetLookup
from services.lookup.worker import Message, Worker

startup.imported()

SERVICE = "lookup"
RESERVE_SECONDS = 5.0
"""Reserved for the response: an invocation that times out fails every message of its batch."""


@lru_cache(maxsize=1)
def _worker(settings: Settings) -> Worker:
    log = observability.logger(SERVICE)
    hub = HubSession(settings.region, amazon_roots=settings.amazon_roots)
    role = read_role(settings.read_role_name, settings.external_id, settings.region)
    rows = Observations(hub.client("dynamodb"), settings.table_name)
    return Worker(TargetLookup(rows, Sources(TargetSessions(hub, role)), log), log)


def handler(event: Mapping[str, Any], context: object) -> dict[str, object]:
    """Look up every pair in an SQS batch; the response lists the messages to deliver again."""
    if not isinstance(event.get("Records"), list):
        raise MalformedError("event", "it has no list of Records, as an SQS event has")
    messages = [_message(record) for record in event["Records"]]
    settings = Settings.from_env(os.environ)
    observability.begin(context)
    report = _worker(settings).work(messages, Deadline.of(context, RESERVE_SECONDS))
    observability.emit(settings.metrics_namespace, SERVICE, report.measures())
    return report.answer()


def _message(record: Mapping[str, Any]) -> Message:
    count = record.get("attributes", {}).get("ApproximateReceiveCount", "1")
    return Message(record["messageId"], record.get("body"), int(count))
