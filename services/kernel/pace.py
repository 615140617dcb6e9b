"""The pace of writes to the rows of a region.

They have one partition key, and DynamoDB serves a partition 1,000 write units a second, which all
invocations share. So each process finds its own part: a throttled write doubles the time between
two writes, and each write that succeeds reduces it a little.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_FIRST_SECONDS = 0.05
_MOST_SECONDS = 2.0
_LEAST_SECONDS = 0.002
"""A shorter time between two writes is none: a write itself takes longer."""
_FASTER = 0.8
"""At the pace that a small capacity allows, one write in four is throttled; with the capacity of a
partition, one in 30. Slower steps leave up to half of the capacity unused."""
_PATIENCE_SECONDS = 20.0
_REMEMBERED_SECONDS = 60.0


@dataclass(slots=True)
class _Pace:
    """`between` are the seconds between two writes, and `due` is when the next one can start.

    `slowed` is when it was last slowed down; `failing` is since when no write has succeeded.
    """

    between: float = 0.0
    due: float = 0.0
    slowed: float = float("-inf")
    failing: float | None = None


class WritePace:
    """How fast this process writes to the rows of each region; all its threads share it."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
        jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.5),  # noqa: S311
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._lock = threading.Lock()
        self._paces: dict[str, _Pace] = {}

    def turn(self, region: str, seconds: float = 0.0) -> float | None:
        """Wait up to that time for a turn to write; when it began, or None without a turn.

        A write that has to wait also gets no turn if no write has succeeded for 20 seconds.
        """
        with self._lock:
            now, pace = self._clock(), self._pace(region)
            start = max(now, pace.due)
            if start > now and (start - now > seconds or self._is_hopeless(pace, now)):
                return None
            pace.due = start + pace.between * self._jitter()
        if start > now:
            (self._sleep or time.sleep)(start - now)
        return start

    def slow_down(self, region: str, begun: float) -> None:
        """A write that began then was throttled.

        Writes that began before the last one was noted were made at the earlier pace.
        """
        with self._lock:
            now, pace = self._clock(), self._pace(region)
            if pace.failing is None:
                pace.failing = now
            if begun < pace.slowed:
                return
            pace.between = min(max(2 * pace.between, _FIRST_SECONDS), _MOST_SECONDS)
            pace.slowed = now
            pace.due = max(pace.due, now + pace.between * self._jitter())

    def speed_up(self, region: str) -> None:
        """A write succeeded."""
        with self._lock:
            pace = self._pace(region)
            pace.failing = None
            pace.between *= _FASTER
            if pace.between < _LEAST_SECONDS:
                pace.between = 0.0

    def _pace(self, region: str) -> _Pace:
        pace = self._paces.setdefault(region, _Pace())
        if self._clock() - pace.slowed > _REMEMBERED_SECONDS:
            pace.between = 0.0
        return pace

    def _is_hopeless(self, pace: _Pace, now: float) -> bool:
        return pace.failing is not None and now - pace.failing > _PATIENCE_SECONDS
