"""Announces committed releases: reads them, publishes target by target, marks what was accepted.

A target that fails keeps its releases pending for the next sweep, or for the next release of the
same image. It is never reported to the stream, which would then deliver every other target's
records again as well.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from services.aggregator.announce import Announcement, announcement, waves
from services.aggregator.backlog import Batch, PendingRows, look_back
from services.aggregator.closing import CLOSED_AFTER, ClosableRows, Closing
from services.aggregator.event import Inserted, Sweep
from services.aggregator.outbox import Key
from services.aggregator.report import Report
from services.aggregator.topics import ENTRIES_PER_BATCH, ENTRY_STATES
from services.kernel.clock import now
from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, Failure, HubBrokenError, MalformedError
from services.kernel.model import Release, Target
from services.kernel.observability import Log
from services.kernel.retry import batches
from services.kernel.sessions import MAX_THREADS


class Rows(PendingRows, ClosableRows, Protocol):
    """What announcing needs of the table; `Outbox` over DynamoDB, a fake in tests."""

    def pending(self) -> Iterator[list[Key]]:
        """The keys of what may still have to be announced, a page at a time."""
        ...

    def mark(self, release: Release, message_id: str, moment: datetime) -> None:
        """Note that a release was published."""
        ...


class Publisher(Protocol):
    """Where announcements go; `Topics` over SNS, a fake in tests."""

    def publish(
        self, target: Target, announcements: Sequence[Announcement]
    ) -> Mapping[str, str | Failure]:
        """The message id of each event id, or why it was not accepted."""
        ...


@dataclass(slots=True)
class _Delivery:
    """What became of one target's releases, and whether their topic takes no more."""

    accepted: set[Key] = field(default_factory=set)
    unmarked: set[Key] = field(default_factory=set)
    problems: dict[Key, Failure] = field(default_factory=dict)
    unreadable: set[Key] = field(default_factory=set)
    gone: set[Key] = field(default_factory=set)
    refused_images: set[str] = field(default_factory=set)
    stuck: bool = False


class Relay:
    """Brings committed releases to their topics."""

    def __init__(
        self,
        rows: Rows,
        publisher: Publisher,
        log: Log,
        clock: Callable[[], datetime] = now,
        shuffle: Callable[[list[Any]], None] = random.shuffle,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rows = rows
        self._publisher = publisher
        self._log = log
        self._clock = clock
        self._shuffle = shuffle
        self._closing = Closing(rows, log, clock, monotonic)

    def run(self, asked: Sweep | Inserted, deadline: Deadline) -> Report:
        """Announce what a stream batch or a sweep names."""
        report = Report()
        if isinstance(asked, Sweep):
            self._sweep(asked, report, deadline)
        else:
            self._stream(asked, report, deadline)
        return report

    def _stream(self, inserted: Inserted, report: Report, deadline: Deadline) -> None:
        try:
            batch = look_back(self._rows, inserted.keys, deadline)
        except (HubBrokenError, CallFailedError) as error:
            self._log.error("table not readable", extra={"problem": str(error)})
            report.retry_from = inserted.first
        else:
            self._announce(batch, report, deadline)

    def _sweep(self, sweep: Sweep, report: Report, deadline: Deadline) -> None:
        report.swept = True

        def due(release: Release) -> bool:
            # A time that is far in the future is damaged: it must not keep a release for years.
            old_enough = abs(self._age(release)) >= sweep.older_than_seconds
            return old_enough and not report.holds(release)

        for keys in self._rows.pending():
            if deadline.passed():  # counting goes on, so that the alarm sees a long backlog
                report.count_unread(keys)
            else:
                self._announce(look_back(self._rows, keys, deadline, due), report, deadline)
            if deadline.seconds_to_answer() <= 0:  # without an answer, nothing would be seen
                return
        self._closing.close_overdue(report, deadline)

    def _announce(self, batch: Batch, report: Report, deadline: Deadline) -> None:
        report.count_unreadable(batch.unreadable)
        for release in batch.waiting:
            self._count_waiting(release, report)
        groups: dict[Target, list[Release]] = defaultdict(list)
        for release in batch.ready:
            if Key.of(release) not in report.unmarked and not report.holds(release):
                groups[release.target].append(release)
        deliveries = self._deliver_all(groups, report, deadline)
        report.stuck |= {target for target, each in deliveries.items() if each.stuck}
        for release in batch.ready:
            self._tally(release, deliveries.get(release.target, _Delivery()), report)

    def _deliver_all(
        self, groups: Mapping[Target, Sequence[Release]], report: Report, deadline: Deadline
    ) -> dict[Target, _Delivery]:
        # Topics that hang take a thread each: in a fixed order they would starve the same others.
        turns = list(groups)
        self._shuffle(turns)
        # A sweep takes the images of a target in an order of its own: next to a stream that sends
        # the same releases in the same order, it would send each of them at the same time.
        order = self._shuffle if report.swept else _keep
        pool = ThreadPoolExecutor(max_workers=min(MAX_THREADS, max(1, len(turns))))
        try:
            futures = {pool.submit(self._deliver, t, groups[t], order, deadline): t for t in turns}
            # Nothing begins after the deadline; what is under way then has yet to be marked.
            wait(futures, timeout=deadline.seconds_to_answer())
            return {target: self._outcome(target, future) for future, target in futures.items()}
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _outcome(self, target: Target, future: Future[_Delivery]) -> _Delivery:
        if future.done():
            return future.result()
        self._log.error("target not finished in time", extra=target.fields())
        return _Delivery()

    def _tally(self, release: Release, delivery: _Delivery, report: Report) -> None:
        key = Key.of(release)
        if key in report.unmarked:
            return
        if key in delivery.accepted:
            report.count_announced(key, self._age(release))
            report.unmarked |= delivery.unmarked & {key}
        elif key in delivery.gone:
            report.count_gone(key)
        elif key in delivery.unreadable:
            report.count_unreadable([key])
        else:
            self._count_waiting(release, report)
            # A page of a sweep may end between two versions of an image.
            report.held_back.add((release.target, release.image_name))
            if problem := delivery.problems.get(key):
                report.failures[problem.state, key.region] += 1

    def _count_waiting(self, release: Release, report: Report) -> None:
        key, age = Key.of(release), self._age(release)
        if key not in report.unmarked:
            report.count_waiting(key, age)
            if age >= CLOSED_AFTER.total_seconds():
                report.overdue[key] = release

    def _deliver(
        self,
        target: Target,
        releases: Sequence[Release],
        order: Callable[[list[Any]], None],
        deadline: Deadline,
    ) -> _Delivery:
        """Publish one target's releases, each image's in order, until the topic takes no more."""
        done = _Delivery()
        try:
            for wave in waves(releases):
                order(wave)
                ready = [each for each in wave if each.image_name not in done.refused_images]
                for some in batches(ready, ENTRIES_PER_BATCH):
                    if done.stuck or deadline.passed():
                        return done
                    self._publish(target, some, done)
        except (HubBrokenError, CallFailedError) as error:
            self._log.error("table not readable", extra={**target.fields(), "problem": str(error)})
        except Exception:  # noqa: BLE001 - a bug in one target must not affect the others
            self._log.exception("target failed unexpectedly", extra=target.fields())
        return done

    def _publish(self, target: Target, releases: Sequence[Release], done: _Delivery) -> None:
        """Publish what is still pending of a batch.

        The rows are read once more: another invocation may have announced them in the meantime.
        """
        keys = [Key.of(release) for release in releases]
        found = self._rows.read(keys)
        pending = {Key.of(release): release for release in found.releases}
        made = {key: each for key, r in pending.items() if (each := self._rendered(r))}
        done.unreadable |= found.unreadable | (pending.keys() - made.keys())
        done.gone |= {key for key in keys if key not in pending and key not in found.unreadable}
        if not made:
            return
        results = self._publisher.publish(target, list(made.values()))
        problems: list[Failure] = []
        for key, each in made.items():
            result = results[each.event_id]
            if isinstance(result, Failure):
                problems.append(result)
                done.problems[key] = result
                done.refused_images.add(pending[key].image_name)
                self._log.warning(
                    "release not accepted",
                    extra={**_fields(pending[key], each), **_reason(result)},
                )
            else:
                done.accepted.add(key)
                if not self._mark(pending[key], result, _fields(pending[key], each)):
                    done.unmarked.add(key)
        done.stuck = _is_stuck(problems, len(made))

    def _rendered(self, release: Release) -> Announcement | None:
        """The announcement; None where there is none, which affects no other release."""
        try:
            return announcement(release)
        except MalformedError as error:
            self._log.error("row malformed", extra={"problem": str(error)})
        except Exception:  # noqa: BLE001 - an unexpected value
            where = {**release.target.fields(), "image_name": release.image_name}
            self._log.exception("release not announceable", extra=where)
        return None

    def _mark(self, release: Release, message_id: str, fields: Mapping[str, object]) -> bool:
        try:
            self._rows.mark(release, message_id, self._clock())
        except Exception as error:  # noqa: BLE001 - the others of its batch have yet to be marked
            # It stays pending: the next sweep sends an identical copy, which is better than none.
            self._log.error("release not marked", extra={**fields, "problem": str(error)})
            return False
        self._log.info("release announced", extra={**fields, "message_id": message_id})
        return True

    def _age(self, release: Release) -> float:
        return (self._clock() - datetime.fromisoformat(release.detected_at)).total_seconds()


def _keep(_: list[Any]) -> None:
    """Leave the order as it is."""


def _fields(release: Release, made: Announcement) -> dict[str, object]:
    fields = {"event_id": made.event_id, "image_name": made.image_name, "round": release.round}
    return {**fields, **release.target.fields()}


def _reason(problem: Failure) -> dict[str, object]:
    return {"state": problem.state, "code": problem.code, "detail": problem.detail}


def _is_stuck(problems: Sequence[Failure], entries: int) -> bool:
    """Whether the answer to a batch speaks against its topic, and not against one announcement."""
    if len(problems) < entries:
        return False
    return entries > 1 or problems[0].state not in ENTRY_STATES
