"""The condition of each tracked pair: pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from services.history.rows import Snapshot
from services.kernel.model import State, Target
from services.kernel.records import ImageRow
from services.kernel.round_records import RoundRow


class Urgency(StrEnum):
    """How soon a person has to do something."""

    ACT = "act"
    WATCH = "watch"
    NOTE = "note"


class Condition(StrEnum):
    """The condition of a pair, or of the rows of a region; the order is the rank."""

    ROUNDS_MISSED = "rounds missed"
    """Of a region: its last round is too old."""
    UNREADABLE = "unreadable"
    """Of a region: a row cannot be decoded."""
    INCOMPLETE = "incomplete"
    """Of a region: there are more rows than the limit of a read."""
    EMPTY = "empty"
    """Of the table: no image is tracked."""
    FAILING = "failing"
    """The last lookup failed."""
    NEVER = "never"
    """The lookup of the image has not found an image in any target."""
    WITHDRAWN = "withdrawn"
    """The known image can no longer be launched."""
    STALE = "stale"
    """No lookup had a final result in two windows."""
    UNKNOWN = "unknown"
    """No lookup has ended yet, or the target has no round."""
    PENDING = "pending"
    """A release is not announced yet."""
    DEPRECATED = "deprecated"
    """The deprecation time of the image has passed."""
    OK = "ok"

    @property
    def rank(self) -> int:
        """Its position: the worst condition has the lowest."""
        return _RANKS[self]


_RANKS = {condition: rank for rank, condition in enumerate(Condition)}
OF_PAIRS = tuple(condition for condition in Condition if condition.rank >= Condition.FAILING.rank)
"""The conditions that pairs have."""

IMAGE_STATES = frozenset({State.NOT_FOUND, State.BAD_VALUE, State.BAD_LOOKUP, State.NOT_LAUNCHABLE})
"""The target answered, and has no usable image."""
ACCESS_STATES = frozenset({State.ACCESS_DENIED, State.REGION_DISABLED, State.CREDENTIALS})
"""The target refuses the calls."""
BUSY_STATES = frozenset({State.THROTTLED, State.TRANSIENT, State.LATE, State.OVERTAKEN})
"""Usually temporary."""
WITHDRAWN_CODE = "Withdrawn"
NO_ROUND_CODE = "NoRound"

_ANNOUNCING = timedelta(minutes=10)
"""The time that an announcement may take: the stream, or two sweeps."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The condition of a pair, its state and code, and when it began, if that is known."""

    row: ImageRow
    condition: Condition
    state: State | None = None
    code: str | None = None
    since: datetime | None = None

    @property
    def target(self) -> Target:
        """The pair's target."""
        return self.row.pair.target

    @property
    def image_name(self) -> str:
        """The pair's image."""
        return self.row.pair.image_name

    @property
    def is_failing(self) -> bool:
        """Whether the last lookup failed."""
        return self.condition in {Condition.FAILING, Condition.NEVER, Condition.WITHDRAWN}


def findings(snapshot: Snapshot) -> list[Finding]:
    """The condition of each tracked pair, by region, account and image name."""
    active = snapshot.active()
    never = never_found(active) if snapshot.complete else frozenset()
    rounds, pending = snapshot.rounds(), snapshot.pending_versions()
    found = []
    for row in active:
        pair = row.pair
        versions = pending.get((pair.target, pair.image_name), frozenset())
        found.append(
            _failure(row, never)
            or _unanswered(row, rounds.get(pair.target))
            or _announcement(row, versions, snapshot.moment)
            or _deprecation(row, snapshot.moment)
            or Finding(row, Condition.OK, pair.state, since=time_of(pair.since))
        )
    return sorted(found, key=lambda each: (each.target.region, each.target, each.image_name))


def never_found(rows: Iterable[ImageRow]) -> frozenset[str]:
    """The images whose present lookup found no usable image in any target.

    An image is not counted if a target fails for another reason, since it can exist there.
    """
    found: dict[str, bool] = {}
    for pair in (row.pair for row in rows):
        missing = pair.state in IMAGE_STATES and pair.confirmed_digest != pair.lookup_digest
        found[pair.image_name] = missing and found.get(pair.image_name, True)
    return frozenset(name for name, never in found.items() if never)


def time_of(text: str | None) -> datetime | None:
    """The time in a row; None if there is none, or if it is invalid."""
    try:
        moment = datetime.fromisoformat(text) if text else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):  # no time, or one before year 1 or after year 9999 in UTC
        return None


def _failure(row: ImageRow, never: frozenset[str]) -> Finding | None:
    pair = row.pair
    if pair.state in {None, State.OK, State.STALE}:
        return None
    condition = Condition.FAILING
    if pair.image_name in never:
        condition = Condition.NEVER
    elif pair.state is State.NOT_LAUNCHABLE and pair.code == WITHDRAWN_CODE:
        condition = Condition.WITHDRAWN
    return Finding(row, condition, pair.state, pair.code, time_of(pair.since))


def _unanswered(row: ImageRow, round_row: RoundRow | None) -> Finding | None:
    """Whether the pair is stale or unknown, which the state `ok` of its row does not show."""
    pair = row.pair
    unanswered = round_row is not None and pair.number in round_row.window.unanswered()
    if pair.state is State.STALE:
        return Finding(row, Condition.STALE, State.STALE, pair.code, time_of(pair.since))
    if unanswered and round_row is not None:
        since = time_of(round_row.window.window)
        return Finding(row, Condition.STALE, State.STALE, "NoAnswer", since)
    if pair.state is None:
        return Finding(row, Condition.UNKNOWN)
    if round_row is None:
        return Finding(row, Condition.UNKNOWN, None, NO_ROUND_CODE, time_of(pair.since))
    return None


def _announcement(row: ImageRow, versions: frozenset[int], moment: datetime) -> Finding | None:
    only_last = versions == {row.pair.version}
    if not versions or (
        only_last and row.changed_at is not None and moment - row.changed_at < _ANNOUNCING
    ):
        return None
    return Finding(row, Condition.PENDING, since=row.changed_at if only_last else None)


def _deprecation(row: ImageRow, moment: datetime) -> Finding | None:
    known = row.pair.known
    if known is None or known.deprecation_time is None or known.deprecation_time > moment:
        return None
    return Finding(row, Condition.DEPRECATED, since=known.deprecation_time)
