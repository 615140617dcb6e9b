"""Pure view: the releases of an image in a target, and how long each was current."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.history.observed import ImageInTarget, label_of, link
from services.kernel.model import Fact, Release
from services.kernel.release_records import ReleaseRow


class Announcement(StrEnum):
    """What happened to the announcement of a release."""

    ANNOUNCED = "announced"
    PENDING = "pending"
    CLOSED = "closed"
    """Given up, because the target was removed."""
    NOT_ANNOUNCED = "not_announced"
    """The kind was not in `Announce` of the image."""


@dataclass(frozen=True, slots=True)
class Change:
    """A fact that differs from the release before; `after` is None if it is unknown now."""

    fact: str
    before: Fact
    after: Fact | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A release in a history.

    `until` is the detection of the next release, or now for the current image; None if the row of
    the next release or the image row cannot be decoded, or the image is no longer tracked.
    """

    row: ReleaseRow
    current: bool
    until: datetime | None

    @property
    def release(self) -> Release:
        """The release of the row."""
        return self.row.release

    @property
    def label(self) -> str:
        """The release key, else the AMI name, else the image id."""
        return label_of(self.release)

    @property
    def seconds(self) -> int | None:
        """How long the image was current; None if it is unknown."""
        if self.until is None:
            return None
        return max(0, int((self.until - self.release.detected_at).total_seconds()))

    @property
    def notes_url(self) -> str | None:
        """The release notes, if they are a safe link."""
        return link(self.release.about.notes_url)

    @property
    def changes(self) -> tuple[Change, ...]:
        """The facts that changed, by name."""
        about = self.release.about
        return tuple(
            Change(name, before, about.facts.get(name))
            for name, before in sorted(about.changed.items())
        )

    @property
    def announcement(self) -> tuple[Announcement, datetime | None]:
        """The state of the announcement, and the time of it if it is final."""
        if self.row.pending:
            return Announcement.PENDING, None
        if self.row.published_at:
            return Announcement.ANNOUNCED, self.row.published_at
        if self.row.closed_at:
            return Announcement.CLOSED, self.row.closed_at
        return Announcement.NOT_ANNOUNCED, None


@dataclass(frozen=True, slots=True)
class History:
    """The last releases of an image in a target, newest first."""

    seen: ImageInTarget
    entries: tuple[Entry, ...]


def history(seen: ImageInTarget, now: datetime) -> History:
    """The history of an image in a target.

    The release rows decide which image is current: the image row is behind them after a restore,
    and ahead of them if the row of the newest release cannot be decoded.
    """
    return History(seen, tuple(_entries(seen, now)))


def _entries(seen: ImageInTarget, now: datetime) -> Iterator[Entry]:
    following: Release | None = None
    for row in seen.releases:
        release = row.release
        if following is None:
            current = _is_current(seen, release)
            yield Entry(row, current, now if current else None)
        else:
            adjacent = following.version == release.version + 1
            yield Entry(row, current=False, until=following.detected_at if adjacent else None)
        following = release


def _is_current(seen: ImageInTarget, newest: Release) -> bool:
    pair = seen.pair
    return pair is not None and pair.active and newest.version >= pair.version
