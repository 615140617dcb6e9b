"""Retries of unprocessed entries, and time-outs that are not retried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from tenacity import Retrying, retry_if_result, stop_after_attempt, stop_after_delay
from tenacity.wait import wait_exponential, wait_random

from services.kernel.failures import TIME_OUTS

T = TypeVar("T")


def batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """`items` in batches of at most `size`, in order."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def until_done(attempt: Callable[[T], T], work: T) -> T:
    """The entries of `work` that are left after a limited number of attempts; empty on success.

    For calls that succeed but leave some entries unprocessed (`Failed`, `UnprocessedKeys`), which
    botocore does not retry. `attempt` returns the entries that are left. There are at most four
    attempts within about ten seconds, with exponential backoff and jitter.
    """
    left = work

    def again() -> T:
        nonlocal left
        left = attempt(left)
        return left

    retrying = Retrying(
        retry=retry_if_result(bool),
        stop=stop_after_attempt(4) | stop_after_delay(10),
        wait=wait_exponential(multiplier=0.1, max=1) + wait_random(0, 1),
        retry_error_callback=lambda state: left,  # noqa: ARG005 - tenacity passes its state
    )
    return retrying(again)


_time_outs_are_final: ContextVar[bool] = ContextVar("_time_outs_are_final", default=False)


@contextmanager
def time_outs_are_final() -> Iterator[None]:
    """Do not retry calls of this thread that time out inside the block; retry other failures.

    For callers that process other targets first and retry such a call later themselves.
    """
    before = _time_outs_are_final.set(True)
    try:
        yield
    finally:
        _time_outs_are_final.reset(before)


def end_time_out(caught_exception: Exception | None = None, **_: object) -> None:
    """Handle botocore's event `needs-retry`: raising the exception ends the call."""
    if isinstance(caught_exception, TIME_OUTS) and _time_outs_are_final.get():
        raise caught_exception
