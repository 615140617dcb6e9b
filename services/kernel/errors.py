"""The project's errors, and the failure of a call as a value.

AmiTrackerError
├── SettingsError      environment variables are missing or wrong
├── MalformedError     a message, row or catalogue does not match its schema
├── CallFailedError    AWS refused or did not answer a call into a target
├── HubBrokenError     the hub's table or queue cannot be used
├── OutOfTimeError     a run stopped at its deadline, with work left
├── RefusedError       the catalogue would remove too much
├── RegionsFailedError some regions were scheduled only in part or not at all
├── UnsentError        the queue did not accept some messages after every retry
└── UnpublishedError   some files of the site were not written or deleted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.kernel.model import RETRYABLE, State

DETAIL_LIMIT = 300
"""The most characters of an error text from outside, for logs and rows."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call or lookup failed: the state, the AWS error code, and a capped message."""

    state: State
    code: str
    detail: str

    @classmethod
    def of(cls, state: State, code: str, detail: str) -> Failure:
        """A failure whose texts are capped and have no control characters."""
        return cls(state, _printable(code), _printable(detail))

    @property
    def retryable(self) -> bool:
        """Whether a redelivery of the message can succeed."""
        return self.state in RETRYABLE


class AmiTrackerError(Exception):
    """The base class of the project's errors."""


class SettingsError(AmiTrackerError):
    """Environment variables are missing or invalid; the message lists every problem."""

    def __init__(self, service: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{service} cannot start: {'; '.join(self.problems)}")


class MalformedError(AmiTrackerError):
    """A message, row or file does not match its schema, so a retry cannot succeed."""

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(f"{what} is malformed: {problem[:DETAIL_LIMIT]}")


class CallFailedError(AmiTrackerError):
    """A call into a target failed; `failure` has the reason."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{failure.state}: {failure.code}: {failure.detail}")


class HubBrokenError(AmiTrackerError):
    """The hub's table or queue cannot be used, so the invocation cannot continue."""

    def __init__(self, resource: str, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{resource} cannot be used: {failure.code}: {failure.detail}")


class OutOfTimeError(AmiTrackerError):
    """A run stopped before the function's time-out; `left` has the regions not scheduled."""

    def __init__(self, round_id: str, left: Sequence[str]) -> None:
        self.left = tuple(left)
        super().__init__(
            f"round {round_id} ran out of time; {len(self.left)} region(s) were not scheduled: "
            f"{', '.join(self.left)}"
        )


class RefusedError(AmiTrackerError):
    """The catalogue would remove too many pairs at once; these targets are unchanged."""

    def __init__(self, refusals: Sequence[str]) -> None:
        self.refusals = tuple(refusals)
        super().__init__(
            f"refused to remove this many images at once: {'; '.join(self.refusals)}. "
            "These targets keep their last configuration. If the removal is intended, "
            "set MAX_REMOVED_PERCENT=100 for one round (in Terraform: max_removed_percent = 100)"
        )


class RegionsFailedError(AmiTrackerError):
    """The table or the queue failed in some regions; the rest of the round was done.

    `problems` has the messages of each region; those under `*` concern the scheduler's note.
    """

    def __init__(self, round_id: str, problems: Mapping[str, Sequence[str]]) -> None:
        self.problems = {region: tuple(found) for region, found in problems.items()}
        sentences = "; ".join(
            f"{region}: {', '.join(found)}" for region, found in self.problems.items()
        )
        super().__init__(f"round {round_id} failed in {len(self.problems)} region(s): {sentences}")


class UnsentError(AmiTrackerError):
    """The queue did not accept some messages after every retry: `count` pairs were not enqueued."""

    def __init__(self, count: int, queue: str, problem: str) -> None:
        self.count = count
        super().__init__(f"{count} message(s) were not sent to {queue}: {problem}")


class UnpublishedError(AmiTrackerError):
    """Some files of the site were not written or deleted; the next run continues.

    `left` has their paths, and the message the first problem.
    """

    def __init__(self, bucket: str, left: Sequence[str], problem: str) -> None:
        self.left = tuple(left)
        super().__init__(
            f"{len(self.left)} file(s) were not published to bucket {bucket}, "
            f"such as {self.left[0]}: {problem}"
        )


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:DETAIL_LIMIT])
