"""Runs a round: region by region, brings rows in line with the catalogue and asks for lookups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from services.kernel.clock import now
from services.kernel.deadline import Deadline
from services.kernel.errors import (
    CallFailedError,
    HubBrokenError,
    MalformedError,
    OutOfTimeError,
    RefusedError,
    RegionsFailedError,
    State,
    UnsentError,
)
from services.kernel.model import Catalogue, Pair, Request, Target, Window
from services.kernel.observability import Log, Measure
from services.kernel.round_records import Note
from services.kernel.sessions import MAX_THREADS
from services.scheduler.health import Cause, Health
from services.scheduler.inventory import RegionRows
from services.scheduler.plan import Action, Change, Plan, plan, rotated
from services.scheduler.window import advance

MAX_MARKED = 500
"""Rows that one run marks as stale: about five seconds of writes."""

_NOTE = "*"
_BEGINS = frozenset({Action.CREATE, Action.REACTIVATE})

T = TypeVar("T")


class Rows(Protocol):
    """What a round needs of the table; `Inventory` over DynamoDB, a fake in tests."""

    def read(self, region: str) -> RegionRows:
        """What the table holds of the region."""
        ...

    def apply(self, change: Change) -> None:
        """Write a pair's configuration."""
        ...

    def begin_round(
        self,
        target: Target,
        before: Window | None,
        advance: Callable[[Window], Window],
        enqueued: int,
        moment: datetime,
    ) -> Window:
        """Write the target's round row as `advance` makes it of the row as read."""
        ...

    def mark_stale(self, pair: Pair, moment: datetime) -> None:
        """Write the state `stale`, unless the pair's status changed since it was read."""
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
    """What a round did; `problems` says by region what failed there.

    Under `*` are the problems of the scheduler's own note.
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
        for region, count in sorted((+self.enqueued).items()):
            yield Measure("PairsEnqueued", count, fields={"region": region})
        if self.health.complete:
            yield from _measured(self.health)


def _measured(health: Health) -> Iterable[Measure]:
    """The health in metrics, zeros included: an alarm that is on needs a value to end.

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


def _unreported(summary: Summary) -> None:
    """Do nothing."""


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
        stale_after: timedelta = timedelta(minutes=90),
    ) -> None:
        self._rows = rows
        self._queue = queue
        self._log = log
        self._max_removed_percent = max_removed_percent
        self._clock = clock
        self._report = report
        self._stale_after = stale_after

    def run(
        self, catalogue: Catalogue, round_id: str, only: Collection[str] | None, deadline: Deadline
    ) -> Summary:
        """Run a round over every region, or over those named in `only`.

        The next round begins behind the region that this one is at, so neither a run that is cut
        short nor a region that kills it can starve the others.

        Raises:
            OutOfTimeError: the time was over before every region had its turn.
            RegionsFailedError: table or queue failed in some regions; the rest is done.
            RefusedError: the catalogue removes too much from some targets; the rest is done.
            HubBrokenError: table or queue cannot be used at all.
            MalformedError: `only` names a region that is neither configured nor known.
        """
        summary = Summary(round_id)
        note = self._rows.note()
        every = note.regions.union(catalogue.regions())
        regions = rotated(_selected(every, only), note.start)
        try:
            if every != note.regions:
                self._noted(summary, self._rows.remember, every)
            for done, region in enumerate(regions):
                if deadline.passed():
                    raise OutOfTimeError(round_id, regions[done:])
                following = regions[(done + 1) % len(regions)] if only is None else None
                self._turn(catalogue, region, following, summary)
            summary.finished = only is None and not summary.problems
            if only is None:
                self._finish(catalogue, regions, every, summary)
                self._take_stock(regions, summary)
        finally:
            self._report(summary)
        return _without_trouble(summary)

    def _turn(
        self, catalogue: Catalogue, region: str, following: str | None, summary: Summary
    ) -> None:
        if following is not None:
            self._noted(summary, self._rows.start_next_at, following)
        try:
            self._region(catalogue, region, summary)
        except CallFailedError as error:
            self._failed(summary, region, str(error))

    def _noted(self, summary: Summary, write: Callable[[T], None], value: T) -> None:
        """Write to the scheduler's note; a note that cannot be written delays no lookup."""
        try:
            write(value)
        except CallFailedError as error:
            self._failed(summary, _NOTE, f"the scheduler's note was not written: {error}")

    def _failed(self, summary: Summary, region: str, problem: str) -> None:
        self._log.error("region failed", extra={"region": region, "problem": problem})
        summary.problems.setdefault(region, []).append(problem)

    def _finish(
        self, catalogue: Catalogue, regions: Sequence[str], every: Collection[str], summary: Summary
    ) -> None:
        if len(regions) > 1:
            self._noted(summary, self._rows.start_next_at, regions[1])
        left = summary.still_active.union(summary.problems, catalogue.regions()) - {_NOTE}
        if left != set(every):
            self._noted(summary, self._rows.remember, left)

    def _take_stock(self, regions: Sequence[str], summary: Summary) -> None:
        """Name the images that were never found, if the rows of every region were read."""
        summary.health.complete = summary.health.regions == set(regions)
        if summary.health.complete:
            for name in summary.health.never_found:
                self._log.warning("image never found", extra={"image_name": name})

    def _region(self, catalogue: Catalogue, region: str, summary: Summary) -> None:
        rows = self._rows.read(region)
        summary.health.add_region(region, rows.unreadable)
        configured = catalogue.accounts_in(region)
        left_over = {pair.target.account_id for pair in rows.pairs if pair.active}
        stale: list[Pair] = []
        for account_id in sorted(left_over.union(configured)):
            images = catalogue.images_in(region) if account_id in configured else ()
            own = rows.of(account_id)
            planned = plan(
                Target(account_id, region),
                images,
                own,
                self._max_removed_percent,
                rows.numbers.get(account_id),
            )
            window = self._carry_out(planned, rows, summary)
            # As it was read where the round row could not be written, or is not written any more.
            known = window if window.window else rows.windows.get(account_id) or Window()
            summary.health.add_target(planned.target, own, known)
            stale += _stale(planned.active, window)
        self._mark(stale, summary)
        summary.regions += 1

    def _carry_out(self, planned: Plan, rows: RegionRows, summary: Summary) -> Window:
        """Write a target's rows, then send its messages; its window as it is now.

        A pair whose row cannot be written is left out. So is what the queue does not take.
        """
        self._note_plan(planned, summary)
        failed = self._write_rows(planned, summary)
        asked = [pair for pair in planned.active if pair.image_name not in failed]
        if not planned.active:
            return Window()
        summary.still_active.add(planned.target.region)
        window = self._begin_round(planned, rows, asked, failed, summary)
        self._send(planned.target, asked, summary)
        return window

    def _write_rows(self, planned: Plan, summary: Summary) -> set[str]:
        """The image names of the rows that could not be written, each for itself."""
        with ThreadPoolExecutor(max_workers=MAX_THREADS // 4) as pool:
            problems = list(pool.map(self._apply, planned.changes))
        found = [problem for problem in problems if problem is not None]
        if found:
            problem = (
                f"{len(found)} of {len(planned.changes)} rows of account "
                f"{planned.target.account_id} were not written, first: {found[0]}"
            )
            self._failed(summary, planned.target.region, problem)
        written = zip(planned.changes, problems, strict=True)
        return {change.pair.image_name for change, problem in written if problem is not None}

    def _apply(self, change: Change) -> str | None:
        """Why the row could not be written; a row that fails costs no other pair its round."""
        try:
            self._rows.apply(change)
        except HubBrokenError:
            raise
        except CallFailedError as error:
            return f"{change.pair.image_name}: {error}"
        except Exception as error:  # noqa: BLE001 - the boundary of a row
            self._log.exception("row not written", extra={"image_name": change.pair.image_name})
            return f"{change.pair.image_name}: {type(error).__name__}"
        return None

    def _begin_round(
        self,
        planned: Plan,
        rows: RegionRows,
        asked: Sequence[Pair],
        failed: Collection[str],
        summary: Summary,
    ) -> Window:
        target = planned.target
        # A row that cannot be decoded is created again in each round: it is not a new pair.
        damaged = rows.numbers.get(target.account_id, {})
        tracked = {pair.image_name for pair in planned.active}
        active = _numbers(pair for pair in rows.of(target.account_id) if pair.active)
        active |= {number for name, number in damaged.items() if name in tracked}
        fresh = _numbers(
            change.pair
            for change in planned.changes
            if change.action in _BEGINS and change.pair.image_name not in {*failed, *damaged}
        )

        moment = self._clock()

        def turn(before: Window) -> Window:
            return advance(before, summary.round, active, fresh, self._stale_after, moment)

        before = rows.windows.get(target.account_id, Window())
        try:
            return self._rows.begin_round(target, before, turn, len(asked), moment)
        except CallFailedError as error:
            problem = f"the round row of account {target.account_id} was not written: {error}"
            self._failed(summary, target.region, problem)
            return Window()

    def _send(self, target: Target, pairs: Sequence[Pair], summary: Summary) -> None:
        sent = len(pairs)
        try:
            self._queue.send([
                Request(summary.round, target, pair.image_name, pair.lookup) for pair in pairs
            ])  # fmt: skip
        except UnsentError as error:
            self._failed(summary, target.region, f"account {target.account_id}: {error}")
            sent -= error.count
        summary.enqueued[target.region] += sent

    def _mark(self, stale: Sequence[Pair], summary: Summary) -> None:
        """Show in their rows which pairs are stale, up to a limit that a run has time for.

        A table that is busy ends the marks of this run: each of them would wait as long.
        """
        problems: list[str] = []
        marked = 0
        for pair in stale[: max(0, MAX_MARKED - summary.marked)]:
            summary.marked += 1
            try:
                self._rows.mark_stale(pair, self._clock())
                marked += 1
            except CallFailedError as error:
                problems.append(f"{pair.image_name}: {error}")
                if error.failure.retryable:
                    summary.marked = MAX_MARKED
                    break
        if stale:
            region = stale[0].target.region
            counts = {"region": region, "stale": len(stale), "marked": marked}
            self._log.warning("pairs are stale", extra=counts)
            if problems:
                left = f"{len(problems)} rows were not marked as stale, first: {problems[0]}"
                self._failed(summary, region, left)

    def _note_plan(self, planned: Plan, summary: Summary) -> None:
        where = planned.target.fields()
        if planned.refusal is not None:
            self._log.error("removal refused", extra={**where, "problem": planned.refusal})
            summary.refusals.append(planned.refusal)
        counts = Counter(change.action.value for change in planned.changes)
        if counts:
            self._log.info("configuration applied", extra={**where, "changes": dict(counts)})
        summary.changes += counts


def _numbers(pairs: Iterable[Pair]) -> frozenset[int]:
    return frozenset(pair.number for pair in pairs if pair.number)


def _stale(active: Iterable[Pair], window: Window) -> list[Pair]:
    """The pairs to mark: a row that shows another problem keeps it."""
    unanswered = window.unanswered()
    return [pair for pair in active if pair.state == State.OK and pair.number in unanswered]


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
