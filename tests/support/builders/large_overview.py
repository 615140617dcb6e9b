"""A large overview, the same in each run: to measure the report page and the feed.

It has one example of each problem that the page shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.history.observed import ImageInTarget
from services.history.overview import Overview
from services.history.rows import PendingKey, RegionRows, Rows, Snapshot
from services.kernel.model import (
    About,
    Fact,
    Kind,
    Observation,
    Pair,
    ParameterLookup,
    Release,
    State,
    Target,
    Window,
)
from services.kernel.records import ImageRow
from services.kernel.release_records import ReleaseRow
from services.kernel.round_records import Note, RoundRow
from services.kernel.wire import lookup_digest, timestamp
from support.builders.history import MOMENT
from support.builders.large_names import REGIONS, Named, names, number_of

_ACCOUNTS = {"eu": "333344445555", "af": "222233334444", "il": "222233334444", "me": "222233334444"}
_DENIED, _SILENT, _SLOW = "me-south-1", "il-central-1", ("ap-east-2", "ap-southeast-7")
_DENIAL = (
    "AccessDenied: not authorized to perform sts:AssumeRole on "
    "arn:aws:iam::222233334444:role/ami-tracker-read"
)
_NEVER = "golden-legacy"
"""Images that no region has; in a region that denies the lookups this would be unknown."""
_ROUND = "2026-11-29T11:50:00Z"
_MINUTE = timedelta(minutes=1)
_NEWEST = {"eks": 5, "bottlerocket": 60}
"""The age in hours of the newest release of families that have one of a few days."""


def large_overview(images: int = 200, regions: int = 34, releases: int = 10) -> Overview:
    """Build an overview with this number of images, regions and releases of each pair."""
    targets = sorted(map(_target, REGIONS[:regions]), key=lambda each: each.region)
    pairs = [
        [
            _Tracked(each, number, target).read(releases)
            for target in targets
            if not (target.region == _DENIED and each.name.startswith(_NEVER))
        ]
        for number, each in enumerate(names(images), start=1)
    ]
    seen = {image[0][0].pair.image_name: tuple(each for _, each in image) for image in pairs}
    rows = [row for image in pairs for row, _ in image]
    return Overview(_snapshot(targets, rows), dict(sorted(seen.items())))


def _target(region: str) -> Target:
    return Target(_ACCOUNTS.get(region[:2], "111122223333"), region)


def _snapshot(targets: Sequence[Target], rows: Sequence[ImageRow]) -> Snapshot:
    by_region: dict[str, list[ImageRow]] = {target.region: [] for target in targets}
    for row in rows:
        by_region[row.pair.target.region].append(row)
    pending = tuple(
        PendingKey(row.pair.target, row.pair.image_name, row.pair.version)
        for row in rows
        if row.pair.family == "windows" and row.pair.target.region == "eu-west-3"
    )
    regions = tuple(
        RegionRows(target.region, Rows(tuple(by_region[target.region])), Rows((_round(target),)))
        for target in targets
    )
    note = Note(frozenset(by_region), interval_minutes=15)
    return Snapshot(MOMENT, note, regions, Rows(pending))


def _round(target: Target) -> RoundRow:
    stale = frozenset(range(1, 1001)) if target.region == _SILENT else frozenset()
    return RoundRow(target, Window(_ROUND, _ROUND, stale=stale), 200, MOMENT - 15 * _MINUTE)


@dataclass(frozen=True, slots=True)
class _Tracked:
    """An image in a target; `number` is its position."""

    image: Named
    number: int
    target: Target

    def read(self, count: int) -> tuple[ImageRow, ImageInTarget]:
        """Build the image row, and what was read about the image here."""
        releases = self._releases(count)
        last = releases[-1] if releases else None
        digest = lookup_digest(self.image.lookup)
        state, code, detail = self._problem()
        pair = Pair(
            self.target,
            self.image.name,
            active=True,
            lookup=self.image.lookup,
            lookup_digest=digest,
            version=last.version if last else 0,
            known=self._known(last) if last else None,
            confirmed_digest=digest if last else None,
            state=state,
            code=code,
            since=timestamp(MOMENT - timedelta(days=3)),
            number=self.number,
            family=self.image.family,
        )
        row = ImageRow(pair, detail, last.detected_at if last else None)
        rows = tuple(ReleaseRow(each, published_at=each.detected_at) for each in reversed(releases))
        stale = self.target.region == _SILENT
        complete = not releases or releases[0].version == 1
        return row, ImageInTarget(self.target, pair, rows, stale, complete)

    def _known(self, last: Release) -> Observation:
        """The known image; those of one family are deprecated."""
        old = MOMENT - timedelta(days=40) if "al2-kernel" in self.image.name else None
        return replace(last.observed, deprecation_time=old)

    def _problem(self) -> tuple[State, str | None, str | None]:
        name, region = self.image.name, self.target.region
        if region == _DENIED:
            return State.ACCESS_DENIED, "AccessDenied", _DENIAL
        if name.startswith(_NEVER):
            return State.NOT_FOUND, "NoMatch", "no image matches the filters"
        if "kernel-6.18" in name and region == "me-central-1":
            return State.NOT_FOUND, "ParameterNotFound", "the parameter does not exist"
        if name.startswith("ubuntu-22.04-pro") and region in {"eu-south-1", "eu-south-2"}:
            return State.NOT_LAUNCHABLE, "Withdrawn", "EC2 does not return the known image"
        return State.OK, None, None

    # --- releases, oldest first

    def _releases(self, count: int) -> list[Release]:
        if self.image.name.startswith(_NEVER):
            return []
        ages = [(self._age(back), back) for back in range(count - 1, -1, -1)]
        arrived = [(back, at) for age, back in ages if (at := self._arrival(age, back)) < MOMENT]
        first = 1 if number_of(self.image.name, below=10) == 0 else 4
        found = list[Release]()
        for version, (back, at) in enumerate(arrived, start=first):
            found.append(self._release(version, back, at, found[-1] if found else None))
        return self._rolled_back(found)

    def _age(self, back: int) -> timedelta:
        """How long ago the publisher released the image that is this number of releases back."""
        family = self.image.family
        newest = _NEWEST.get(family, 30 + number_of(family, below=300))
        return timedelta(hours=newest + 24 * back * (7 + number_of(family, below=8)))

    def _arrival(self, age: timedelta, back: int) -> datetime:
        """When a round found a release here: after the publisher's roll-out reached the region."""
        slow = self.target.region in _SLOW and self.image.family == "windows" and back == 0
        if slow or (self.target.region == _DENIED and back < 2):
            return MOMENT
        delay = number_of(self.target.region, self.image.family, back, below=900)
        seconds = number_of(self.target.region, self.image.name, back, below=120)
        return MOMENT - age + delay * _MINUTE + timedelta(seconds=seconds)

    def _release(self, version: int, back: int, at: datetime, last: Release | None) -> Release:
        published = MOMENT - self._age(back)
        key = self.image.key(published.year, published.month, published.day, 60 - back)
        facts = self._facts(back)
        by_parameter = isinstance(self.image.lookup, ParameterLookup)
        notes = self.image.notes
        about = About(
            release=key,
            previous_release=last.about.release if last else None,
            join_key=f"release:{key}",
            notes_url=notes.replace("{key}", key) if notes else None,
            source_time=published if by_parameter else None,
            parameter_version=version + 20 if by_parameter else None,
            facts=facts,
            changed=self._changed(facts, last),
        )
        return Release(
            self.target,
            self.image.name,
            version,
            Kind.BASELINE if version == 1 else Kind.RELEASE,
            Observation(self._id(key), self.image.ami.replace("{key}", key), timestamp(published)),
            last.observed.image_id if last else None,
            at,
            timestamp(at.replace(second=0, microsecond=0)),
            lookup_digest(self.image.lookup),
            about,
        )

    def _id(self, key: str) -> str:
        text = f"{self.target.region} {self.image.name} {key}"
        return "ami-0" + hashlib.sha256(text.encode()).hexdigest()[:16]

    def _rolled_back(self, releases: list[Release]) -> list[Release]:
        """The releases, with a rollback in some regions."""
        if "nvidia" not in self.image.name or self.image.family != "bottlerocket":
            return releases
        if number_of(self.target.region, below=3) or len(releases) < 3:
            return releases
        before, last = releases[-2:]
        at = last.detected_at + timedelta(hours=20)
        again = replace(
            before,
            version=last.version + 1,
            kind=Kind.ROLLBACK,
            detected_at=at,
            previous_image_id=last.observed.image_id,
        )
        return [*releases[1:], again] if at < MOMENT else releases

    # --- facts

    def _facts(self, back: int) -> Mapping[str, Fact]:
        image: dict[str, Fact] = {
            "owner_id": f"{number_of(self.image.family, below=10**12):012}",
            "architecture": "arm64" if "arm64" in self.image.name else "x86_64",
            "platform": "Windows" if "windows" in self.image.name else "Linux/UNIX",
            "root_device_name": "/dev/xvda",
            "boot_mode": "uefi-preferred",
            "imds_support": "v2.0",
            "ena_support": True,
            "source_image_id": self._id(f"source {back}"),
            "source_image_region": "us-west-2",
            "deprecation_time": timestamp(MOMENT + timedelta(days=730)),
            "root_volume_gib": 20,
        }
        return image | self._parameter_facts(150 - back)

    def _parameter_facts(self, number: int) -> dict[str, Fact]:
        """What the JSON of the parameters for Amazon EKS and Amazon ECS has."""
        if self.image.family == "eks":
            return {"release_version": f"1.35.{number // 10}-{number}", "schema_version": "2"}
        if self.image.family != "ecs":
            return {}
        return {
            "ecs_agent_version": f"1.{number}.0",
            "ecs_runtime_version": f"Docker version 25.0.{number}",
            "image_version": f"2023.0.{number}",
            "os": "Amazon Linux 2023",
            "source_image_name": f"al2023-ami-minimal-2023.12.{number}.0-kernel-6.1-x86_64",
        }

    @staticmethod
    def _changed(facts: Mapping[str, Fact], last: Release | None) -> Mapping[str, Fact]:
        before = last.about.facts if last else {}
        return {
            name: before[name]
            for name, value in facts.items()
            if before.get(name, value) != value and name != "source_image_id"
        }
