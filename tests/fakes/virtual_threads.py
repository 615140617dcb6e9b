"""Threads in virtual time: a thread pool whose tasks take no real time and always end alike.

A task that sleeps moves the time of its own thread only. So a batch that takes two minutes ends
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
    """The time of the thread that runs at the moment, in seconds."""

    seconds: float = 0.0

    def now(self) -> float:
        """The time, as `time.monotonic` gives it."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass in this thread."""
        self.seconds += seconds

    def deadline(self, timeout: float, reserve: float) -> Deadline:
        """The deadline of an invocation that begins now."""
        end = self.seconds + timeout
        return Deadline(lambda: end - self.seconds, reserve)


@dataclass(slots=True)
class _Task:
    ready: float
    future: Future[Any]
    work: Callable[[], Any]


@dataclass(slots=True)
class VirtualThreads:
    """Replaces `ThreadPoolExecutor` and `wait`; its threads begin at the present time.

    Tasks run one after the other, in the order in which they begin in virtual time. So a task
    never waits for a lock that another one holds.
    """

    time: VirtualTime
    threads: list[float] = field(default_factory=list)
    _queue: deque[_Task] = field(default_factory=deque)
    _ended: list[tuple[float, int, Future[Any], Any]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def __call__(self, max_workers: int) -> VirtualThreads:
        """A pool of that many threads, in place of the one of the batch before."""
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
        """Forget what has not begun."""
        assert not wait
        assert cancel_futures
        self._queue.clear()

    def wait(
        self,
        futures: Iterable[Future[Any]],
        timeout: float | None = None,
        return_when: str = ALL_COMPLETED,
    ) -> tuple[set[Future[Any]], set[Future[Any]]]:
        """Let time pass until the futures are done, the first of them is, or time is over."""
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
