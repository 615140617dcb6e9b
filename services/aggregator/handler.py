"""Lambda entry point of the aggregator: parses stream records, sweeps and replays."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from services.kernel import startup  # isort: split

from services.aggregator.event import parse_relay_event
from services.aggregator.outbox import Outbox
from services.aggregator.relay import Relay
from services.aggregator.replay import Replayer
from services.aggregator.replay_event import Replay
from services.aggregator.replay_rows import ReplayRows
from services.aggregator.settings import Settings
from services.aggregator.topics import open_topics
from services.kernel import observability
from services.kernel.deadline import Deadline
from services.kernel.hub_session import HubSession

startup.imported()

SERVICE = "aggregator"
RESERVE_SECONDS = 5.0
"""Reserved for running deliveries and the response; deliveries not started by then stay pending."""


@lru_cache(maxsize=1)
def _relay(settings: Settings) -> tuple[Relay, Replayer]:
    log = observability.logger(SERVICE)
    hub = HubSession(settings.region, amazon_roots=settings.amazon_roots)
    topics = open_topics(hub, settings)
    table = hub.client("dynamodb"), settings.table_name, log
    outbox = Outbox(*table)
    return Relay(outbox, topics, log), Replayer(ReplayRows(*table), outbox, topics, log)


def handler(event: Mapping[str, Any], context: object) -> dict[str, object]:
    """Announce the releases of a stream batch, a sweep or a replay."""
    settings = Settings.from_env(os.environ)
    observability.begin(context)
    deadline = Deadline.of(context, RESERVE_SECONDS)
    relay, replayer = _relay(settings)
    request = parse_relay_event(event)
    if isinstance(request, Replay):
        return replayer.run(request, deadline).answer()
    report = relay.run(request, deadline)
    observability.emit(settings.metrics_namespace, SERVICE, report.measures())
    return report.answer()
