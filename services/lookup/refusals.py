"""What refused calls mean for other calls into their target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.kernel.errors import Failure
from services.kernel.failures import of_one_call
from services.kernel.model import State


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a call, and whether to split it if it is refused."""

    names: Sequence[str]
    split: bool = True

    def halves(self) -> list[Names]:
        """Two calls with half of the names each."""
        middle = len(self.names) // 2
        return [Names(half, self.split) for half in (self.names[:middle], self.names[middle:])]


class Refusals:
    """What calls for parameters that were refused say about their names, and about the target.

    `probe` returns the failure of EC2 in the target, if any; None if a call to EC2 has succeeded.
    `stopped` is the failure that ends the calls.
    """

    def __init__(self, probe: Callable[[], Failure | None] | None) -> None:
        self._probe = probe
        self.stopped: Failure | None = None

    def of(self, call: Names, failure: Failure) -> tuple[Failure | None, list[Names]]:
        """The failure of the call's names, or the halves that find the cause."""
        denied = failure.state is State.ACCESS_DENIED
        if _concerns_target(failure):
            self.stopped = self.stopped or failure
        elif denied and self._probe:
            self.stopped, self._probe = self.stopped or self._probe(), None
        if self.stopped:
            return self.stopped, []
        if len(call.names) == 1 or (denied and not call.split):
            return failure, []
        return None, call.halves()


def fails_every_lookup(failure: Failure) -> bool:
    """Whether DescribeImages fails for every lookup: its permission cannot be limited to resources.

    A refused pagination token, or a response that cannot be parsed, concerns only its lookup.
    """
    if failure.state is State.ACCESS_DENIED:
        return True
    return _concerns_target(failure) and not of_one_call(failure)


def _concerns_target(failure: Failure) -> bool:
    """Whether every other call into the target would probably fail too.

    Calls into a region that throttles, does not respond or is disabled would use the time of other
    targets. A denial by SSM is different: a policy can deny single names.
    """
    return failure.retryable or failure.state is State.REGION_DISABLED
