"""Lambda entry point of the scheduler: parses the schedule's event."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from services.kernel import startup  # isort: split

from services.kernel import observability
from services.kernel.clock import now
from services.kernel.deadline import Deadline
from services.kernel.hub_session import HubSession
from services.scheduler.event import parse_schedule_event, read_catalogue
from services.scheduler.inventory import Inventory
from services.scheduler.queue import LookupQueue
from services.scheduler.report import RoundReport
from services.scheduler.schedule import Scheduler, Timing
from services.scheduler.settings import Settings

startup.imported()

SERVICE = "scheduler"
RESERVE_SECONDS = 30.0
"""Reserved to finish the current region: enough to send about 10,000 pairs."""


@lru_cache(maxsize=1)
def _scheduler(settings: Settings) -> Scheduler:
    log = observability.logger(SERVICE)
    hub = HubSession(settings.region, amazon_roots=settings.amazon_roots)
    rows = Inventory(hub.client("dynamodb"), settings.table_name, log)
    queue = LookupQueue(hub.client("sqs"), settings.queue_url)
    report = partial(_emit, settings)
    timing = Timing(settings.stale_after, settings.interval_minutes)
    percent = settings.max_removed_percent
    return Scheduler(rows, queue, log, percent, report=report, timing=timing)


def _emit(settings: Settings, report: RoundReport) -> None:
    observability.emit(settings.metrics_namespace, SERVICE, report.measures())


def handler(event: Mapping[str, Any], context: object) -> dict[str, object]:
    """Run the round in the event: update the rows, then request every lookup."""
    settings = Settings.from_env(os.environ)
    round_id, regions = parse_schedule_event(event, now())
    observability.begin(context, round=round_id)
    catalogue = read_catalogue(settings.catalogue_path)
    deadline = Deadline.of(context, RESERVE_SECONDS)
    return _scheduler(settings).run(catalogue, round_id, regions, deadline).answer()
