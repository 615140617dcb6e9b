"""Threads in virtual time: one runs at a time, and waiting takes no real time.

A thread runs until it sleeps or waits for others. Then the thread with the earliest wake-up time
continues. So a run is deterministic, and takes only the processor time of its code.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ALL_COMPLETED, Future
from itertools import count
from typing import Any

LIMIT_SECONDS = 60.0
"""Real time after which a thread that waits for its turn fails."""


class _Turn:
    """The signal that lets a waiting thread continue."""

    def __init__(self) -> None:
        self._ready = threading.Event()

    def give(self) -> None:
        """Let the thread continue."""
        self._ready.set()

    def take(self) -> None:
        """Wait for the signal."""
        if not self._ready.wait(LIMIT_SECONDS):
            message = "no thread gave the turn"
            raise TimeoutError(message)


class VirtualTime:
    """The clock and the scheduler of the threads that are started with it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._due: list[tuple[float, int, _Turn]] = []
        self._waiting: list[_Turn] = []
        self._numbers = count()
        self._running = 0
        self._over = threading.Event()
        self._failures: list[BaseException] = []

    def start(self, run: Callable[[], object], at: float = 0.0) -> None:
        """Run a function in a thread of its own, starting at a time."""
        turn = self._schedule(max(at, self.seconds))
        self._running += 1
        threading.Thread(target=self._run, args=(run, turn), daemon=True).start()

    def run(self) -> None:
        """Run all threads to their ends, and raise the first error of a thread."""
        self._over.clear()
        self._pass_on()
        if not self._over.wait(LIMIT_SECONDS):
            message = "the threads did not come to an end"
            raise TimeoutError(message)
        for failure in self._failures:
            raise failure

    def sleep(self, seconds: float) -> None:
        """Suspend this thread for a time."""
        turn = self._schedule(self.seconds + seconds)
        self._pass_on()
        turn.take()

    def pool(self, max_workers: int) -> VirtualPool:
        """Return an executor whose threads run in this time."""
        return VirtualPool(self, max_workers)

    def wait(
        self,
        futures: Collection[Future[Any]],
        timeout: float | None = None,  # noqa: ARG002 - the tasks stop at their own deadlines
        return_when: str = ALL_COMPLETED,
    ) -> None:
        """Wait for the results of a pool's threads, as `concurrent.futures.wait` does."""
        enough = all if return_when == ALL_COMPLETED else any
        while not enough(future.done() for future in futures):
            turn = _Turn()
            self._waiting.append(turn)
            self._pass_on()
            turn.take()

    def wake(self) -> None:
        """Make the threads that wait for results check again."""
        for turn in self._waiting:
            heapq.heappush(self._due, (self.seconds, next(self._numbers), turn))
        self._waiting.clear()

    def _run(self, run: Callable[[], object], turn: _Turn) -> None:
        turn.take()
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - raised again by `run`
            self._failures.append(error)
        self._running -= 1
        if self._running:
            self._pass_on()
        else:
            self._over.set()

    def _schedule(self, at: float) -> _Turn:
        turn = _Turn()
        heapq.heappush(self._due, (at, next(self._numbers), turn))
        return turn

    def _pass_on(self) -> None:
        self.seconds, _, turn = heapq.heappop(self._due)
        turn.give()


class VirtualPool:
    """The part of `ThreadPoolExecutor` that is used, with a thread for each task."""

    def __init__(self, time: VirtualTime, max_workers: int) -> None:
        self._time = time
        self._free = max_workers

    def submit(self, run: Callable[..., Any], *args: object) -> Future[Any]:
        """Run a function in a thread of the pool, which has a limited number of threads."""
        self._free -= 1
        if self._free < 0:
            message = "the model has no more tasks than threads"
            raise AssertionError(message)
        future: Future[Any] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(run(*args))
            except BaseException as error:  # noqa: BLE001 - the future's to raise
                future.set_exception(error)
            self._free += 1
            self._time.wake()

        self._time.start(work)
        return future

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
        """Do nothing: every thread runs to its end."""
