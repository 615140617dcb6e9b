"""Lambda entry point of the aggregator: parses stream records and sweeps."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from services.aggregator.event import parse_relay_event
from services.aggregator.outbox import Outbox
from services.aggregator.relay import Relay
from services.aggregator.settings import Settings
from services.aggregator.topics import Topics, publish_role
from services.kernel import observability
from services.kernel.deadline import Deadline
from services.kernel.hub_session import HubSession
from services.kernel.sessions import TargetSessions

SERVICE = "aggregator"
RESERVE_SECONDS = 5.0
"""Reserved for running deliveries and the response; deliveries not started by then stay pending."""


@lru_cache(maxsize=1)
def _relay(settings: Settings) -> Relay:
    log = observability.logger(SERVICE)
    hub = HubSession(settings.region)
    role = publish_role(
        settings.publish_role_name,
        settings.external_id,
        settings.region,
        settings.topic_name,
        hub.partition,
    )
    topics = Topics(TargetSessions(hub, role), settings.topic_name, hub.partition)
    return Relay(Outbox(hub.client("dynamodb"), settings.table_name, log), topics, log)


def handler(event: Mapping[str, Any], context: object) -> dict[str, object]:
    """Announce the inserted releases of a stream batch, or the pending releases of a sweep."""
    settings = Settings.from_env(os.environ)
    observability.begin(context)
    report = _relay(settings).run(parse_relay_event(event), Deadline.of(context, RESERVE_SECONDS))
    observability.emit(settings.metrics_namespace, SERVICE, report.measures())
    return report.answer()
