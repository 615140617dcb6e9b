"""Closes releases that can no longer be received, since their target was removed.

Otherwise they would stay pending forever, and the alarm would stay on.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.aggregator.outbox import Key
from services.aggregator.progress import Progress
from services.kernel.deadline import Deadline
from services.kernel.model import Release, Target
from services.kernel.observability import Log

CLOSED_AFTER = timedelta(days=7)
"""The time that a release must be pending before it can be closed."""
_LOOK_EVERY_SECONDS = 3600.0


class ClosableRows(Protocol):
    """The part of the table that `Closing` uses."""

    def may_be_active(self, target: Target) -> bool:
        """Whether an image can be active in the target."""
        ...

    def close(self, release: Release, moment: datetime) -> None:
        """Mark a release as closed: it will not be announced."""
        ...


class Closing:
    """Closes overdue releases, at most once an hour."""

    def __init__(
        self,
        rows: ClosableRows,
        log: Log,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rows = rows
        self._log = log
        self._clock = clock
        self._monotonic = monotonic
        self._last: float | None = None

    def close_overdue(self, progress: Progress, deadline: Deadline) -> None:
        """Close overdue releases of targets without an active image; one query per target."""
        if not progress.overdue or not self._is_time():
            return
        targets: dict[Target, list[Release]] = defaultdict(list)
        for release in progress.overdue.values():
            targets[release.target].append(release)
        for target, releases in targets.items():
            if deadline.passed():
                return
            self._close_target(target, releases, progress, deadline)

    def _is_time(self) -> bool:
        now, last = self._monotonic(), self._last
        if last is not None and now - last < _LOOK_EVERY_SECONDS:
            return False
        self._last = now
        return True

    def _close_target(
        self, target: Target, releases: Sequence[Release], progress: Progress, deadline: Deadline
    ) -> None:
        where = target.fields()
        try:
            if self._rows.may_be_active(target):
                return
        except Exception as error:  # noqa: BLE001 - one target's rows must not affect the others
            self._log.error("image rows not readable", extra={**where, "problem": str(error)})
            return
        for release in releases:
            if deadline.passed():
                return
            self._close(release, progress, where)

    def _close(self, release: Release, progress: Progress, where: dict[str, str]) -> None:
        named = {"event_id": release.event_id, "image_name": release.image_name}
        fields = {**named, "round": release.round, **where}
        try:
            self._rows.close(release, self._clock())
        except Exception as error:  # noqa: BLE001 - one row must not affect the others
            self._log.error("release not closed", extra={**fields, "problem": str(error)})
        else:
            progress.report.closed += 1
            progress.count_gone(Key.of(release))
            self._log.warning("release closed", extra={**fields, "version": release.version})
