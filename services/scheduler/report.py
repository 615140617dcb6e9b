"""Counts of a round, for the response and the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.kernel.observability import Measure
from services.scheduler.health import Cause, Health


@dataclass(slots=True)
class RoundReport:
    """The counts of a round; `problems` has the failures by region.

    Problems of the scheduler's note are under `*`.
    """

    round: str
    finished: bool = False
    regions: int = 0
    enqueued: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    refusals: list[str] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=dict)
    still_active: set[str] = field(default_factory=set)
    marked: int = 0
    health: Health = field(default_factory=Health)

    def answer(self) -> dict[str, object]:
        """The response: a summary."""
        return {
            "round": self.round,
            "regions": self.regions,
            "enqueued": self.enqueued.total(),
            **{name: self.changes[name] for name in sorted(self.changes)},
        }

    def measures(self) -> Iterable[Measure]:
        """The metrics of the round; a round is finished if it processed every region."""
        counts = {
            "RoundsFinished": int(self.finished),
            "RemovalsRefused": len(self.refusals),
            "RegionsFailed": len(self.problems),
        }
        yield from (Measure(name, count) for name, count in counts.items() if count)
        for region, count in sorted((+self.enqueued).items()):
            yield Measure("PairsEnqueued", count, fields={"region": region})
        if self.health.complete:
            yield from _measured(self.health)


def _measured(health: Health) -> Iterable[Measure]:
    """The metrics of the health, including zeros, so an alarm returns to OK.

    Region and account are fields of the log lines.
    """
    yield Measure("Pairs", sum(each.pairs for each in health.targets))
    for cause in Cause:
        yield Measure("PairsFailing", 0, dimensions={"cause": cause.value})
    for name in ("PairsStale", "TargetsFailing", "RowsUnreadable"):
        yield Measure(name, 0)
    for each in health.targets:
        where = each.target.fields()
        for cause, count in sorted(each.failing.items()):
            yield Measure("PairsFailing", count, dimensions={"cause": cause.value}, fields=where)
        if each.stale:
            yield Measure("PairsStale", each.stale, fields=where)
        if each.is_failing:
            yield Measure("TargetsFailing", 1, fields=where)
    for region, count in sorted((+health.unreadable).items()):
        yield Measure("RowsUnreadable", count, fields={"region": region})
    yield Measure("ImagesNeverFound", len(health.never_found))
