"""Announces committed releases: reads them, publishes target by target, marks what was accepted.

A target that fails keeps its releases pending for the next sweep. It is never reported to the
stream, which would then deliver every other target's records again as well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from aws_lambda_powertools.metrics import MetricUnit

from services.aggregator.announce import Announcement, announcement, waves
from services.aggregator.outbox import Key
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

    def read(self, keys: Sequence[Key]) -> list[Release]:
        """The releases that still have to be."""
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


class Relay:
    """Brings committed releases to their topics."""

    def __init__(
        self, rows: Rows, publisher: Publisher, log: Log, clock: Callable[[], datetime] = now
    ) -> None:
        self._rows = rows
        self._publisher = publisher
        self._log = log
        self._clock = clock

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
            releases = self._rows.read(inserted.keys)
        except (HubBrokenError, CallFailedError) as error:
            self._log.error("table not readable", extra={"problem": str(error)})
            report.retry_from = inserted.first
        else:
            self._announce(releases, report, deadline)

    def _sweep(self, sweep: Sweep, report: Report, deadline: Deadline) -> None:
        report.swept = True
        for keys in self._rows.pending():
            if deadline.passed():  # counting goes on, so that the alarm sees a long backlog
                report.pending += len(keys)
                continue
            releases = self._rows.read(keys)
            due = [r for r in releases if self._age(r) >= sweep.older_than_seconds]
            report.pending += len(releases) - len(due)
            self._announce(due, report, deadline)

    def _announce(self, releases: Sequence[Release], report: Report, deadline: Deadline) -> None:
        groups: dict[Target, list[Release]] = defaultdict(list)
        for release in releases:
            image = (release.target, release.image_name)
            if release.target not in report.stuck and image not in report.held_back:
                groups[release.target].append(release)
        sent: dict[Release, Failure | None] = {}
        pool = ThreadPoolExecutor(max_workers=min(MAX_THREADS, max(1, len(groups))))
        try:
            futures = {pool.submit(self._deliver, t, g, deadline): t for t, g in groups.items()}
            wait(futures, timeout=deadline.seconds_left())
            for future, target in futures.items():
                sent |= self._outcome(target, future)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        self._tally(releases, sent, report)

    def _outcome(
        self, target: Target, future: Future[dict[Release, Failure | None]]
    ) -> dict[Release, Failure | None]:
        where = {"region": target.region, "account_id": target.account_id}
        if not future.done():
            self._log.error("target not finished in time", extra=where)
            return {}
        try:
            return future.result()
        except Exception:  # noqa: BLE001 - a bug in one target must not cost the others
            self._log.exception("target failed unexpectedly", extra=where)
            return {}

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
            if problem is _NOT_TRIED:
                continue
            report.failures[problem.state, region] += 1
            if problem.state not in ENTRY_STATES:
                report.stuck.add(release.target)

    def _deliver(
        self, target: Target, releases: Sequence[Release], deadline: Deadline
    ) -> dict[Release, Failure | None]:
        """Publish one target's releases, each image's in order, until the topic takes no more."""
        done: dict[Release, Failure | None] = {}
        for wave in waves(releases):
            held_back = {r.image_name for r, problem in done.items() if problem is not None}
            ready = [release for release in wave if release.image_name not in held_back]
            for some in batches(ready, ENTRIES_PER_BATCH):
                if deadline.passed():
                    return done
                done |= self._publish(target, some)
                problems = [done[release] for release in some]
                if all(p is not None and p.state not in ENTRY_STATES for p in problems):
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


_NOT_TRIED = failure(State.TRANSIENT, "NotTried", "its topic was given up on, or time was over")
