"""Whether a deployment is healthy, and what is not: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.history.attention import Attention, attention, of_region
from services.history.conditions import (
    OF_PAIRS,
    Condition,
    Finding,
    Urgency,
    findings,
    time_of,
)
from services.history.rows import Snapshot

MISSED_LIMIT = 3
"""The number of missed rounds that need attention."""
_OLD = timedelta(hours=24)
"""The age of a round on which to act. If the interval is unknown, only this age counts."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """The last round of a region with tracked images: of its oldest target.

    `missed` is the number of rounds since then that did not take place; None if the interval is
    unknown. All but the region are None if there was no round.
    """

    region: str
    last_round: datetime | None = None
    age: timedelta | None = None
    missed: int | None = None

    @property
    def is_old(self) -> bool:
        """Whether the states of the region are outdated."""
        if self.age is None:
            return False
        return self.age >= _OLD if self.missed is None else self.missed >= MISSED_LIMIT


@dataclass(frozen=True, slots=True)
class Status:
    """The answer of `status`. The counts and entries are those of the selected images."""

    moment: datetime
    findings: tuple[Finding, ...]
    attention: tuple[Attention, ...]
    counts: Mapping[Condition, int]
    freshness: tuple[Freshness, ...]
    interval_minutes: int | None
    unreadable: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing has to be done or watched."""
        return all(entry.urgency is Urgency.NOTE for entry in self.attention)

    def of_urgency(self, urgency: Urgency) -> int:
        """The number of causes of an urgency."""
        return sum(entry.urgency is urgency for entry in self.attention)


def status(snapshot: Snapshot, names: Collection[str] | None = None) -> Status:
    """The status of the images with these names, or of all."""
    everything = findings(snapshot)
    shown = [each for each in everything if names is None or each.image_name in names]
    fresh = freshness(snapshot, shown)
    of_regions = _of_regions(snapshot, fresh, shown)
    counts = Counter(each.condition for each in shown)
    return Status(
        moment=snapshot.moment,
        findings=tuple(shown),
        attention=(*of_regions, *attention(everything, names)),
        counts={condition: counts[condition] for condition in OF_PAIRS},
        freshness=fresh,
        interval_minutes=snapshot.note.interval_minutes,
        unreadable=unreadable(snapshot),
    )


def unreadable(snapshot: Snapshot) -> tuple[str, ...]:
    """The problem of each row that cannot be decoded."""
    rows = [each for region in snapshot.regions for each in (region.images, region.rounds)]
    return tuple(problem for each in (*rows, snapshot.pending) for problem in each.unreadable)


def freshness(snapshot: Snapshot, found: Sequence[Finding]) -> tuple[Freshness, ...]:
    """The last round of each region that has tracked images."""
    rounds = snapshot.rounds()
    oldest: dict[str, list[datetime | None]] = {}
    for target in {each.target for each in found}:
        row = rounds.get(target)
        oldest.setdefault(target.region, []).append(time_of(row.window.round) if row else None)
    interval = snapshot.note.interval_minutes
    return tuple(
        _fresh(region, [each for each in times if each], snapshot.moment, interval)
        for region, times in sorted(oldest.items())
    )


def _fresh(
    region: str, times: Sequence[datetime], moment: datetime, interval: int | None
) -> Freshness:
    if not times:
        return Freshness(region)
    age = max(moment - min(times), timedelta())
    missed = int(age / timedelta(minutes=interval)) if interval else None
    return Freshness(region, min(times), age, missed)


def _of_regions(
    snapshot: Snapshot, fresh: Sequence[Freshness], shown: Sequence[Finding]
) -> list[Attention]:
    regions = snapshot.regions
    damaged = {r.region for r in regions if r.images.unreadable or r.rounds.unreadable}
    cut = {r.region for r in regions if not (r.images.complete and r.rounds.complete)}
    old = [each for each in fresh if each.is_old]
    found = []
    if not shown:
        found.append(of_region(Condition.EMPTY, ()))
    if old:
        since = min(each.last_round for each in old if each.last_round)
        red = any(each.age and each.age >= _OLD for each in old)
        more = {"since": since, **({"urgency": Urgency.ACT} if red else {})}
        found.append(of_region(Condition.ROUNDS_MISSED, [each.region for each in old], **more))
    if damaged or snapshot.pending.unreadable:
        found.append(of_region(Condition.UNREADABLE, damaged))
    if cut or not snapshot.pending.complete:
        found.append(of_region(Condition.INCOMPLETE, cut))
    return sorted(found, key=lambda entry: entry.condition.rank)
