"""What a Lambda function gets from its runtime: settings from the environment, and time left."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from services.kernel.errors import SettingsError

_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")  # sts:AssumeRole, ExternalId
_MINUTES_PER_WEEK = 10_080
_SHORTEST_RESERVE_SECONDS = 1.0
_KEPT_FOR_ANSWERING = 0.3
_LONGEST_RUN_SECONDS = 900.0  # Lambda's own maximum; what holds outside Lambda


class Context(Protocol):
    """The part of Lambda's context object that we use."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        ...


class Environment:
    """Reads a service's settings and reports every problem at once.

    An empty variable counts as missing: no setting of ours means anything when empty.
    """

    def __init__(self, service: str, environ: Mapping[str, str]) -> None:
        self._service = service
        self._environ = environ
        self._problems: list[str] = []

    def required(self, name: str) -> str:
        """The value of a variable that must be there."""
        value = self._environ.get(name, "")
        if not value:
            self._problems.append(f"environment variable {name} is not set")
        return value

    def optional(self, name: str, default: str) -> str:
        """The value of a variable, or its default."""
        return self._environ.get(name, "") or default

    def percent(self, name: str, default: int) -> int:
        """A whole number from 0 to 100."""
        text = self.optional(name, str(default))
        if text.isascii() and text.isdigit() and int(text) <= 100:  # noqa: PLR2004 - per cent
            return int(text)
        self._problems.append(f"{name} is {text!r}, but must be a whole number from 0 to 100")
        return default

    def minutes(self, name: str, default: int) -> int:
        """A whole number of minutes, from 1 to a week."""
        text = self.optional(name, str(default))
        if text.isascii() and text.isdigit() and 1 <= int(text) <= _MINUTES_PER_WEEK:
            return int(text)
        problem = f"{name} is {text!r}, but must be a whole number from 1 to {_MINUTES_PER_WEEK}"
        self._problems.append(problem)
        return default

    def external_id(self) -> str:
        """The external id that the roles in the target accounts ask for."""
        value = self.required("EXTERNAL_ID")
        if value and not _EXTERNAL_ID.fullmatch(value):
            problem = "EXTERNAL_ID must be 2 to 1224 letters, digits or any of _+=,.@:/-"
            self._problems.append(problem)
        return value

    def metrics_namespace(self) -> str:
        """Where the metrics go: deployments side by side need one each."""
        return self.optional("METRICS_NAMESPACE", "AmiTracker")

    def home_region(self) -> str:
        """The hub's region: Lambda sets both variables, shells often only one of them."""
        either = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        return either or self.required("AWS_REGION")

    def check(self) -> None:
        """Raise `SettingsError` with every problem found so far."""
        if self._problems:
            raise SettingsError(self._service, self._problems)


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


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """`moment` as every row, message and event writes it: `2026-11-22T07:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
