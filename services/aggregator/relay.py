"""Announces committed releases: reads them, publishes them by target, and marks accepted ones.

The releases of a target that fails stay pending for the next sweep, or for the next release of the
same image. They are not reported as failed to the stream, which would also redeliver the records of
all other targets.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Any, Protocol

from services.aggregator.backlog import Backlog, PendingRows, look_back
from services.aggregator.closing import CLOSED_AFTER, ClosableRows, Closing
from services.aggregator.deliver import Deliverer, Delivery, DeliveryRows, Publisher
from services.aggregator.event import Inserted, Sweep
from services.aggregator.outbox import Key
from services.aggregator.progress import Progress
from services.aggregator.report import RelayReport
from services.kernel.clock import now
from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, HubBrokenError
from services.kernel.hub_session import MAX_THREADS
from services.kernel.model import Release, Target
from services.kernel.observability import Log
from services.kernel.pace import WritePace


class ReleaseRows(PendingRows, ClosableRows, DeliveryRows, Protocol):
    """The part of the table that `Relay` uses; `Outbox` with DynamoDB, a fake in tests."""

    def pending(self) -> Iterator[list[Key]]:
        """The keys of releases that can be pending, page by page."""
        ...


class Relay:
    """Publishes committed releases on their topics."""

    def __init__(
        self,
        rows: ReleaseRows,
        publisher: Publisher,
        log: Log,
        clock: Callable[[], datetime] = now,
        shuffle: Callable[[list[Any]], None] = random.shuffle,
        monotonic: Callable[[], float] = time.monotonic,
        pace: WritePace | None = None,
    ) -> None:
        self._rows = rows
        self._log = log
        self._clock = clock
        self._shuffle = shuffle
        self._deliverer = Deliverer(rows, publisher, log, clock, pace)
        self._closing = Closing(rows, log, clock, monotonic)

    def run(self, request: Sweep | Inserted, deadline: Deadline) -> RelayReport:
        """Announce the releases of a stream batch or a sweep."""
        progress = Progress()
        if isinstance(request, Sweep):
            self._sweep(request, progress, deadline)
        else:
            self._stream(request, progress, deadline)
        return progress.report

    def _stream(self, inserted: Inserted, progress: Progress, deadline: Deadline) -> None:
        try:
            batch = look_back(self._rows, inserted.keys, deadline)
        except (HubBrokenError, CallFailedError) as error:
            self._log.error("table not readable", extra={"problem": str(error)})
            progress.report.retry_from = inserted.first
        else:
            self._announce(batch, progress, deadline)

    def _sweep(self, sweep: Sweep, progress: Progress, deadline: Deadline) -> None:
        progress.report.swept = True

        def due(release: Release) -> bool:
            # A time far in the future is damaged and must not delay a release for years.
            old_enough = abs(self._age(release)) >= sweep.older_than_seconds
            return old_enough and not progress.holds(release)

        for keys in self._rows.pending():
            if deadline.passed():  # keep counting, for the alarm on a long backlog
                progress.report.count_unread(keys)
            else:
                self._announce(look_back(self._rows, keys, deadline, due), progress, deadline)
            if deadline.seconds_to_answer() <= 0:  # return the response, which has the counts
                return
        self._closing.close_overdue(progress, deadline)

    def _announce(self, batch: Backlog, progress: Progress, deadline: Deadline) -> None:
        progress.count_unreadable(batch.unreadable)
        for release in batch.waiting:
            self._count_waiting(release, progress)
        groups: dict[Target, list[Release]] = defaultdict(list)
        for release in batch.ready:
            if Key.of(release) not in progress.unmarked and not progress.holds(release):
                groups[release.target].append(release)
        deliveries = self._deliver_all(groups, progress, deadline)
        progress.stuck |= {target for target, each in deliveries.items() if each.stuck}
        for release in batch.ready:
            self._count(release, deliveries.get(release.target, Delivery()), progress)

    def _deliver_all(
        self, groups: Mapping[Target, Sequence[Release]], progress: Progress, deadline: Deadline
    ) -> dict[Target, Delivery]:
        # Topics that do not respond use a thread each; the order is random, so that they do not
        # always delay the same targets.
        turns = list(groups)
        self._shuffle(turns)
        # A sweep uses a random order of images: in the order of a stream batch with the same
        # releases, both would publish each release at the same time.
        order = self._shuffle if progress.report.swept else _keep_order
        pool = ThreadPoolExecutor(max_workers=min(MAX_THREADS, max(1, len(turns))))
        try:
            futures = {
                pool.submit(self._deliverer.deliver, t, groups[t], order, deadline): t
                for t in turns
            }
            # No delivery starts after the deadline; running ones must still mark their releases.
            wait(futures, timeout=deadline.seconds_to_answer())
            return {target: self._outcome(target, future) for future, target in futures.items()}
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _outcome(self, target: Target, future: Future[Delivery]) -> Delivery:
        if future.done():
            return future.result()
        self._log.error("target not finished in time", extra=target.fields())
        return Delivery()

    def _count(self, release: Release, delivery: Delivery, progress: Progress) -> None:
        key = Key.of(release)
        if key in progress.unmarked:
            return
        if key in delivery.accepted:
            progress.count_announced(key, self._age(release))
            progress.unmarked |= delivery.unmarked & {key}
        elif key in delivery.gone:
            progress.count_gone(key)
        elif key in delivery.unreadable:
            progress.count_unreadable([key])
        else:
            self._count_waiting(release, progress)
            # A page of a sweep can end between two versions of an image.
            progress.held_back.add((release.target, release.image_name))
            if problem := delivery.problems.get(key):
                progress.report.failures[problem.state, key.region] += 1

    def _count_waiting(self, release: Release, progress: Progress) -> None:
        key, age = Key.of(release), self._age(release)
        if key not in progress.unmarked:
            progress.report.count_waiting(key, age)
            if age >= CLOSED_AFTER.total_seconds():
                progress.overdue[key] = release

    def _age(self, release: Release) -> float:
        return (self._clock() - release.detected_at).total_seconds()


def _keep_order(_: list[Any]) -> None:
    """Keep the order."""
