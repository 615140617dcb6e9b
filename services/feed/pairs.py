"""The tracked pairs of an overview, as all files of the feed need them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.feed.listing import Listed, listed
from services.history.conditions import time_of
from services.history.observed import ImageInTarget
from services.history.overview import Overview
from services.kernel.model import Release, Target
from services.kernel.round_records import RoundRow
from services.kernel.wire import ACCOUNT_ID, IMAGE_NAME, REGION


@dataclass(frozen=True, slots=True)
class TrackedPair:
    """An image in a target.

    `releases` are those in its file, None if it is unknown which image is current. `judged_at` is
    the scheduled time of the target's last round: an image is deprecated if its time has passed
    then, so that the files depend on rows only.
    """

    name: str
    seen: ImageInTarget
    releases: tuple[Listed, ...] | None
    judged_at: datetime | None

    @property
    def target(self) -> Target:
        """Where the image is tracked."""
        return self.seen.target

    @property
    def path(self) -> str:
        """The path of its file."""
        return path_of(self.name, self.target)

    def deprecation_time(self, release: Release) -> datetime | None:
        """When an image becomes deprecated: of the known image as last seen, else as committed."""
        known = self.seen.pair.known if self.seen.pair else None
        if known is not None and known.image_id == release.observed.image_id:
            return known.deprecation_time
        found = release.about.facts.get("deprecation_time")
        return time_of(found) if isinstance(found, str) else None

    def is_deprecated(self, release: Release) -> bool:
        """Whether the image is deprecated."""
        until = self.deprecation_time(release)
        return until is not None and self.judged_at is not None and until <= self.judged_at


def path_of(name: str, target: Target) -> str:
    """The path of the file of an image in a target."""
    return f"{target.account_id}/{target.region}/{name}.json"


def is_safe(name: str, target: Target) -> bool:
    """Whether a path can be made of the names: the configuration accepts only such names."""
    parts = {IMAGE_NAME: name, ACCOUNT_ID: target.account_id, REGION: target.region}
    return all(re.match(pattern, part) for pattern, part in parts.items())


def tracked_pairs(overview: Overview) -> tuple[TrackedPair, ...]:
    """Each tracked pair of which a path can be made, by image name, account and region."""
    rounds = overview.snapshot.rounds()
    found = [
        _pair(name, seen, rounds)
        for name, image in overview.images.items()
        for seen in image
        if seen.active and is_safe(name, seen.target)
    ]
    return tuple(sorted(found, key=lambda each: (each.name, each.target)))


def unsafe_names(overview: Overview) -> tuple[str, ...]:
    """A sentence for each pair of which no path can be made."""
    return tuple(
        f"the image row {name!r} of {seen.target} has a name that no file can have; it is left out"
        for name, image in overview.images.items()
        for seen in image
        if not is_safe(name, seen.target)
    )


def _pair(name: str, seen: ImageInTarget, rounds: Mapping[Target, RoundRow]) -> TrackedPair:
    rows = sorted(seen.releases, key=lambda row: row.release.version, reverse=True)
    ordered = replace(seen, releases=tuple(rows))
    row = rounds.get(seen.target)
    return TrackedPair(name, ordered, listed(ordered), time_of(row.window.round) if row else None)


def is_unread(overview: Overview, target: Target) -> bool:
    """Whether a pair that the overview does not have can still be tracked in a target.

    An image row of its region could not be decoded, or not all of the rows were read.
    """
    snapshot = overview.snapshot
    for region in snapshot.regions:
        if region.region == target.region:
            return bool(region.images.unreadable) or not region.images.complete
    return not snapshot.every_region or target.region in snapshot.note.regions


def obsolete(overview: Overview, paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the paths whose pair is no longer tracked; other paths are ignored.

    Without any tracked pair nothing is obsolete: this is probably the wrong table.
    """
    pairs = {pair.path for pair in tracked_pairs(overview)}
    if not pairs:
        return ()
    named = {path: pair_of(path) for path in paths if path not in pairs}
    return tuple(
        sorted(path for path, pair in named.items() if pair and not is_unread(overview, pair[1]))
    )


def pair_of(path: str) -> tuple[str, Target] | None:
    """The image name and target of the path of a pair's file; None if it is another path."""
    account, _, rest = path.removesuffix(".json").partition("/")
    region, _, name = rest.partition("/")
    target = Target(account, region)
    return (name, target) if is_safe(name, target) and path == path_of(name, target) else None
