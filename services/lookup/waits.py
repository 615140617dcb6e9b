"""The targets that timed out recently in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from services.kernel.model import Target

_REMEMBERED_SECONDS = 3600.0  # five deliveries of a message, with 12 minutes between them
_MOST_TARGETS = 1000  # no batch has more


class RecentWaits:
    """The targets that timed out within the last hour and have not responded since."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moments: dict[Target, float] = {}

    def note(self, target: Target, *, waited: bool) -> None:
        """Record whether a target timed out."""
        self._moments.pop(target, None)
        if waited:
            self._moments[target] = self._clock()
        while len(self._moments) > _MOST_TARGETS:  # remove the oldest
            del self._moments[next(iter(self._moments))]

    def last(self, targets: Iterable[Target]) -> list[Target]:
        """`targets` in the same order, with those that timed out at the end."""
        since = self._clock() - _REMEMBERED_SECONDS
        return sorted(targets, key=lambda target: self._moments.get(target, since) > since)
