"""Our errors, and the failure of a call as a value.

AmiTrackerError
├── SettingsError      environment variables are missing or wrong
├── MalformedError     a message, row or catalogue is not in the agreed form
├── CallFailedError    AWS refused or did not answer a call into a target
├── HubBrokenError     our own table or queue cannot be used
├── OutOfTimeError     a run stopped before its function's time was over, with work left
├── RefusedError       the catalogue would remove too much
├── RegionsFailedError parts of some regions could not be scheduled, the rest was
└── UnsentError        messages stayed unsent after every retry
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.kernel.model import RETRYABLE, State

DETAIL_LIMIT = 300
"""Characters of a foreign error text that we keep: enough to act on, short enough for a row."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no fresh answer: its class, the service's own code, and a capped sentence."""

    state: State
    code: str
    detail: str

    @classmethod
    def of(cls, state: State, code: str, detail: str) -> Failure:
        """A failure whose foreign texts are capped and free of control characters."""
        return cls(state, _printable(code), _printable(detail))

    @property
    def retryable(self) -> bool:
        """Whether another delivery of the same message may succeed."""
        return self.state in RETRYABLE


class AmiTrackerError(Exception):
    """The root of every error that this project raises on purpose."""


class SettingsError(AmiTrackerError):
    """The environment lacks settings or holds unusable ones; every problem is named at once."""

    def __init__(self, service: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{service} cannot start: {'; '.join(self.problems)}")


class MalformedError(AmiTrackerError):
    """Something written is not in the agreed form, so reading it again cannot help."""

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(f"{what} is malformed: {problem[:DETAIL_LIMIT]}")


class CallFailedError(AmiTrackerError):
    """A call into a target failed; `failure` says how."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{failure.state}: {failure.code}: {failure.detail}")


class HubBrokenError(AmiTrackerError):
    """Our own table or queue refuses us, so the invocation cannot continue."""

    def __init__(self, resource: str, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{resource} cannot be used: {failure.code}: {failure.detail}")


class OutOfTimeError(AmiTrackerError):
    """A run stopped cleanly before its time was over; `left` names what it did not reach."""

    def __init__(self, round_id: str, left: Sequence[str]) -> None:
        self.left = tuple(left)
        super().__init__(
            f"round {round_id} ran out of time before {len(self.left)} region(s) had their turn: "
            f"{', '.join(self.left)}"
        )


class RefusedError(AmiTrackerError):
    """The catalogue would remove too many pairs at once; the named targets are unchanged."""

    def __init__(self, refusals: Sequence[str]) -> None:
        self.refusals = tuple(refusals)
        super().__init__(
            f"refused to remove this many images at once: {'; '.join(self.refusals)}. "
            "These targets keep their last configuration. If the removal is meant, "
            "set MAX_REMOVED_PERCENT=100 for one round (in Terraform: max_removed_percent = 100)"
        )


class RegionsFailedError(AmiTrackerError):
    """The table or the queue failed in some regions; everything else of the round was done.

    `problems` holds the sentences of each region; those under `*` concern the scheduler's own note.
    """

    def __init__(self, round_id: str, problems: Mapping[str, Sequence[str]]) -> None:
        self.problems = {region: tuple(found) for region, found in problems.items()}
        sentences = "; ".join(
            f"{region}: {', '.join(found)}" for region, found in self.problems.items()
        )
        super().__init__(f"round {round_id} failed in {len(self.problems)} region(s): {sentences}")


class UnsentError(AmiTrackerError):
    """Messages that the queue did not take after every retry: `count` pairs were not enqueued."""

    def __init__(self, count: int, queue: str, problem: str) -> None:
        self.count = count
        super().__init__(f"{count} message(s) were not sent to {queue}: {problem}")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:DETAIL_LIMIT])
