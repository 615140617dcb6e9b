"""Counts of an invocation of the aggregator, for the response and the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from aws_lambda_powertools.metrics import MetricUnit

from services.aggregator.outbox import Key
from services.kernel.observability import Measure


@dataclass(slots=True)
class RelayReport:
    """The releases that an invocation announced, and those that stay pending.

    `left` has the rows that stay pending, each with its age in seconds, or 0 if it is unknown.
    """

    announced: Counter[str] = field(default_factory=Counter)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    left: dict[Key, float] = field(default_factory=dict)
    unreadable_rows: set[Key] = field(default_factory=set)
    closed: int = 0
    retry_from: str | None = None
    swept: bool = False

    @property
    def pending(self) -> int:
        """The number of rows that stay pending."""
        return len(self.left)

    @property
    def unreadable(self) -> int:
        """The number of pending rows that cannot be decoded."""
        return len(self.unreadable_rows)

    @property
    def oldest_seconds(self) -> float:
        """The age of the oldest release that stays pending."""
        return max(self.left.values(), default=0.0)

    def answer(self) -> dict[str, object]:
        """The response for the event source mapping, with a summary."""
        failed = [] if self.retry_from is None else [{"itemIdentifier": self.retry_from}]
        return {
            "batchItemFailures": failed,
            "announced": self.announced.total(),
            "pending": self.pending,
        }

    def measures(self) -> Iterator[Measure]:
        """The metrics of the invocation; region and class are fields of their log lines."""
        for region, count in sorted(self.announced.items()):
            yield Measure("Announced", count, fields={"region": region})
        for (state, region), count in sorted(self.failures.items()):
            yield Measure("AnnounceFailed", count, fields={"class": state, "region": region})
        for seconds in self.seconds:
            yield Measure("SecondsToAnnouncement", seconds, MetricUnit.Seconds)
        if self.swept:
            yield Measure("PendingReleases", self.pending)
            yield Measure("OldestPendingSeconds", self.oldest_seconds, MetricUnit.Seconds)
            if self.unreadable:
                yield Measure("UnreadableReleases", self.unreadable)
            if self.closed:
                yield Measure("ReleasesClosed", self.closed)

    def count_announced(self, key: Key, age: float) -> None:
        """Count a release that its topic accepted."""
        self.announced[key.region] += 1
        self.seconds.append(age)
        self.count_gone(key)

    def count_waiting(self, key: Key, age: float) -> None:
        """Count a release that stays pending."""
        self.left[key] = max(0.0, age)

    def count_unread(self, keys: Iterable[Key]) -> None:
        """Count rows that were not read."""
        for key in keys:
            self.left.setdefault(key, 0.0)

    def count_unreadable(self, keys: Iterable[Key]) -> None:
        """Count rows that cannot be announced; they stay pending until they are corrected."""
        for key in keys:
            self.unreadable_rows.add(key)
            self.left[key] = 0.0

    def count_gone(self, key: Key) -> None:
        """Record that a row is no longer pending."""
        self.left.pop(key, None)
