"""Pure view: the releases that are still to be announced, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kernel.model import Target
from services.kernel.release_records import ReleaseRow

LIMIT_SECONDS = 900
"""A release that is pending for longer is a problem: the limit of the alarm `release-pending`."""


class Waiting(StrEnum):
    """Why a release is pending."""

    REFUSED = "refused"
    """The topic did not accept it; `last_problem` has the reason."""
    HELD_BACK = "held_back"
    """An older version of the same image is pending and is announced before."""
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, slots=True)
class PendingRelease:
    """A pending release; `behind` is the oldest pending version of the same image, if older."""

    row: ReleaseRow
    waiting: Waiting
    seconds: int
    behind: int | None = None

    @property
    def late(self) -> bool:
        """Whether it is pending for longer than the limit of the alarm."""
        return self.seconds > LIMIT_SECONDS


def pending(rows: Iterable[ReleaseRow], now: datetime) -> tuple[PendingRelease, ...]:
    """The pending releases, the longest pending first."""
    waiting = [row for row in rows if row.pending]
    oldest: dict[tuple[Target, str], int] = {}
    for row in waiting:
        image = (row.release.target, row.release.image_name)
        oldest[image] = min(row.release.version, oldest.get(image, row.release.version))
    found = [
        _pending(row, oldest[row.release.target, row.release.image_name], now) for row in waiting
    ]
    return tuple(sorted(found, key=_order))


def _pending(row: ReleaseRow, oldest: int, now: datetime) -> PendingRelease:
    seconds = max(0, int((now - row.release.detected_at).total_seconds()))
    if row.release.version > oldest:
        return PendingRelease(row, Waiting.HELD_BACK, seconds, oldest)
    waiting = Waiting.REFUSED if row.last_problem else Waiting.NOT_TRIED
    return PendingRelease(row, waiting, seconds)


def _order(each: PendingRelease) -> tuple[datetime, Target, str, int]:
    release = each.row.release
    return release.detected_at, release.target, release.image_name, release.version
