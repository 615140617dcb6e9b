"""Pure view: the roll-outs of an image, which are its releases with equal join keys.

A release row is a fact: a target that has one had the release, also if it fails now. A target that
fails or is stale and has neither this release nor a later one is unknown. The time of a baseline,
of an edited lookup and of a rollback is not the time when the publisher released the image, so a
target with such a row has the release, but no duration.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from services.history.observed import ImageInTarget, label_of, link
from services.kernel.model import Kind, Release, Target

_RELEASE_KEY = "release:"
_UNDATED = datetime.min.replace(tzinfo=UTC)


class Standing(StrEnum):
    """What a target has of a roll-out."""

    HAS = "has"
    """It is the last release there."""
    HAD = "had"
    """It was replaced by a later release."""
    ROLLED_BACK = "rolled_back"
    """The publisher went back from it to an earlier image."""
    LATER = "later"
    """It has a later release, and not this one among the releases that were read."""
    LACKS = "lacks"
    UNKNOWN = "unknown"
    """The target fails or is stale."""


class Outcome(StrEnum):
    """The state of a roll-out."""

    COMPLETE = "complete"
    """Every target has or had it."""
    SUPERSEDED = "superseded"
    """Every target that lacks it has a later release."""
    ROLLED_BACK = "rolled_back"
    """It was rolled back before every target had it."""
    INCOMPLETE = "incomplete"
    """A target lacks it, or is unknown."""
    NOT_JOINED = "cannot_be_joined"
    """No release of the image has the same key in two targets, so the targets' releases differ."""
    NOT_TRACKED = "not_tracked"
    """The image is no longer tracked in any target."""


@dataclass(frozen=True, slots=True)
class Place:
    """A target in a roll-out.

    `at`, `kind` and `version` are those of its first release with the join key. `took` is None if
    this row has no roll-out time. `trouble` is that of the target, and `later_at` is when its first
    later release was detected.
    """

    target: Target
    standing: Standing
    at: datetime | None = None
    kind: Kind | None = None
    version: int | None = None
    took: int | None = None
    trouble: str | None = None
    later_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """The releases of an image with one join key.

    `first` is when the first target had it. `exact` is false if that row has no roll-out time: the
    roll-out began at `first` or before, so durations and lags are minima. `began` orders roll-outs;
    None if there is no evidence of the order.
    """

    join_key: str
    label: str
    notes_url: str | None
    first: datetime
    exact: bool
    began: datetime | None
    places: tuple[Place, ...]
    outcome: Outcome
    ended: datetime | None
    """When it became complete or superseded; None if that time is unknown."""

    def count(self, *standings: Standing) -> int:
        """The number of targets with one of these standings."""
        return sum(place.standing in standings for place in self.places)

    def lag(self, now: datetime) -> int | None:
        """Since how many seconds the first target has what others lack; None if none lags."""
        lacks = self.outcome is Outcome.INCOMPLETE and self.count(Standing.LACKS)
        if not lacks or self.began is None:
            return None
        return max(0, int((now - self.first).total_seconds()))


@dataclass(frozen=True, slots=True)
class Rollouts:
    """The last roll-outs of an image, newest first; `more` is true if there are older ones.

    `unjoined` are releases without a join key, newest first.
    """

    found: tuple[Rollout, ...] = ()
    more: bool = False
    unjoined: tuple[Release, ...] = ()


def rollouts(image: Sequence[ImageInTarget], last: int) -> Rollouts:
    """The last roll-outs of an image, from what was read about it in every target."""
    everything = [row.release for seen in image for row in seen.releases]
    groups: dict[str, list[Release]] = defaultdict(list)
    for release in everything:
        if release.about.join_key:
            groups[release.about.join_key].append(release)
    starts = {key: _Start.of(releases) for key, releases in groups.items()}
    newest = sorted(starts, key=lambda key: (starts[key].order, starts[key].first), reverse=True)
    joined = _joined(groups)
    shown = tuple(
        _rollout(key, groups[key], starts, image, joined=joined or key.startswith(_RELEASE_KEY))
        for key in newest[:last]
    )
    unjoined = sorted(
        (release for release in everything if not release.about.join_key),
        key=lambda release: (release.detected_at, release.target),
        reverse=True,
    )
    more = len(newest) > last or not all(seen.complete for seen in image)
    return Rollouts(shown, more, tuple(unjoined))


def _joined(groups: Mapping[str, Iterable[Release]]) -> bool:
    """Whether the releases of different targets have equal keys, or there is only one target."""
    where = [{release.target for release in releases} for releases in groups.values()]
    return any(len(targets) > 1 for targets in where) or len(set[Target]().union(*where)) <= 1


@dataclass(frozen=True, slots=True)
class _Start:
    """When the first target had a release; `order` compares roll-outs.

    A row that is not of kind `release` is no evidence of the order. The creation date of the image
    is then used; without one the release counts as the oldest.
    """

    first: datetime
    exact: bool
    order: datetime

    @classmethod
    def of(cls, releases: Iterable[Release]) -> _Start:
        """The start of a roll-out."""
        earliest = min(releases, key=_earliest)
        first, exact = earliest.detected_at, earliest.kind is Kind.RELEASE
        created = [at for r in releases if (at := _created(r)) is not None]
        order = first if exact else min(first, *created) if created else _UNDATED
        return cls(first, exact, order)


def _earliest(release: Release) -> tuple[datetime, bool, Target, int]:
    """Of two at the same time, the one that has no roll-out time is the first."""
    is_release = release.kind is Kind.RELEASE
    return release.detected_at, is_release, release.target, release.version


def _created(release: Release) -> datetime | None:
    """The creation date of the image; None if it is not a time in UTC."""
    try:
        found = datetime.fromisoformat(release.observed.creation_date or "")
    except ValueError:
        return None
    return found if found.tzinfo else None


def _rollout(
    key: str,
    releases: Sequence[Release],
    starts: Mapping[str, _Start],
    image: Sequence[ImageInTarget],
    *,
    joined: bool,
) -> Rollout:
    start = starts[key]
    places = tuple(_place(key, seen, starts) for seen in image if seen.active)
    newest = max(releases, key=lambda release: (release.detected_at, release.target))
    outcome = _outcome(places) if joined else Outcome.NOT_JOINED
    return Rollout(
        join_key=key,
        label=label_of(newest),
        notes_url=link(newest.about.notes_url),
        first=start.first,
        exact=start.exact,
        began=start.order if start.order != _UNDATED else None,
        places=places,
        outcome=outcome,
        ended=_ended(places, outcome),
    )


def _place(key: str, seen: ImageInTarget, starts: Mapping[str, _Start]) -> Place:
    start = starts[key]
    releases = [row.release for row in reversed(seen.releases)]  # oldest first
    own = [number for number, each in enumerate(releases) if each.about.join_key == key]
    if own:
        first = releases[own[0]]
        took = int((first.detected_at - start.first).total_seconds())
        return Place(
            seen.target,
            _had(releases[own[-1] + 1 :]),
            at=first.detected_at,
            kind=first.kind,
            version=first.version,
            took=max(0, took) if first.kind is Kind.RELEASE else None,
            trouble=seen.trouble,
        )
    later = next(_later(releases, start, starts), None)
    if later is not None:
        return Place(seen.target, Standing.LATER, later_at=later.detected_at, trouble=seen.trouble)
    if seen.trouble:
        return Place(seen.target, Standing.UNKNOWN, trouble=seen.trouble)
    return Place(seen.target, Standing.LACKS)


def _had(after: Sequence[Release]) -> Standing:
    """The standing of a target that had a release, by its releases after the last with the key."""
    if not after:
        return Standing.HAS
    return Standing.ROLLED_BACK if after[0].kind is Kind.ROLLBACK else Standing.HAD


def _later(
    releases: Iterable[Release], start: _Start, starts: Mapping[str, _Start]
) -> Iterator[Release]:
    """The releases of roll-outs that began later.

    A release without a key is later if it was detected after the start. A slow target can still get
    an earlier release after the start: it is not later.
    """
    for release in releases:
        key = release.about.join_key
        if key is None:
            later = release.kind is Kind.RELEASE and release.detected_at > start.first
        else:
            later = starts[key].order > start.order
        if later:
            yield release


def _outcome(places: Sequence[Place]) -> Outcome:
    standings = {place.standing for place in places}
    if not standings:
        return Outcome.NOT_TRACKED
    if not standings & {Standing.LATER, Standing.LACKS, Standing.UNKNOWN}:
        return Outcome.COMPLETE
    if Standing.ROLLED_BACK in standings:
        return Outcome.ROLLED_BACK
    if not standings & {Standing.LACKS, Standing.UNKNOWN}:
        return Outcome.SUPERSEDED
    return Outcome.INCOMPLETE


def _ended(places: Iterable[Place], outcome: Outcome) -> datetime | None:
    """When the last target got it or a later release; rows without a roll-out time do not count."""
    if outcome not in {Outcome.COMPLETE, Outcome.SUPERSEDED}:
        return None
    times = [place.later_at if place.took is None else place.at for place in places]
    return max((time for time in times if time is not None), default=None)
