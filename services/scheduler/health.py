"""Counts the states of all pairs before a round, from the rows that were read: pure.

These states are final, since failed lookups were retried between the rounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from services.kernel.model import Pair, State, Target, Window


class Cause(StrEnum):
    """Why a lookup fails, by who can correct it."""

    THROTTLING = "throttling"
    """Usually temporary: calls were throttled, timed out or not finished in time."""
    ACCESS = "access"
    """The owner of the account: a role, a policy or a disabled region."""
    IMAGE = "image"
    """The owner of the image's entry: the lookup finds no usable image."""
    OTHER = "other"
    """Unknown: an unclassified failure."""


_CAUSES: Mapping[State, Cause] = {
    State.THROTTLED: Cause.THROTTLING,
    State.TRANSIENT: Cause.THROTTLING,
    State.LATE: Cause.THROTTLING,
    State.OVERTAKEN: Cause.THROTTLING,
    State.CREDENTIALS: Cause.ACCESS,
    State.REGION_DISABLED: Cause.ACCESS,
    State.ACCESS_DENIED: Cause.ACCESS,
    State.NOT_FOUND: Cause.IMAGE,
    State.BAD_VALUE: Cause.IMAGE,
    State.BAD_LOOKUP: Cause.IMAGE,
    State.NOT_LAUNCHABLE: Cause.IMAGE,
}
_NOT_FAILING = frozenset({State.OK, State.STALE})


def cause(state: State | None) -> Cause | None:
    """The cause of a pair's state; None if its lookup does not fail.

    A pair without a state was not looked up yet, and `stale` is counted separately.
    """
    if state is None or state in _NOT_FAILING:
        return None
    return _CAUSES.get(state, Cause.OTHER)


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """The number of active pairs in a target, of failing ones by cause, and of stale ones."""

    target: Target
    pairs: int
    failing: Counter[Cause]
    stale: int
    is_failing: bool


@dataclass(slots=True)
class Health:
    """The health of all targets; `complete` if a full round counted every region."""

    targets: list[TargetHealth] = field(default_factory=list)
    unreadable: Counter[str] = field(default_factory=Counter)
    regions: set[str] = field(default_factory=set)
    complete: bool = False
    _never_found: dict[str, bool] = field(default_factory=dict)

    def add_region(self, region: str, unreadable: int) -> None:
        """Count a region, and its rows that cannot be decoded."""
        self.regions.add(region)
        self.unreadable[region] += unreadable

    def add_target(self, target: Target, pairs: Iterable[Pair], window: Window) -> None:
        """Count the active pairs of a target, as they were read."""
        active = [pair for pair in pairs if pair.active]
        if not active:
            return
        unanswered = window.unanswered()
        causes = [cause(pair.state) for pair in active]
        stale = [pair.number in unanswered for pair in active]
        marked = [pair.state == State.STALE for pair in active]
        self.targets.append(
            TargetHealth(
                target,
                pairs=len(active),
                failing=Counter(each for each in causes if each),
                stale=sum(stale),
                is_failing=all(map(any, zip(causes, stale, marked, strict=True))),
            )
        )
        for pair, why in zip(active, causes, strict=True):
            missing = why is Cause.IMAGE and pair.confirmed_digest != pair.lookup_digest
            self._never_found[pair.image_name] = missing and self._never_found.get(
                pair.image_name, True
            )

    @property
    def never_found(self) -> Sequence[str]:
        """The images whose current lookup has not found a usable image in any target.

        An image is not counted if a target fails for another reason, since it can exist there.
        """
        return sorted(name for name, never in self._never_found.items() if never)
