"""`ami-tracker replay`: shows the releases, asks, and lets the aggregator publish them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.console.acting.invoke import Invoker, Outcome, Replay, Result, results_of
from services.console.lookup.problems import AwsProblem, UsageProblem
from services.history.reader import HistoryReader
from services.kernel.model import Target
from services.kernel.release_records import ReleaseRow

MAX_VERSIONS = 100
"""The most versions of one command, as in the function's event."""
_SEARCHED = 50
"""The newest releases among which `--last` finds one that was an event."""


class Standing(StrEnum):
    """What a row says about the announcement of its release."""

    PUBLISHED = "published"
    PENDING = "pending"
    CLOSED = "closed"
    NOT_ANNOUNCED = "not announced"
    NOT_FOUND = "not found"
    DAMAGED = "damaged"

    @property
    def sendable(self) -> bool:
        """Whether the aggregator publishes such a release."""
        return self in {Standing.PUBLISHED, Standing.PENDING, Standing.CLOSED}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version to replay, and its row, if there is one that can be decoded."""

    version: int
    standing: Standing
    row: ReleaseRow | None = None

    @classmethod
    def of(cls, row: ReleaseRow) -> Candidate:
        """The candidate of a row."""
        standing = Standing.NOT_ANNOUNCED
        if row.pending:
            standing = Standing.PENDING
        elif row.published_at:
            standing = Standing.PUBLISHED
        elif row.closed_at:
            standing = Standing.CLOSED
        return cls(row.release.version, standing, row)


def chosen(
    reader: HistoryReader, target: Target, image_name: str, versions: Sequence[int]
) -> list[Candidate]:
    """The candidates of these versions, in order; without versions, the last event.

    Raises:
        UsageProblem: the image has no such release in the target.
        AwsProblem: the newest release cannot be decoded.
        HubBrokenError: the table cannot be used.
        CallFailedError: it is busy.
    """
    where = f"{image_name} in {target.region} of account {target.account_id}"
    if not versions:
        return [_last(reader, target, image_name, where)]
    rows = reader.versions(target, image_name, versions)
    if not rows:
        message = (
            f"there is no such release of {where}; check NAME, --target-region and --target-account"
        )
        raise UsageProblem(message)
    return [_candidate(rows, version) for version in sorted(set(versions))]


def _candidate(rows: Mapping[int, ReleaseRow | None], version: int) -> Candidate:
    if version not in rows:
        return Candidate(version, Standing.NOT_FOUND)
    row = rows[version]
    return Candidate.of(row) if row else Candidate(version, Standing.DAMAGED)


def _last(reader: HistoryReader, target: Target, image_name: str, where: str) -> Candidate:
    rows = reader.releases(target, image_name, _SEARCHED)
    if rows.unreadable:
        message = (
            f"a release row of {where} cannot be decoded, so the last event is unknown; use "
            f"--version: {rows.unreadable[0]}"
        )
        raise AwsProblem(message)
    events = (each for row in rows.found if (each := Candidate.of(row)).standing.sendable)
    last = next(events, None)
    if last is None:
        message = (
            f"there is no event of {where} among the last {_SEARCHED} releases; check NAME, "
            "--target-region and --target-account, or use --version"
        )
        raise UsageProblem(message)
    return last


def question(candidates: Sequence[Candidate], target: Target, image_name: str) -> str:
    """The question before the events are published."""
    number = sum(1 for each in candidates if each.standing.sendable)
    events = "1 event" if number == 1 else f"{number} events"
    return (
        f"Replay {events} of {image_name} to the topic in {target.region} of account "
        f"{target.account_id}?"
    )


def replayed(
    candidates: Sequence[Candidate],
    target: Target,
    image_name: str,
    agree: Callable[[str], bool],
    invoke: Invoker,
) -> list[Result] | None:
    """The results of all candidates and of older pending versions; None if the user declines.

    The function decides again from the rows, which it reads consistently; without a release to
    publish it is not invoked.

    Raises:
        AwsProblem: the function failed.
    """
    unsent = [Result(each.version, _UNSENT[each.standing]) for each in candidates if _skipped(each)]
    versions = [each.version for each in candidates if not _skipped(each)]
    if not versions:
        return unsent
    if not agree(question(candidates, target, image_name)):
        return None
    results = results_of(invoke, Replay(target, image_name, versions))
    return sorted([*unsent, *results], key=lambda result: result.version)


_UNSENT: dict[Standing, Outcome] = {
    Standing.NOT_ANNOUNCED: "not_announced",
    Standing.NOT_FOUND: "not_found",
    Standing.DAMAGED: "damaged",
}


def _skipped(candidate: Candidate) -> bool:
    return not candidate.standing.sendable
