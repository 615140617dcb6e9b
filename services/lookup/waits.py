"""Which targets kept a thread waiting lately, as far as this process knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from services.kernel.model import Target

_REMEMBERED_SECONDS = 3600.0  # five deliveries of a message, 12 minutes apart
_MOST_TARGETS = 1000  # no batch has more


class RecentWaits:
    """The targets that timed out within the last hour and have not answered since."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moments: dict[Target, float] = {}

    def note(self, target: Target, *, waited: bool) -> None:
        """Remember that a target kept a thread waiting, or forget it."""
        self._moments.pop(target, None)
        if waited:
            self._moments[target] = self._clock()
        while len(self._moments) > _MOST_TARGETS:  # the oldest go first
            del self._moments[next(iter(self._moments))]

    def last(self, targets: Iterable[Target]) -> list[Target]:
        """`targets` in the same order, but with these at the end."""
        since = self._clock() - _REMEMBERED_SECONDS
        return sorted(targets, key=lambda target: self._moments.get(target, since) > since)
