"""The whole service on an embedded AWS, with images that the tests publish."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.aggregator import handler as aggregator_handler
from services.embedded.aws.calls import Call
from services.embedded.aws.server import HUB_ACCOUNT, EmbeddedAws
from services.embedded.tracker.pipeline import Pipeline
from services.embedded.tracker.resources import Hub, create_hub, create_member
from services.embedded.tracker.subscriptions import Inbox, Received, subscribe
from services.kernel.keys import IMAGE_PREFIX, RELEASE_PREFIX, releases_of
from services.kernel.model import (
    Catalogue,
    Filter,
    FilterLookup,
    Image,
    Pair,
    ParameterLookup,
    Release,
    Target,
)
from services.kernel.records import decode_pair
from services.kernel.release_records import decode_release
from services.lookup import handler as lookup_handler
from services.scheduler import handler as scheduler_handler

OTHER_ACCOUNT = "222233334444"
PUBLISHER = "444455556666"
FAMILY = "acme"

VIRGINIA = Target(HUB_ACCOUNT, "us-east-1")
OREGON = Target(HUB_ACCOUNT, "us-west-2")
TOKYO = Target(HUB_ACCOUNT, "ap-northeast-1")
IRELAND = Target(HUB_ACCOUNT, "eu-west-1")
FRANKFURT = Target(OTHER_ACCOUNT, "eu-central-1")


@dataclass
class Lab:
    """One deployment: targets, subscribers, and the images that its tests publish."""

    aws: EmbeddedAws
    hub: Hub
    pipeline: Pipeline
    targets: tuple[Target, ...]
    inboxes: dict[Target, Inbox]
    received: list[Received] = field(default_factory=list)
    _rounds: int = 0
    _images: int = 0

    def deploy(self, *images: Image, targets: Sequence[Target] | None = None) -> None:
        """Deploy a catalogue of these images, in all targets or in the given ones."""
        self.pipeline.deploy(Catalogue(tuple(targets or self.targets), images))

    def image(self, name: str, **settings: Any) -> Image:  # noqa: ANN401 - the fields of `Image`
        """Build a tracked image with its own parameter."""
        return Image(name, ParameterLookup(f"/images/{name}"), **{"family": FAMILY, **settings})

    def filtered(self, name: str, **settings: Any) -> Image:  # noqa: ANN401 - as above
        """Build a tracked image that is found by its owner and its name."""
        lookup = FilterLookup((Filter("name", (f"{name}-*",)),), owners=(PUBLISHER,))
        return Image(name, lookup, **{"family": FAMILY, **settings})

    def publish(self, name: str, *targets: Target, deprecation_time: datetime | None = None) -> str:
        """Publish a new image and its parameter, and return its id, the same in every target."""
        self._images += 1
        image_id = f"ami-{self._images:017x}"
        for target in targets or self.targets:
            self.aws.publishers.register_image(
                target.account_id,
                target.region,
                f"{name}-{self._images:03d}",
                datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=self._images),
                owner_id=PUBLISHER,
                image_id=image_id,
                deprecation_time=deprecation_time,
            )
            self.point(name, image_id, target)
        return image_id

    def point(self, name: str, image_id: str, *targets: Target) -> None:
        """Set the image's parameter to an image id."""
        for target in targets or self.targets:
            where = (target.account_id, target.region)
            self.aws.publishers.put_parameter(*where, f"/images/{name}", image_id)

    def next_round(self) -> str:
        """Return the round of the next hour."""
        self._rounds += 1
        return f"2026-11-22T{self._rounds:02d}:00:00Z"

    def round(self) -> list[Received]:
        """Run a whole round and return the messages that the subscribers received."""
        self.pipeline.round(self.next_round())
        return self.arrivals()

    def look_up(self) -> None:
        """Run a round without the aggregator: releases are committed and not published."""
        self.pipeline.schedule(self.next_round())
        self.pipeline.queue.drain_visible()

    def dead_letters(self) -> list[str]:
        """Return the bodies of all messages in the dead-letter queue."""
        return self._bodies(self.hub.dead_letter_url)

    def recreate_topic(self, target: Target) -> None:
        """Create a deleted topic again, with its subscriber."""
        member = create_member(self.aws, target.account_id, [target.region], roles=False)
        self.inboxes[target] = subscribe(self.aws, member, [target.region])

    def queued(self) -> list[str]:
        """Remove all messages from the queue and return their bodies."""
        return self._bodies(self.hub.queue_url)

    def _bodies(self, url: str) -> list[str]:
        sqs, bodies = self.aws.client("sqs", self.hub.region), []
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def enqueue(self, *bodies: str) -> None:
        """Send messages to the queue, to test redelivery."""
        sqs = self.aws.client("sqs", self.hub.region)
        for body in bodies:
            sqs.send_message(QueueUrl=self.hub.queue_url, MessageBody=body)

    def arrivals(self) -> list[Received]:
        """Return the messages that the subscribers received since the previous call."""
        arrived = [each for inbox in self.inboxes.values() for each in inbox.receive()]
        self.received += arrived
        return arrived

    def start_cold(self) -> None:
        """Clear what the functions cached in earlier invocations."""
        start_cold()

    def pair(self, target: Target, name: str) -> Pair:
        """Read a pair from the table."""
        found = [p for p in self.pairs(target) if p.image_name == name]
        return found[0]

    def pairs(self, target: Target) -> list[Pair]:
        """Read a target's pairs from the table."""
        rows = self.pipeline.rows(target.region, f"{IMAGE_PREFIX}{target.account_id}#")
        return [decode_pair(row) for row in rows]

    def releases(self, target: Target, name: str) -> list[Release]:
        """Read a pair's releases, oldest first."""
        prefix = releases_of(target.account_id, name)
        return [decode_release(row) for row in self.pipeline.rows(target.region, prefix)]

    def rows(self) -> list[dict[str, Any]]:
        """Read every image and release row."""
        regions = sorted({target.region for target in self.targets})
        kinds = (IMAGE_PREFIX, RELEASE_PREFIX)
        return [row for r in regions for kind in kinds for row in self.pipeline.rows(r, kind)]

    def calls(self, since: int, service: str, operation: str = "") -> list[Call]:
        """Return the services' calls of one kind since a mark."""
        return [
            call
            for call in self.aws.calls(since)
            if call.service == service and operation in {"", call.operation}
        ]


def start_cold() -> None:
    """Clear what the functions cached in earlier invocations: clients, sessions, settings."""
    scheduler_handler._scheduler.cache_clear()  # noqa: SLF001 - as in a cold start
    lookup_handler._worker.cache_clear()  # noqa: SLF001 - as in a cold start
    aggregator_handler._relay.cache_clear()  # noqa: SLF001 - as in a cold start


def events_in(received: Sequence[Received]) -> set[tuple[str, str, str, str]]:
    """Return the events of messages as (region, image, kind, image id)."""
    return {
        (
            json.loads(r.body)["v1"]["region"],
            r.attributes["image_name"],
            r.attributes["kind"],
            json.loads(r.body)["v1"]["image"]["image_id"],
        )
        for r in received
    }


def build_lab(
    aws: EmbeddedAws,
    folder: Path,
    *targets: Target,
    fifo: bool = False,
    visibility_seconds: int = 2,
) -> Lab:
    """Build a lab of these targets, with a subscriber in each."""
    hub = create_hub(aws, visibility_seconds=visibility_seconds)
    pipeline = Pipeline(
        aws, hub, folder / "catalogue.json", fifo=fifo, messages_per_invocation=1000
    )
    inboxes = {}
    for account_id in sorted({target.account_id for target in targets}):
        regions = sorted(t.region for t in targets if t.account_id == account_id)
        member = create_member(aws, account_id, regions, fifo=fifo)
        for region in regions:
            inboxes[Target(account_id, region)] = subscribe(aws, member, [region])
    return Lab(aws, hub, pipeline, targets, inboxes)
