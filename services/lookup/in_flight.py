"""Several calls into a target at the same time, within the quotas of the target.

Helper threads, which all targets share, make the calls of a target that has many. The thread of the
target makes calls itself if it gets fewer helpers than it could use. So a target never waits for a
helper: if all of them are busy, such as with targets that do not respond, its calls are made one
after the other.

The first call of a series is made alone: a target that does not respond, or denies everything, gets
one call and uses no helper.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from services.kernel.model import Target

MOST_IN_FLIGHT = 6
"""Calls into a target at the same time, each with a connection."""
MAX_HELPERS = 16
"""Threads besides those of the targets: 8 to 16 use one core fully (0028)."""
_CALLS_PER_HELPER = 12
"""Waiting calls for which a helper is worth its connection: a new TLS connection takes 25 ms of
processor time, as much as ten calls."""
_RECOVERY_PER_CALL = 0.1

W = TypeVar("W")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Quota:
    """A token bucket: calls that can be made at once, and calls a second after that."""

    burst: int
    per_second: float


QUOTAS = {"ssm": Quota(10, 20), "ec2": Quota(50, 10)}
"""Half of what an account has in a region: GetParameter and GetParameters share 40 a second, and
DescribeImages has a bucket of 100 with 20 a second. The rest is for others in the account."""


@dataclass(slots=True)
class _Pace:
    """How fast a service is called in a target.

    `most` is the number of calls in flight that throttling allows, `due` when the bucket of the
    quota is full again.
    """

    most: float = MOST_IN_FLIGHT
    due: float = 0.0


class CallsInFlight:
    """Makes calls into targets, some of them in helper threads."""

    def __init__(
        self,
        helpers: int = MAX_HELPERS,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
        pool: Callable[[int], Any] = ThreadPoolExecutor,
        wait_for: Callable[..., object] = wait,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._pool = pool(max(1, helpers))
        self._wait = wait_for
        self._helpers = threading.Semaphore(helpers)
        self._lock = threading.Lock()
        self._paces: dict[tuple[Target, str], _Pace] = {}

    def run(
        self, target: Target, service: str, todo: deque[W], call: Callable[[W], R]
    ) -> Iterator[tuple[W, R]]:
        """The result of each call, in the order in which they end.

        While it iterates, the caller can add calls to `todo`, or clear it to make no more.
        """
        pace, started, worth = self._pace(target, service), 1.0, 0
        running: dict[Future[R], W] = {}

        def paced(item: W) -> R:
            self._keep_quota(pace, QUOTAS[service])
            return call(item)

        try:
            while todo or running:
                worth = max(worth, (len(todo) - 1) // _CALLS_PER_HELPER)
                most = int(min(started, pace.most, 1 + worth))
                while len(running) < most > 1 and todo and self._helpers.acquire(blocking=False):
                    item = todo.popleft()
                    running[self._submit(paced, item)] = item
                if todo and len(running) < most:
                    item = todo.popleft()
                    yield item, paced(item)
                else:
                    self._wait(running, return_when=FIRST_COMPLETED)
                for future in [each for each in running if each.done()]:
                    yield running.pop(future), future.result()
                started = min(2 * started, MOST_IN_FLIGHT)
                pace.most = min(pace.most + _RECOVERY_PER_CALL, MOST_IN_FLIGHT)
        finally:
            for future in running:
                future.cancel()

    def slow_down(self, target: Target, service: str) -> None:
        """Halve the number of calls in flight: the target throttled one."""
        pace = self._pace(target, service)
        pace.most = max(1.0, pace.most / 2)

    def _submit(self, call: Callable[[W], R], item: W) -> Future[R]:
        future: Future[R] = self._pool.submit(call, item)
        future.add_done_callback(lambda _: self._helpers.release())
        return future

    def _pace(self, target: Target, service: str) -> _Pace:
        with self._lock:
            return self._paces.setdefault((target, service), _Pace())

    def _keep_quota(self, pace: _Pace, quota: Quota) -> None:
        """Wait until the quota allows another call."""
        with self._lock:
            now = self._clock()
            pace.due = max(pace.due, now) + 1 / quota.per_second
            seconds = pace.due - quota.burst / quota.per_second - now
        if seconds > 0:
            (self._sleep or time.sleep)(seconds)
