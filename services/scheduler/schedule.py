"""Runs a round: for each region, updates rows from the catalogue and requests lookups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from services.kernel.clock import now
from services.kernel.deadline import Deadline
from services.kernel.errors import (
    CallFailedError,
    MalformedError,
    OutOfTimeError,
    RefusedError,
    RegionsFailedError,
)
from services.kernel.model import Catalogue, Target
from services.kernel.observability import Log
from services.kernel.round_records import Note
from services.scheduler.plan import rotated
from services.scheduler.region import Limits, PlannedRows, Queue, RegionRun, note_failure
from services.scheduler.report import RoundReport

_NOTE = "*"

T = TypeVar("T")


class RoundRows(PlannedRows, Protocol):
    """The part of the table that rounds use; `Inventory` with DynamoDB, a fake in tests."""

    def prepare(self, targets: Collection[Target]) -> None:
        """Read what the next read of these targets' regions needs, in fewer calls."""
        ...

    def note(self) -> Note:
        """The scheduler's note."""
        ...

    def start_next_at(self, region: str) -> None:
        """Store the region where the next round begins."""
        ...

    def remember(self, regions: Collection[str]) -> None:
        """Store the regions that can have active rows."""
        ...

    def keep_interval(self, minutes: int | None) -> None:
        """Store the longest time between two rounds; None removes it."""
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """After how long a pair without an outcome is stale, and the longest time between two rounds.

    `interval_minutes` is None if it is unknown.
    """

    stale_after: timedelta = timedelta(minutes=90)
    interval_minutes: int | None = None


def _no_report(_: RoundReport) -> None:
    """Do nothing."""


class Scheduler:
    """Writes rows and sends messages for the catalogue.

    `report` is called with the counts of each round, also of a failed one. A failure in one region
    is logged and does not affect other regions.
    """

    def __init__(
        self,
        rows: RoundRows,
        queue: Queue,
        log: Log,
        max_removed_percent: int,
        clock: Callable[[], datetime] = now,
        report: Callable[[RoundReport], None] = _no_report,
        timing: Timing | None = None,
    ) -> None:
        timing = timing or Timing()
        self._rows = rows
        self._interval = timing.interval_minutes
        self._log = log
        self._publish = report
        limits = Limits(max_removed_percent, timing.stale_after)
        self._region_run = RegionRun(rows, queue, log, limits, clock)

    def run(
        self, catalogue: Catalogue, round_id: str, only: Collection[str] | None, deadline: Deadline
    ) -> RoundReport:
        """Run a round in every region, or in those named in `only`.

        The start of the next round is stored before each region, as the region after it. So a run
        that ends early, even because of one region, does not always skip the same regions.

        Raises:
            OutOfTimeError: the deadline passed before every region was processed.
            RegionsFailedError: table or queue failed in some regions; the others are done.
            RefusedError: the catalogue removes too many pairs in some targets; the others are done.
            HubBrokenError: table or queue cannot be used.
            MalformedError: `only` names a region that is neither configured nor known.
        """
        report = RoundReport(round_id)
        note = self._rows.note()
        every = note.regions.union(catalogue.regions())
        regions = rotated(_selected(every, only), note.start)
        try:
            if every != note.regions:
                self._try_note(report, self._rows.remember, every)
            if self._interval != note.interval_minutes:
                self._try_note(report, self._rows.keep_interval, self._interval)
            self._rows.prepare(_targets(catalogue, regions))
            for done, region in enumerate(regions):
                if deadline.passed():
                    raise OutOfTimeError(round_id, regions[done:])
                following = regions[(done + 1) % len(regions)] if only is None else None
                # In turn, each region is read whole, so damage that no comparison shows is found.
                whole = done == 0 or only is not None
                self._run_region(catalogue, region, following, report, whole=whole)
            report.finished = only is None and not report.problems
            if only is None:
                self._finish(catalogue, regions, every, report)
                self._report_health(regions, report)
        finally:
            self._publish(report)
        return _checked(report)

    def _run_region(
        self,
        catalogue: Catalogue,
        region: str,
        following: str | None,
        report: RoundReport,
        *,
        whole: bool,
    ) -> None:
        if following is not None:
            self._try_note(report, self._rows.start_next_at, following)
        try:
            self._region_run.run(catalogue, region, report, whole=whole)
        except CallFailedError as error:
            note_failure(self._log, report, region, str(error))

    def _try_note(self, report: RoundReport, write: Callable[[T], None], value: T) -> None:
        """Write to the scheduler's note; a failure is logged and does not delay lookups."""
        try:
            write(value)
        except CallFailedError as error:
            note_failure(self._log, report, _NOTE, f"the scheduler's note was not written: {error}")

    def _finish(
        self,
        catalogue: Catalogue,
        regions: Sequence[str],
        every: Collection[str],
        report: RoundReport,
    ) -> None:
        if len(regions) > 1:
            self._try_note(report, self._rows.start_next_at, regions[1])
        left = report.still_active.union(report.problems, catalogue.regions()) - {_NOTE}
        if left != set(every):
            self._try_note(report, self._rows.remember, left)

    def _report_health(self, regions: Sequence[str], report: RoundReport) -> None:
        """Log the images that were never found, if the rows of every region were read."""
        report.health.complete = report.health.regions == set(regions)
        if report.health.complete:
            for name in report.health.never_found:
                self._log.warning("image never found", extra={"image_name": name})


def _targets(catalogue: Catalogue, regions: Collection[str]) -> list[Target]:
    return [
        Target(account_id, region)
        for region in regions
        for account_id in sorted(catalogue.accounts_in(region))
    ]


def _checked(report: RoundReport) -> RoundReport:
    if report.problems:
        raise RegionsFailedError(report.round, report.problems)
    if report.refusals:
        raise RefusedError(report.refusals)
    return report


def _selected(every: Collection[str], only: Collection[str] | None) -> Collection[str]:
    if only is None:
        return every
    unknown = sorted(set(only) - set(every))
    if unknown:
        problem = f"regions {', '.join(unknown)} are neither in regions.yaml nor in the table"
        raise MalformedError("event", problem)
    return set(only)
