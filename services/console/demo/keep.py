"""Leaves the demo's deployment running for a while, so that the commands can be tried."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import FrameType

from services.console.demo.deployment import INTERVAL_MINUTES, Deployment
from services.kernel.wire import timestamp

_SWEEP_SECONDS = 60
_POLL_SECONDS = 1.0
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Timetable:
    """Polls the queue, and starts the rounds and the sweeps, as the schedules of a deployment do.

    `lock` is held while a function runs: each needs an environment of its own.
    """

    def __init__(self, deployment: Deployment, lock: threading.Lock) -> None:
        self._deployment = deployment
        self._lock = lock
        started = time.monotonic()
        self._next_round = started + INTERVAL_MINUTES * 60
        self._next_sweep = started + _SWEEP_SECONDS

    def step(self) -> None:
        """Do what is due."""
        pipeline, moment = self._deployment.pipeline, time.monotonic()
        with self._lock:
            if moment >= self._next_round:
                self._next_round += INTERVAL_MINUTES * 60
                pipeline.schedule(timestamp(datetime.now(UTC).replace(microsecond=0)))
            pipeline.queue.drain_visible()
            pipeline.stream.drain()
            if moment >= self._next_sweep:
                self._next_sweep += _SWEEP_SECONDS
                pipeline.sweep()


def serve(deployment: Deployment, minutes: float, ready: Callable[[datetime], None]) -> None:
    """Answer the commands until the time is over, or until Ctrl-C or a signal to stop.

    `ready` gets the time at which it ends.
    """
    lock = threading.Lock()
    timetable = Timetable(deployment, lock)
    end = time.monotonic() + minutes * 60
    try:
        with deployment.pipeline.invocable(lock):
            ready(datetime.now(UTC) + timedelta(minutes=minutes))
            while (left := end - time.monotonic()) > 0:
                time.sleep(min(left, _POLL_SECONDS))
                timetable.step()
    except KeyboardInterrupt:
        return


@contextmanager
def interruptible() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP inside the block as Ctrl-C, so that files are removed."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's signature
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as with nohup
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
