"""An image in all its targets: its releases, grouped by join key, newest first: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.history.observed import ImageInTarget
from services.history.releases import Entry, history
from services.history.rollouts import Outcome, Rollout, Rollouts, rollouts
from services.kernel.model import Kind, Release

_EVERY = 10_000
"""More roll-outs than can be read of an image."""

GroupKey = tuple[str, bool, int] | tuple[int, int]
"""The join key, whether it is a rollback, and which time a target had it; or a single release."""


@dataclass(frozen=True, slots=True)
class Row:
    """A release in a target, which is `position` in the targets of the image."""

    position: int
    entry: Entry

    @property
    def release(self) -> Release:
        """The release of the row."""
        return self.entry.row.release

    @property
    def until(self) -> datetime | None:
        """When it was replaced; None if it is current, or if that is unknown."""
        return None if self.entry.current else self.entry.until


@dataclass(slots=True)
class Group:
    """The releases of several targets that are one release of the image.

    `rollout` is None for a rollback, and for a release without a join key.
    """

    key: GroupKey
    rollout: Rollout | None = None
    rows: list[Row] = field(default_factory=list)
    replaced: set[GroupKey] = field(default_factory=set)
    """The groups from which a rollback went back."""

    @property
    def is_rollback(self) -> bool:
        """Whether the publisher went back to this release."""
        return self.rows[0].release.kind is Kind.ROLLBACK

    @property
    def earliest(self) -> Release:
        """The first release; of two at the same time, the one without a time of its own."""
        return min((row.release for row in self.rows), key=_first)

    @property
    def exact(self) -> bool:
        """Whether the time of the first release is that of the release or of the rollback."""
        return self.earliest.kind in {Kind.RELEASE, Kind.ROLLBACK}

    @property
    def order(self) -> tuple[float, float]:
        """Compares groups: the older one is less."""
        first = self.earliest.detected_at
        began = self.rollout.began if self.rollout and self.key[-1] == 0 else first
        return (began.timestamp() if began else float("-inf"), first.timestamp())


@dataclass(frozen=True, slots=True)
class Tracked:
    """An image: what was read in each target, in the order of `seen`, and its groups."""

    name: str
    seen: tuple[ImageInTarget, ...]
    rollouts: Rollouts
    groups: tuple[Group, ...]

    @property
    def current(self) -> list[int | None]:
        """The place of each target's current release in `groups`."""
        found: list[int | None] = [None] * len(self.seen)
        for place, group in enumerate(self.groups):
            for row in group.rows:
                if row.entry.current:
                    found[row.position] = place
        return found

    def state_of(self, group: Group) -> str:
        """The state of a group as a roll-out.

        A rollback is complete if no target still has the release that was replaced by it.
        """
        if group.is_rollback:
            current = {self.groups[place].key for place in self.current if place is not None}
            return "incomplete" if current & group.replaced else "complete"
        outcome = group.rollout.outcome if group.rollout else Outcome.NOT_JOINED
        return _STATES[outcome]


_STATES: Mapping[Outcome, str] = {
    Outcome.COMPLETE: "complete",
    Outcome.SUPERSEDED: "superseded",
    Outcome.ROLLED_BACK: "rolled_back",
    Outcome.INCOMPLETE: "incomplete",
    Outcome.NOT_JOINED: "not_joined",
    Outcome.NOT_TRACKED: "incomplete",
}


def tracked(name: str, seen: Sequence[ImageInTarget], moment: datetime) -> Tracked:
    """What the page shows of an image."""
    found = rollouts(seen, _EVERY)
    by_key = {each.join_key: each for each in found.found}
    groups: dict[GroupKey, Group] = {}
    for position, each in enumerate(seen):
        before: GroupKey | None = None
        for key, entry in _keyed(position, each, moment):
            group = groups.setdefault(key, Group(key, _rollout_of(key, by_key)))
            group.rows.append(Row(position, entry))
            if before is not None and group.is_rollback:
                group.replaced.add(before)
            before = key
    newest = sorted(groups.values(), key=lambda group: str(group.key))
    newest.sort(key=lambda group: group.order, reverse=True)
    return Tracked(name, tuple(seen), found, tuple(newest))


def _keyed(
    position: int, seen: ImageInTarget, moment: datetime
) -> Iterator[tuple[GroupKey, Entry]]:
    """The releases of a target with their groups, oldest first."""
    times: Counter[tuple[str, bool]] = Counter()
    for entry in reversed(history(seen, moment).entries):
        release = entry.release
        if not release.about.join_key:
            yield (position, release.version), entry
            continue
        key = (release.about.join_key, release.kind is Kind.ROLLBACK)
        yield (*key, times[key]), entry
        times[key] += 1


def _rollout_of(key: GroupKey, found: Mapping[str, Rollout]) -> Rollout | None:
    """The roll-out of a group: of the first time that a target had a release."""
    return found.get(key[0]) if isinstance(key[0], str) and not key[1] else None


def _first(release: Release) -> tuple[datetime, bool]:
    return release.detected_at, release.kind in {Kind.RELEASE, Kind.ROLLBACK}


def by_image(pairs: Mapping[str, Sequence[ImageInTarget]], moment: datetime) -> dict[str, Tracked]:
    """All images, by name."""
    return {name: tracked(name, seen, moment) for name, seen in pairs.items()}
