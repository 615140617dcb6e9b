"""A feed of releases of different ages: the whole service runs each round at a time of its own.

Renovate compares the times in the feed with its own clock, so the rounds are some days before now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from services.catalogue.load import load
from services.console.demo.deployment import Deployment
from services.console.demo.scenario import MEMBER_ACCOUNT, Publications, write_files
from services.embedded.aws.publishers import Publishers
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.pipeline import Pipeline
from services.embedded.tracker.resources import create_roles
from services.feed.files import feed
from services.history.overview_reader import OverviewReader
from services.kernel.model import Target
from services.kernel.wire import timestamp
from support.labs.laboratory import IRELAND, VIRGINIA, build_lab, start_cold
from support.shipped import images

EKS = "al2023-eks-1.34-x86_64"
"""An image of `tracked_images/`."""

_PATH = "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended"
_NUMBER = {VIRGINIA: 0xA, IRELAND: 0xE}


class Clock:
    """The clock of the services: takes the place of `datetime` in `services.kernel.clock`."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def go_to(self, *, days_ago: float) -> None:
        """Set the time."""
        self.moment = datetime.now(UTC) - timedelta(days=days_ago)

    def now(self, _zone: tzinfo) -> datetime:
        """The time that was set."""
        return self.moment

    @property
    def round(self) -> str:
        """The id of a round that begins now."""
        return timestamp(self.moment.replace(microsecond=0))


@dataclass(frozen=True, slots=True)
class EksReleases:
    """Publishes images of EKS as AWS does, with ids that contain their release."""

    publishers: Publishers

    def publish(self, release: str) -> None:
        """Publish an image in each region, and let the parameter name it."""
        for target in _NUMBER:
            name = f"amazon-eks-node-al2023-x86_64-standard-1.34-v{release}"
            created = datetime.strptime(release, "%Y%m%d").replace(tzinfo=UTC)
            where = (target.account_id, target.region)
            self.publishers.register_image(
                *where, name, created, image_id=image_id(release, target)
            )
        self.name(release)

    def name(self, release: str) -> None:
        """Let the parameter of each region name an image."""
        for target in _NUMBER:
            value = {
                "schema_version": "2",
                "image_id": image_id(release, target),
                "image_name": f"amazon-eks-node-al2023-x86_64-standard-1.34-v{release}",
                "release_version": f"1.34.2-{release}",
            }
            where = (target.account_id, target.region)
            self.publishers.put_parameter(*where, _PATH, json.dumps(value))


def image_id(release: str, target: Target = VIRGINIA) -> str:
    """The id of an EKS image in a region."""
    return f"ami-{_NUMBER[target]:x}{release:0>16}"


@contextmanager
def _embedded(*, amazons_images: bool) -> Iterator[tuple[EmbeddedAws, Clock]]:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", str(amazons_images).lower())
        patch.setattr("services.kernel.clock.datetime", clock)
        start_cold()
        with EmbeddedAws() as aws:
            yield aws, clock
        start_cold()


def eks_feed(folder: Path) -> dict[str, str]:
    """A release 14 days ago, a later one that was withdrawn after two days, one of yesterday."""
    with _embedded(amazons_images=False) as (aws, clock):
        lab = build_lab(aws, folder, VIRGINIA, IRELAND)
        lab.deploy(images()[EKS])
        releases = EksReleases(aws.publishers)
        for days_ago, release in ((60, "20260901"), (14, "20261015"), (10, "20261110")):
            releases.publish(release)
            _round(lab.pipeline, clock, days_ago)
        releases.name("20261015")
        _round(lab.pipeline, clock, 8)
        releases.publish("20261126")
        _round(lab.pipeline, clock, 1)
        return _feed(aws, lab.hub.region, lab.hub.table_name, clock)


def demo_feed(folder: Path) -> dict[str, str]:
    """The story of the demo, with its second round 14 days ago and its fourth yesterday."""
    with _embedded(amazons_images=True) as (aws, clock):
        write_files(folder)
        catalogue = load(folder / "tracked_images", folder / "regions.yaml")
        deployment = Deployment(aws, folder, catalogue)
        publications = Publications(aws.publishers)
        deployment.subscribe(aws)
        publications.begin(lambda: None)
        _round(deployment.pipeline, clock, 60)
        publications.before_second_round()
        _round(deployment.pipeline, clock, 14)
        create_roles(aws, MEMBER_ACCOUNT)
        publications.before_fourth_round()
        _round(deployment.pipeline, clock, 1)
        return _feed(aws, "us-east-1", "ami-tracker", clock)


def _round(pipeline: Pipeline, clock: Clock, days_ago: float) -> None:
    clock.go_to(days_ago=days_ago)
    pipeline.round(clock.round)


def _feed(aws: EmbeddedAws, region: str, table: str, clock: Clock) -> dict[str, str]:
    reader = OverviewReader(aws.client("dynamodb", region), table)
    return feed(reader.read(clock.moment))


def write_feed(files: Mapping[str, str], folder: Path) -> None:
    """Write the files of a feed into a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
