"""Announces committed releases: reads them, publishes target by target, marks what was accepted.

A target that fails keeps its releases pending for the next sweep, or for the next release of the
same image. It is never reported to the stream, which would then deliver every other target's
records again as well.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from aws_lambda_powertools.metrics import MetricUnit

from services.aggregator.announce import Announcement, announcement, waves
from services.aggregator.outbox import Found, Key
from services.aggregator.stream import Inserted, Sweep
from services.aggregator.topics import ENTRIES_PER_BATCH, ENTRY_STATES
from services.kernel.aws import MAX_THREADS, batches
from services.kernel.errors import CallFailedError, Failure, HubBrokenError, State, failure
from services.kernel.model import Release, Target
from services.kernel.observe import Log, Measure
from services.kernel.runtime import Deadline, now


class Rows(Protocol):
    """What announcing needs of the table; `Outbox` over DynamoDB, a fake in tests."""

    def pending(self) -> Iterator[list[Key]]:
        """The keys of what may still have to be announced, a page at a time."""
        ...

    def read(self, keys: Sequence[Key]) -> Found:
        """What of them still has to be."""
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
class Report:
    """What an invocation announced, and what it left pending."""

    announced: Counter[str] = field(default_factory=Counter)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    pending: int = 0
    unreadable: int = 0
    oldest_seconds: float = 0.0
    stuck: set[Target] = field(default_factory=set)
    held_back: set[tuple[Target, str]] = field(default_factory=set)
    retry_from: str | None = None
    swept: bool = False

    def answer(self) -> dict[str, object]:
        """What the event source mapping reads, beside a summary for people."""
        failed = [] if self.retry_from is None else [{"itemIdentifier": self.retry_from}]
        return {
            "batchItemFailures": failed,
            "announced": self.announced.total(),
            "pending": self.pending,
        }

    def measures(self) -> Iterator[Measure]:
        """The invocation in metrics."""
        for region, count in sorted(self.announced.items()):
            yield Measure("Announced", count, dimensions={"region": region})
        for (state, region), count in sorted(self.failures.items()):
            yield Measure("AnnounceFailed", count, dimensions={"class": state, "region": region})
        for seconds in self.seconds:
            yield Measure("SecondsToAnnouncement", seconds, MetricUnit.Seconds)
        if self.swept:
            yield Measure("PendingReleases", self.pending)
            yield Measure("OldestPendingSeconds", self.oldest_seconds, MetricUnit.Seconds)
            if self.unreadable:
                yield Measure("UnreadableReleases", self.unreadable)

    def count_unreadable(self, rows: int) -> None:
        """Note rows that make no sense: they stay pending until somebody mends them."""
        self.unreadable += rows
        self.pending += rows


@dataclass(slots=True)
class _Delivery:
    """What became of the releases that were sent, and whether their topic takes no more."""

    sent: dict[Release, Failure | None] = field(default_factory=dict)
    stuck: bool = False


class Relay:
    """Brings committed releases to their topics."""

    def __init__(
        self,
        rows: Rows,
        publisher: Publisher,
        log: Log,
        clock: Callable[[], datetime] = now,
        shuffle: Callable[[list[Target]], None] = random.shuffle,
    ) -> None:
        self._rows = rows
        self._publisher = publisher
        self._log = log
        self._clock = clock
        self._shuffle = shuffle

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
            found = self._read_back(inserted.keys, deadline)
        except (HubBrokenError, CallFailedError) as error:
            self._log.error("table not readable", extra={"problem": str(error)})
            report.retry_from = inserted.first
        else:
            report.count_unreadable(found.unreadable)
            self._announce(found.releases, report, deadline)

    def _read_back(self, keys: Sequence[Key], deadline: Deadline) -> Found:
        """What is to be announced of `keys`, and what an earlier invocation left before it.

        A version that was left would otherwise be sent after the new one, by the next sweep, and
        subscribers would end on the older image.
        """
        releases: list[Release] = []
        unreadable = 0
        asked: dict[Key, None] = {}
        wanted = dict.fromkeys([*keys, *_predecessors(keys)])
        while wanted and not (asked and deadline.passed()):
            found = self._rows.read(list(wanted))
            asked |= wanted
            releases += found.releases
            unreadable += found.unreadable
            before = _predecessors(map(Key.of, found.releases))
            wanted = dict.fromkeys(key for key in before if key not in asked)
        return Found(tuple(releases), unreadable)

    def _sweep(self, sweep: Sweep, report: Report, deadline: Deadline) -> None:
        report.swept = True
        for keys in self._rows.pending():
            if deadline.passed():  # counting goes on, so that the alarm sees a long backlog
                report.pending += len(keys)
            else:
                self._sweep_page(keys, sweep, report, deadline)
            if deadline.seconds_to_answer() <= 0:  # without an answer, nothing would be seen
                break

    def _sweep_page(
        self, keys: Sequence[Key], sweep: Sweep, report: Report, deadline: Deadline
    ) -> None:
        found = self._rows.read(keys)
        due = [r for r in found.releases if self._age(r) >= sweep.older_than_seconds]
        report.count_unreadable(found.unreadable)
        report.pending += len(found.releases) - len(due)
        self._announce(due, report, deadline)

    def _announce(self, releases: Sequence[Release], report: Report, deadline: Deadline) -> None:
        groups: dict[Target, list[Release]] = defaultdict(list)
        for release in releases:
            image = (release.target, release.image_name)
            if release.target not in report.stuck and image not in report.held_back:
                groups[release.target].append(release)
        # Topics that hang take a thread each: in a fixed order they would starve the same others.
        turns = list(groups)
        self._shuffle(turns)
        sent: dict[Release, Failure | None] = {}
        pool = ThreadPoolExecutor(max_workers=min(MAX_THREADS, max(1, len(turns))))
        try:
            futures = {pool.submit(self._deliver, t, groups[t], deadline): t for t in turns}
            # Nothing begins after the deadline; what is under way then has yet to be marked.
            wait(futures, timeout=deadline.seconds_to_answer())
            for future, target in futures.items():
                delivery = self._outcome(target, future)
                sent |= delivery.sent
                if delivery.stuck:
                    report.stuck.add(target)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        self._tally(releases, sent, report)

    def _outcome(self, target: Target, future: Future[_Delivery]) -> _Delivery:
        where = {"region": target.region, "account_id": target.account_id}
        if not future.done():
            self._log.error("target not finished in time", extra=where)
            return _Delivery()
        try:
            return future.result()
        except Exception:  # noqa: BLE001 - a bug in one target must not cost the others
            self._log.exception("target failed unexpectedly", extra=where)
            return _Delivery()

    def _tally(
        self,
        releases: Sequence[Release],
        sent: Mapping[Release, Failure | None],
        report: Report,
    ) -> None:
        for release in releases:
            age, region = self._age(release), release.target.region
            problem = sent.get(release, _NOT_TRIED)
            if problem is None:
                report.announced[region] += 1
                report.seconds.append(age)
                continue
            report.pending += 1
            report.oldest_seconds = max(report.oldest_seconds, age)
            # A page of a sweep may end between two versions of an image.
            report.held_back.add((release.target, release.image_name))
            if problem is not _NOT_TRIED:
                report.failures[problem.state, region] += 1

    def _deliver(
        self, target: Target, releases: Sequence[Release], deadline: Deadline
    ) -> _Delivery:
        """Publish one target's releases, each image's in order, until the topic takes no more."""
        done = _Delivery()
        for wave in waves(releases):
            held_back = {r.image_name for r, problem in done.sent.items() if problem is not None}
            ready = [release for release in wave if release.image_name not in held_back]
            for some in batches(ready, ENTRIES_PER_BATCH):
                if deadline.passed():
                    return done
                results = self._publish(target, some)
                done.sent |= results
                done.stuck = _is_stuck([p for p in results.values() if p], len(some))
                if done.stuck:
                    return done
        return done

    def _publish(
        self, target: Target, releases: Sequence[Release]
    ) -> dict[Release, Failure | None]:
        results = self._publisher.publish(target, [announcement(r) for r in releases])
        done: dict[Release, Failure | None] = {}
        for release in releases:
            result = results[release.event_id]
            done[release] = result if isinstance(result, Failure) else None
            fields = {
                "event_id": release.event_id,
                "image_name": release.image_name,
                "region": target.region,
                "account_id": target.account_id,
            }
            if isinstance(result, Failure):
                detail = {"state": result.state, "code": result.code, "detail": result.detail}
                self._log.warning("release not accepted", extra={**fields, **detail})
            else:
                self._mark(release, result, fields)
        return done

    def _mark(self, release: Release, message_id: str, fields: Mapping[str, object]) -> None:
        try:
            self._rows.mark(release, message_id, self._clock())
        except (HubBrokenError, CallFailedError) as error:
            # It stays pending: the next sweep sends an identical copy, which is better than none.
            self._log.error("release not marked", extra={**fields, "problem": str(error)})
        else:
            self._log.info("release announced", extra={**fields, "message_id": message_id})

    def _age(self, release: Release) -> float:
        return (self._clock() - datetime.fromisoformat(release.detected_at)).total_seconds()


def _predecessors(keys: Iterable[Key]) -> list[Key]:
    return [before for key in keys if (before := key.predecessor())]


def _is_stuck(problems: Sequence[Failure], entries: int) -> bool:
    """Whether the answer to a batch speaks against its topic, and not against one announcement."""
    if len(problems) < entries:
        return False
    return entries > 1 or problems[0].state not in ENTRY_STATES


_NOT_TRIED = failure(State.TRANSIENT, "NotTried", "its topic was given up on, or time was over")
