"""Runs a round: region by region, brings rows in line with the catalogue and asks for lookups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.kernel.aws import MAX_THREADS
from services.kernel.errors import (
    CallFailedError,
    MalformedError,
    OutOfTimeError,
    RefusedError,
    RegionsFailedError,
    UnsentError,
)
from services.kernel.model import Catalogue, Pair, Request, Target
from services.kernel.observe import Log, Measure
from services.kernel.runtime import Deadline, now, timestamp
from services.scheduler.inventory import Note
from services.scheduler.plan import Change, Plan, plan, rotated


class Rows(Protocol):
    """What a round needs of the table; `Inventory` over DynamoDB, a fake in tests."""

    def pairs(self, region: str) -> list[Pair]:
        """Every pair that has a row in the region."""
        ...

    def apply(self, change: Change) -> None:
        """Write a pair's configuration."""
        ...

    def begin_round(self, target: Target, round_: str, enqueued: int, started_at: str) -> None:
        """Write the target's round row."""
        ...

    def note(self) -> Note:
        """What the last round left."""
        ...

    def start_next_at(self, region: str) -> None:
        """Let the next round begin with this region."""
        ...

    def remember(self, regions: Collection[str]) -> None:
        """Note which regions may hold active rows."""
        ...


class Queue(Protocol):
    """Where requests go; `LookupQueue` over SQS, a fake in tests."""

    def send(self, requests: Sequence[Request]) -> None:
        """Put every request on the queue."""
        ...


@dataclass(slots=True)
class Summary:
    """What a round did; `problems` says by region why it had no round there."""

    round: str
    finished: bool = False
    regions: int = 0
    enqueued: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    refusals: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    still_active: set[str] = field(default_factory=set)

    def answer(self) -> dict[str, object]:
        """The counts, for people."""
        return {
            "round": self.round,
            "regions": self.regions,
            "enqueued": self.enqueued.total(),
            **{name: self.changes[name] for name in sorted(self.changes)},
        }

    def measures(self) -> Iterable[Measure]:
        """The round in metrics; it counts as finished when every region there is had its turn."""
        counts = {
            "RoundsFinished": int(self.finished),
            "RemovalsRefused": len(self.refusals),
            "RegionsFailed": len(self.problems),
        }
        yield from (Measure(name, count) for name, count in counts.items() if count)
        for region, count in sorted(self.enqueued.items()):
            yield Measure("PairsEnqueued", count, dimensions={"region": region})


def _unreported(summary: Summary) -> None:
    """Tell nobody."""


class Scheduler:
    """Turns the catalogue into rows and messages; `report` is told of each round, however it ended.

    What cannot be scheduled in one region is logged and keeps no other region from its round.
    """

    def __init__(
        self,
        rows: Rows,
        queue: Queue,
        log: Log,
        max_removed_percent: int,
        clock: Callable[[], datetime] = now,
        report: Callable[[Summary], None] = _unreported,
    ) -> None:
        self._rows = rows
        self._queue = queue
        self._log = log
        self._max_removed_percent = max_removed_percent
        self._clock = clock
        self._report = report

    def run(
        self, catalogue: Catalogue, round_: str, only: Collection[str] | None, deadline: Deadline
    ) -> Summary:
        """Run a round over every region, or over those named in `only`.

        The next round begins behind the region that this one is at, so neither a run that is cut
        short nor a region that kills it can starve the others.

        Raises:
            OutOfTimeError: the time was over before every region had its turn.
            RegionsFailedError: table or queue were busy in some regions; the rest is done.
            RefusedError: the catalogue removes too much from some targets; the rest is done.
            HubBrokenError: table or queue cannot be used at all.
            MalformedError: `only` names a region that is neither configured nor known.
        """
        note = self._rows.note()
        every = note.regions.union(catalogue.regions())
        if every != note.regions:
            self._rows.remember(every)
        regions = rotated(_selected(every, only), note.start)
        summary = Summary(round_)
        try:
            for done, region in enumerate(regions):
                if deadline.passed():
                    raise OutOfTimeError(round_, regions[done:])
                following = regions[(done + 1) % len(regions)] if only is None else None
                self._turn(catalogue, region, following, summary)
            summary.finished = only is None and not summary.problems
            if only is None:
                self._finish(catalogue, regions, every, summary)
        finally:
            self._report(summary)
        return _without_trouble(summary)

    def _turn(
        self, catalogue: Catalogue, region: str, following: str | None, summary: Summary
    ) -> None:
        try:
            if following is not None:
                self._rows.start_next_at(following)
            self._region(catalogue, region, summary)
        except (CallFailedError, UnsentError) as error:
            problem = str(error)
            self._log.error("region failed", extra={"region": region, "problem": problem})
            summary.problems[region] = problem

    def _finish(
        self, catalogue: Catalogue, regions: Sequence[str], every: Collection[str], summary: Summary
    ) -> None:
        if len(regions) > 1:
            self._rows.start_next_at(regions[1])
        left = summary.still_active.union(summary.problems, catalogue.regions())
        if left != set(every):
            self._rows.remember(left)

    def _region(self, catalogue: Catalogue, region: str, summary: Summary) -> None:
        rows = self._rows.pairs(region)
        configured = catalogue.accounts_in(region)
        left_over = {pair.target.account_id for pair in rows if pair.active}
        for account_id in sorted(left_over.union(configured)):
            images = catalogue.images_in(region) if account_id in configured else ()
            own = [pair for pair in rows if pair.target.account_id == account_id]
            target = Target(account_id, region)
            self._carry_out(plan(target, images, own, self._max_removed_percent), summary)
        summary.regions += 1

    def _carry_out(self, planned: Plan, summary: Summary) -> None:
        self._note_plan(planned, summary)
        with ThreadPoolExecutor(max_workers=MAX_THREADS // 2) as pool:
            list(pool.map(self._rows.apply, planned.changes))
        if not planned.active:
            return
        target, count = planned.target, len(planned.active)
        self._rows.begin_round(target, summary.round, count, timestamp(self._clock()))
        self._queue.send([
            Request(summary.round, target, pair.image_name, pair.lookup) for pair in planned.active
        ])  # fmt: skip
        summary.enqueued[target.region] += count
        summary.still_active.add(target.region)

    def _note_plan(self, planned: Plan, summary: Summary) -> None:
        where = {"region": planned.target.region, "account_id": planned.target.account_id}
        if planned.refusal is not None:
            self._log.error("removal refused", extra={**where, "problem": planned.refusal})
            summary.refusals.append(planned.refusal)
        counts = Counter(change.action.value for change in planned.changes)
        if counts:
            self._log.info("configuration applied", extra={**where, "changes": dict(counts)})
        summary.changes += counts


def _without_trouble(summary: Summary) -> Summary:
    if summary.problems:
        raise RegionsFailedError(summary.round, summary.problems)
    if summary.refusals:
        raise RefusedError(summary.refusals)
    return summary


def _selected(every: Collection[str], only: Collection[str] | None) -> Collection[str]:
    if only is None:
        return every
    unknown = sorted(set(only) - set(every))
    if unknown:
        problem = f"regions {', '.join(unknown)} are neither in regions.yaml nor in the table"
        raise MalformedError("event", problem)
    return set(only)
