"""Counts of a batch's outcomes, for the response and the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.kernel.model import Kind, State, Target
from services.kernel.observability import Measure


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one request.

    `state` is None if the request was obsolete, or if its row cannot be decoded. `busy` is true if
    the table had no capacity to write the row.
    """

    state: State | None
    kind: Kind | None = None
    again: bool = False
    unreadable: bool = False
    timed_out: bool = False
    busy: bool = False

    @property
    def final(self) -> bool:
        """Whether the lookup has ended: the state is set, and the message is not redelivered."""
        return self.state is not None and not self.again


DROPPED = Outcome(None)
UNREADABLE = Outcome(None, unreadable=True)
LATE = Outcome(State.LATE, again=True)
TIMED_OUT = Outcome(State.TRANSIENT, again=True, timed_out=True)
OVERTAKEN = Outcome(State.OVERTAKEN, again=True)
BUSY = Outcome(State.THROTTLED, again=True, busy=True)


@dataclass(slots=True)
class BatchReport:
    """The outcomes of a batch."""

    failed_messages: list[str] = field(default_factory=list)
    malformed: int = 0
    checked: Counter[str] = field(default_factory=Counter)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    releases: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    unreadable: int = 0

    def add(self, target: Target, outcome: Outcome) -> None:
        """Count one request's outcome."""
        if outcome.state is None:
            self.unreadable += outcome.unreadable
            self.dropped += not outcome.unreadable
            return
        self.checked[target.region] += outcome.final
        if outcome.state is not State.OK:
            self.failures[outcome.state, target.region] += 1
        if outcome.kind is not None:
            self.releases[outcome.kind] += 1

    def answer(self) -> dict[str, object]:
        """The response for the event source mapping, with a summary."""
        return {
            "batchItemFailures": [{"itemIdentifier": name} for name in self.failed_messages],
            "checked": self.checked.total(),
            "failed": self.failures.total(),
            "dropped": self.dropped,
            "malformed": self.malformed,
            "unreadable": self.unreadable,
            "releases": dict(sorted(self.releases.items())),
        }

    def measures(self) -> Iterable[Measure]:
        """The metrics of the batch; region, class and kind are fields of their log lines."""
        for region, count in sorted((+self.checked).items()):
            yield Measure("PairsChecked", count, fields={"region": region})
        for (state, region), count in sorted(self.failures.items()):
            yield Measure("PairsFailed", count, fields={"class": state, "region": region})
        for kind, count in sorted(self.releases.items()):
            yield Measure("Releases", count, fields={"kind": kind})
        if self.malformed:
            yield Measure("MalformedMessages", self.malformed)
