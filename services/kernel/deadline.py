"""The time that an invocation has left."""

from __future__ import annotations

import time
from collections.abc import Callable

_SHORTEST_RESERVE_SECONDS = 1.0
_SHARE_FOR_RESPONSE = 0.3
_LONGEST_RUN_SECONDS = 900.0  # Lambda's own maximum; used outside Lambda


class Deadline:
    """The time to stop, with a reserve to return the response."""

    def __init__(self, remaining: Callable[[], float], reserve_seconds: float) -> None:
        self._remaining = remaining
        self._reserve = reserve_seconds

    @classmethod
    def of(
        cls,
        context: object,
        reserve_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> Deadline:
        """The deadline of an invocation: `reserve_seconds` before Lambda stops it.

        The reserve is at most a tenth of the time, so a short time-out leaves time to work, and at
        least a second, to return the response. Without a Lambda context the time is 15 minutes,
        Lambda's maximum. Lambda computes the remaining time from the system clock; a monotonic
        clock limits it, so setting the system clock back adds no time.
        """
        millis = getattr(context, "get_remaining_time_in_millis", None)
        if callable(millis):
            seconds = millis() / 1000
            end = clock() + seconds
            reserve = max(_SHORTEST_RESERVE_SECONDS, min(reserve_seconds, seconds / 10))
            return cls(lambda: min(end - clock(), millis() / 1000), reserve)
        return cls.after(_LONGEST_RUN_SECONDS)

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """A deadline `seconds` from now."""
        end = clock() + seconds
        return cls(lambda: end - clock(), 0.0)

    def seconds_left(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(0.0, self._remaining() - self._reserve)

    def seconds_to_answer(self) -> float:
        """Seconds to wait for work that started before the deadline, including most of the reserve.

        Such work usually ends within the reserve. Not waiting for it would leave its results
        unrecorded.
        """
        return max(0.0, self._remaining() - self._reserve * _SHARE_FOR_RESPONSE)

    def passed(self) -> bool:
        """Whether the deadline has passed."""
        return self.seconds_left() <= 0
