"""Looks up all targets in threads, with a progress bar on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from services.console.lookup.selection import Selection
from services.console.lookup.trial import Trial, Trials

THREADS = 16
_QUIET_SECONDS = 1.0
"""A progress bar appears only after this time."""

T = TypeVar("T")


def look_up_all(trials: Trials, selection: Selection, known_id: str | None = None) -> list[Trial]:
    """The trials of every target, sorted by image and target."""
    work = [
        partial(trials.look_up, target, images, known_id) for target, images in selection.items()
    ]
    found = in_threads(work, "looking up")
    everything = [trial for each in found for trial in each]
    return sorted(everything, key=lambda trial: (trial.image.name, trial.target))


def in_threads(work: Sequence[Callable[[], T]], what: str, threads: int = THREADS) -> list[T]:
    """The results of all calls, in their order."""
    with _threads(min(threads, len(work))) as pool:
        futures = [pool.submit(each) for each in work]
        _show_progress(futures, what)
        return [future.result() for future in futures]


@contextmanager
def _threads(most: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(max(1, most))
    try:
        yield pool
    except BaseException:  # Ctrl-C ends the command without waiting for other targets
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _show_progress(futures: Sequence[Future[T]], what: str) -> None:
    if not wait(futures, timeout=_QUIET_SECONDS).not_done:
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=len(futures))
        for _ in as_completed(futures):
            progress.advance(task)
