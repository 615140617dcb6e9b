"""The state of an invocation, which decides what it can publish."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.aggregator.outbox import Key
from services.aggregator.report import RelayReport
from services.kernel.model import Release, Target


@dataclass(slots=True)
class Progress:
    """The state of an invocation; `report` counts what it did.

    `unmarked` are announced releases whose rows could not be written. `stuck` are targets whose
    topic accepts no messages, `held_back` images with an older release that was not published.
    `overdue` are releases that have been pending long enough to be closed.
    """

    report: RelayReport = field(default_factory=RelayReport)
    unmarked: set[Key] = field(default_factory=set)
    stuck: set[Target] = field(default_factory=set)
    held_back: set[tuple[Target, str]] = field(default_factory=set)
    overdue: dict[Key, Release] = field(default_factory=dict)

    def holds(self, release: Release) -> bool:
        """Whether a release must wait: its topic is stuck, or an older one was not published."""
        image = (release.target, release.image_name)
        return release.target in self.stuck or image in self.held_back

    def count_announced(self, key: Key, age: float) -> None:
        """Count a release that its topic accepted."""
        self.report.count_announced(key, age)
        self.overdue.pop(key, None)

    def count_unreadable(self, keys: Iterable[Key]) -> None:
        """Count rows that cannot be announced; they stay pending until they are corrected."""
        for key in keys:
            self.report.count_unreadable([key])
            self.overdue.pop(key, None)

    def count_gone(self, key: Key) -> None:
        """Record that a row is no longer pending."""
        self.report.count_gone(key)
        self.overdue.pop(key, None)
