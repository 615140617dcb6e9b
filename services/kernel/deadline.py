"""How much time an invocation has left."""

from __future__ import annotations

import time
from collections.abc import Callable

_SHORTEST_RESERVE_SECONDS = 1.0
_KEPT_FOR_ANSWERING = 0.3
_LONGEST_RUN_SECONDS = 900.0  # Lambda's own maximum; used outside Lambda


class Deadline:
    """When to stop so that the answer still gets out."""

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

        The reserve is a tenth of the time at most, so that a short time-out still leaves time to
        work, and a second at least, since less is no time to answer in. Without a Lambda context
        there are fifteen minutes, Lambda's own maximum. Lambda computes the time that is left from
        the system clock; a monotonic clock bounds it, so a clock that is set back adds no time.
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
        """Seconds until the deadline, never less than 0."""
        return max(0.0, self._remaining() - self._reserve)

    def seconds_to_answer(self) -> float:
        """Seconds to wait for work that goes on past the deadline: most of the reserve too.

        What is under way at the deadline ends well within it; walking away from it would leave
        work done and not accounted for.
        """
        return max(0.0, self._remaining() - self._reserve * _KEPT_FOR_ANSWERING)

    def passed(self) -> bool:
        """Whether it is time to stop."""
        return self.seconds_left() <= 0
