"""The deployment that the demo runs on, with its subscribers and what they received."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.console.demo.scenario import (
    AL2023,
    HUB_REGIONS,
    MEMBER_ACCOUNT,
    MEMBER_REGION,
    TARGETS,
    Event,
)
from services.embedded.aws.server import HUB_ACCOUNT, EmbeddedAws
from services.embedded.tracker.pipeline import Pipeline
from services.embedded.tracker.resources import create_hub, create_member
from services.embedded.tracker.subscriptions import Inbox, Received, subscribe
from services.history.reader import HistoryReader
from services.history.views import Matrix, matrix
from services.kernel.keys import IMAGE_PREFIX, RELEASE_PREFIX
from services.kernel.model import Catalogue

INTERVAL_MINUTES = 30
"""How often a deployment starts a round."""


@dataclass(slots=True)
class Subscriber:
    """A subscription, and what it has received so far."""

    name: str
    inbox: Inbox
    expects: Callable[[Event], bool]
    received: list[Received] = field(default_factory=list)


class Deployment:
    """The tracker on a started embedded AWS, without the role of the second account."""

    def __init__(self, aws: EmbeddedAws, folder: Path, catalogue: Catalogue) -> None:
        hub = create_hub(aws)
        self.pipeline = Pipeline(aws, hub, folder / "catalogue.json")
        self.pipeline.environment["ROUND_INTERVAL_MINUTES"] = str(INTERVAL_MINUTES)
        self.pipeline.deploy(catalogue)
        self._history = HistoryReader(aws.client("dynamodb", hub.region), hub.table_name)
        self._images = [image.name for image in catalogue.images]
        self.subscribers: list[Subscriber] = []

    def subscribe(self, aws: EmbeddedAws) -> None:
        """Create the topics of both accounts, and their subscribers."""
        hub = create_member(aws, HUB_ACCOUNT, HUB_REGIONS)
        member = create_member(aws, MEMBER_ACCOUNT, [MEMBER_REGION], roles=False)
        self.subscribers = [
            Subscriber(
                "everything, six regions",
                subscribe(aws, hub, HUB_REGIONS),
                lambda event: event.account_id == HUB_ACCOUNT,
            ),
            Subscriber(
                f"only {AL2023}, six regions",
                subscribe(aws, hub, HUB_REGIONS, [AL2023]),
                lambda e: e.account_id == HUB_ACCOUNT and e.image_name == AL2023,
            ),
            Subscriber(
                f"everything, {MEMBER_REGION}",
                subscribe(aws, member, [MEMBER_REGION]),
                lambda event: event.account_id == MEMBER_ACCOUNT,
            ),
        ]

    def collect(self) -> list[Event]:
        """The distinct events that arrived since the last call."""
        arrived: list[Event] = []
        for subscriber in self.subscribers:
            received = subscriber.inbox.receive()
            subscriber.received += received
            arrived += [Event.of(each) for each in received]
        return sorted(set(arrived), key=lambda event: (event.image_name, event.region))

    def matrix(self) -> Matrix:
        """The current image of each pair."""
        regions = sorted({target.region for target in TARGETS})
        rows = [row for region in regions for row in self._history.images(region).found]
        return matrix(TARGETS, self._images, [row.pair for row in rows])

    def written_rows(self) -> list[dict[str, Any]]:
        """Every image and release row."""
        return self.rows(IMAGE_PREFIX) + self.rows(RELEASE_PREFIX)

    def rows(self, prefix: str) -> list[dict[str, Any]]:
        """The rows of every target whose sort key begins with `prefix`."""
        return [row for t in TARGETS for row in self.pipeline.rows(t.region, prefix)]
