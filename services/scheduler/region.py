"""One region of a round: updates its rows from the catalogue and requests lookups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.kernel.errors import CallFailedError, UnsentError
from services.kernel.model import (
    Catalogue,
    Image,
    Pair,
    Request,
    State,
    Target,
    Window,
)
from services.kernel.observability import Log
from services.scheduler.inventory import RegionRows
from services.scheduler.plan import Action, Plan, plan, requests
from services.scheduler.report import RoundReport
from services.scheduler.row_writer import ImageRows, RowWriter
from services.scheduler.window import advance

MAX_MARKED = 500
"""The most rows that a run marks as stale: about five seconds of writes."""

_NEW_PAIRS = frozenset({Action.CREATE, Action.REACTIVATE})


class PlannedRows(ImageRows, Protocol):
    """The part of the table that `RegionRun` uses."""

    def read(self, region: str, *, whole: bool) -> RegionRows:
        """The rows of the region; all attributes of its image rows if `whole`, or if in doubt."""
        ...

    def begin_round(
        self,
        target: Target,
        before: Window | None,
        advance: Callable[[Window], Window],
        enqueued: int,
        moment: datetime,
    ) -> Window:
        """Write the window that `advance` computes to the target's round row, and return it."""
        ...

    def mark_stale(self, pair: Pair, moment: datetime) -> None:
        """Write the state `stale`, unless the pair's status changed since it was read."""
        ...


class Queue(Protocol):
    """The queue for requests; `LookupQueue` with SQS, a fake in tests."""

    def send(self, requests: Sequence[Request]) -> None:
        """Send every request to the queue."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a round can remove, and after how long a pair without an outcome is stale."""

    max_removed_percent: int
    stale_after: timedelta


class RegionRun:
    """Runs a round in single regions."""

    def __init__(
        self,
        rows: PlannedRows,
        queue: Queue,
        log: Log,
        limits: Limits,
        clock: Callable[[], datetime],
    ) -> None:
        self._rows = rows
        self._queue = queue
        self._log = log
        self._writer = RowWriter(rows, log)
        self._limits = limits
        self._clock = clock

    def run(self, catalogue: Catalogue, region: str, report: RoundReport, *, whole: bool) -> None:
        """Write the rows of a region, then request its lookups.

        If `whole`, attributes are read and repaired that rounds do not compare.

        Raises:
            CallFailedError: the table is busy.
            HubBrokenError: the table or the queue cannot be used.
        """
        rows = self._rows.read(region, whole=whole)
        plans = self._plans(catalogue, region, rows)
        if not rows.whole and any(planned.touches_rows() for planned, _ in plans):
            rows = self._rows.read(region, whole=True)
            plans = self._plans(catalogue, region, rows)
        report.health.add_region(region, rows.unreadable)
        stale: list[Pair] = []
        for planned, images in plans:
            account_id = planned.target.account_id
            window = self._run_target(planned, images, rows, report)
            # The window that was read, if the round row was not written.
            known = window if window.window else rows.windows.get(account_id) or Window()
            report.health.add_target(planned.target, rows.of(account_id), known)
            stale += _stale(planned.active, window)
        self._mark(stale, report)
        report.regions += 1

    def _plans(
        self, catalogue: Catalogue, region: str, rows: RegionRows
    ) -> list[tuple[Plan, Sequence[Image]]]:
        """The plan of each account of the region, with the images that it tracks."""
        configured = catalogue.accounts_in(region)
        left_over = {pair.target.account_id for pair in rows.pairs if pair.active}
        plans: list[tuple[Plan, Sequence[Image]]] = []
        for account_id in sorted(left_over.union(configured)):
            target = Target(account_id, region)
            images = catalogue.images_in(target) if account_id in configured else ()
            limit = self._limits.max_removed_percent
            numbers = rows.numbers.get(account_id)
            plans.append((plan(target, images, rows.of(account_id), limit, numbers), images))
        return plans

    def _run_target(
        self, planned: Plan, images: Iterable[Image], rows: RegionRows, report: RoundReport
    ) -> Window:
        """Write a target's rows, then send its messages; returns the current window.

        Pairs whose row cannot be written, or whose message cannot be sent, are left out.
        """
        self._note_plan(planned, report)
        failed = self._write_rows(planned, rows, report)
        requested = [pair for pair in planned.active if pair.image_name not in failed]
        if not planned.active:
            return Window()
        report.still_active.add(planned.target.region)
        window = self._begin_round(planned, rows, requested, failed, report)
        self._send(planned.target, requests(requested, images, report.round), report)
        return window

    def _write_rows(self, planned: Plan, rows: RegionRows, report: RoundReport) -> set[str]:
        """Write the rows; returns the image names of those that could not be written."""
        problems = self._writer.write(planned, rows.numbers.get(planned.target.account_id, {}))
        if problems:
            first = next(iter(problems.values()))
            problem = (
                f"{len(problems)} of {len(planned.changes)} rows of account "
                f"{planned.target.account_id} were not written, first: {first}"
            )
            note_failure(self._log, report, planned.target.region, problem)
        return set(problems)

    def _begin_round(
        self,
        planned: Plan,
        rows: RegionRows,
        requested: Sequence[Pair],
        failed: Collection[str],
        report: RoundReport,
    ) -> Window:
        target = planned.target
        # An undecodable row is written again in each round, but it is not a new pair.
        damaged = rows.numbers.get(target.account_id, {})
        tracked = {pair.image_name for pair in planned.active}
        active = _numbers(pair for pair in rows.of(target.account_id) if pair.active)
        active |= {number for name, number in damaged.items() if name in tracked}
        fresh = _numbers(
            change.pair
            for change in planned.changes
            if change.action in _NEW_PAIRS and change.pair.image_name not in {*failed, *damaged}
        )

        moment = self._clock()

        def next_window(before: Window) -> Window:
            return advance(before, report.round, active, fresh, self._limits.stale_after, moment)

        before = rows.windows.get(target.account_id, Window())
        try:
            return self._rows.begin_round(target, before, next_window, len(requested), moment)
        except CallFailedError as error:
            problem = f"the round row of account {target.account_id} was not written: {error}"
            note_failure(self._log, report, target.region, problem)
            return Window()

    def _send(self, target: Target, messages: Sequence[Request], report: RoundReport) -> None:
        sent = len(messages)
        try:
            self._queue.send(messages)
        except UnsentError as error:
            note_failure(self._log, report, target.region, f"account {target.account_id}: {error}")
            sent -= error.count
        report.enqueued[target.region] += sent

    def _mark(self, stale: Sequence[Pair], report: RoundReport) -> None:
        """Mark the rows of stale pairs, up to a limit.

        If the table is busy, this run marks no more rows, since each write would wait as long.
        """
        problems: list[str] = []
        marked = 0
        for pair in stale[: max(0, MAX_MARKED - report.marked)]:
            report.marked += 1
            try:
                self._rows.mark_stale(pair, self._clock())
                marked += 1
            except CallFailedError as error:
                problems.append(f"{pair.image_name}: {error}")
                if error.failure.retryable:
                    report.marked = MAX_MARKED
                    break
        if stale:
            region = stale[0].target.region
            counts = {"region": region, "stale": len(stale), "marked": marked}
            self._log.warning("pairs are stale", extra=counts)
            if problems:
                left = f"{len(problems)} rows were not marked as stale, first: {problems[0]}"
                note_failure(self._log, report, region, left)

    def _note_plan(self, planned: Plan, report: RoundReport) -> None:
        where = planned.target.fields()
        if planned.refusal is not None:
            self._log.error("removal refused", extra={**where, "problem": planned.refusal})
            report.refusals.append(planned.refusal)
        counts = Counter(change.action.value for change in planned.changes)
        if counts:
            self._log.info("configuration applied", extra={**where, "changes": dict(counts)})
        report.changes += counts


def _numbers(pairs: Iterable[Pair]) -> frozenset[int]:
    return frozenset(pair.number for pair in pairs if pair.number)


def _stale(active: Iterable[Pair], window: Window) -> list[Pair]:
    """The pairs to mark as stale; rows with another problem are not changed."""
    unanswered = window.unanswered()
    return [pair for pair in active if pair.state == State.OK and pair.number in unanswered]


def note_failure(log: Log, report: RoundReport, region: str, problem: str) -> None:
    """Log and count a failure in a region; the round continues."""
    log.error("region failed", extra={"region": region, "problem": problem})
    report.problems.setdefault(region, []).append(problem)
