"""Types of both event source mappings: a delivery, and the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]
"""A record of a Lambda event."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One invocation: the records that were sent, those that failed, and the handler's response.

    Identifiers are message ids for a queue, sequence numbers for a stream. `problem` is the reason
    if the whole batch failed; `discarded` are stream records after their last retry.
    """

    sent: tuple[str, ...]
    failed: tuple[str, ...]
    problem: str | None
    answer: object
    discarded: tuple[str, ...] = ()

    @property
    def succeeded(self) -> tuple[str, ...]:
        """The records that did not fail, in order."""
        return tuple(identifier for identifier in self.sent if identifier not in self.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The clock of a mapping; tests replace it."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    function_timeout_seconds: float = 60.0
