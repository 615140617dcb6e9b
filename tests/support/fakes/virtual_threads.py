"""Threads in virtual time: a thread pool whose tasks take no real time, with repeatable results.

A task that sleeps advances the time of its own thread only. So a batch that takes two minutes ends
within a second or two, with the same result on any machine.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ALL_COMPLETED, Future
from dataclasses import dataclass, field
from typing import Any

from services.kernel.deadline import Deadline


@dataclass(slots=True)
class VirtualTime:
    """The time of the thread that runs now, in seconds."""

    seconds: float = 0.0

    def now(self) -> float:
        """Return the time, as `time.monotonic` does."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Advance the time of this thread."""
        self.seconds += seconds

    def deadline(self, timeout: float, reserve: float) -> Deadline:
        """Build the deadline of an invocation that starts now."""
        end = self.seconds + timeout
        return Deadline(lambda: end - self.seconds, reserve)


@dataclass(slots=True)
class _Task:
    ready: float
    future: Future[Any]
    work: Callable[[], Any]


@dataclass(slots=True)
class VirtualThreads:
    """Replaces `ThreadPoolExecutor` and `wait`; its threads start at the current time.

    Tasks run one after the other, in the order of their start in virtual time. So a task never
    waits for a lock of another task.
    """

    time: VirtualTime
    threads: list[float] = field(default_factory=list)
    _queue: deque[_Task] = field(default_factory=deque)
    _ended: list[tuple[float, int, Future[Any], Any]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def __call__(self, max_workers: int) -> VirtualThreads:
        """Return a pool of that many threads, which replaces the pool of the previous batch."""
        self.threads = [self.time.seconds] * max_workers
        self._queue.clear()
        self._ended.clear()
        return self

    def submit(self, work: Callable[..., Any], *arguments: object) -> Future[Any]:
        """Queue a task."""
        future: Future[Any] = Future()
        self._queue.append(_Task(self.time.seconds, future, lambda: work(*arguments)))
        return future

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
        """Drop the tasks that have not started."""
        assert not wait
        assert cancel_futures
        self._queue.clear()

    def wait(
        self,
        futures: Iterable[Future[Any]],
        timeout: float | None = None,
        return_when: str = ALL_COMPLETED,
    ) -> tuple[set[Future[Any]], set[Future[Any]]]:
        """Advance the time until all futures, or the first one, are done, or until the time-out."""
        waiting = set(futures)
        done = {future for future in waiting if future.done()}
        end = math.inf if timeout is None else self.time.seconds + timeout
        while done != waiting and not (done and return_when != ALL_COMPLETED):
            begins = max(min(self.threads), self._queue[0].ready) if self._queue else math.inf
            ends = self._ended[0][0] if self._ended else math.inf
            if min(begins, ends) > end:
                self.time.seconds = end
                break
            if begins <= ends:
                self._begin(begins)
            else:
                done |= {self._end()} & waiting
        return done, waiting - done

    def _begin(self, moment: float) -> None:
        task, thread = self._queue.popleft(), self.threads.index(min(self.threads))
        self.time.seconds = moment
        outcome: Any
        try:
            outcome = task.work()
        except Exception as error:  # noqa: BLE001 - as a real pool does
            outcome = error
        self.threads[thread] = self.time.seconds
        heapq.heappush(self._ended, (self.time.seconds, next(self._numbers), task.future, outcome))

    def _end(self) -> Future[Any]:
        self.time.seconds, _, future, outcome = heapq.heappop(self._ended)
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
        return future
