"""Lambda entry point of the publisher: parses the schedule's event."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from services.kernel import startup  # isort: split

from services.history.overview_reader import OverviewReader
from services.kernel import observability
from services.kernel.clock import now
from services.kernel.deadline import Deadline
from services.kernel.hub_session import HubSession
from services.publisher.bucket import Bucket
from services.publisher.content import make_site, place_of
from services.publisher.event import check_publish_event
from services.publisher.publish import Publisher
from services.publisher.settings import Settings

startup.imported()

SERVICE = "publisher"
RESERVE_SECONDS = 20.0
"""Reserved for files that are being written, and for the record of those that were written."""


@lru_cache(maxsize=1)
def _clients(settings: Settings) -> tuple[OverviewReader, Bucket]:
    hub = HubSession(settings.region, amazon_roots=settings.amazon_roots)
    reader = OverviewReader(hub.client("dynamodb"), settings.table_name)
    return reader, Bucket(hub.client("s3"), settings.bucket_name, settings.prefix)


def handler(event: Mapping[str, Any], context: object) -> dict[str, object]:
    """Write the report page and the feed."""
    settings = Settings.from_env(os.environ)
    observability.begin(context)
    check_publish_event(event)
    reader, bucket = _clients(settings)
    read = partial(reader.read, releases=settings.releases)
    place = place_of(context, settings.table_name, settings.region)
    make = partial(make_site, place=place, lag_hours=settings.lag_hours)
    publisher = Publisher(read, make, bucket, observability.logger(SERVICE))
    return publisher.run(now(), Deadline.of(context, RESERVE_SECONDS)).answer()
