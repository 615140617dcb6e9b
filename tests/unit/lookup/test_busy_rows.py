"""Rows that the table has no capacity to write: they are written later in the same invocation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from support.builders.lookup import (
    HERE,
    MOMENT,
    PATH,
    a_failure,
    a_pair,
    a_request,
    an_ami,
    an_observation,
    by_parameter,
    image_id,
)
from support.fakes.log import FakeLog
from support.fakes.lookup import FakeFacts, FakeRows
from support.fakes.pace import VirtualPace

from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, Failure
from services.kernel.model import Kind, Lookup, Observation, Pair, Release, State, Target
from services.lookup.commits import Commit
from services.lookup.report import Outcome
from services.lookup.target import TargetLookup

NAMES = [f"image-{number:02}" for number in range(20)]
NO_CAPACITY = CallFailedError(a_failure("ThrottlingException"))
THROTTLED = (State.THROTTLED, True)
COMMITTED = Outcome(State.OK, Kind.BASELINE)


class BusyRows(FakeRows):
    """A table that accepts a number of writes at once, and more with the time."""

    def __init__(
        self, journal: list[str], time: VirtualPace, at_once: int, a_second: float
    ) -> None:
        super().__init__(journal)
        self._time = time
        self._left = float(at_once)
        self._a_second = a_second
        self._moment = time.seconds
        self.refused = 0

    def commit(self, pair: Pair, release: Release) -> Commit:
        """Commit, if there is capacity."""
        self._use()
        return super().commit(pair, release)

    def confirm(self, pair: Pair, seen: Observation | None = None) -> None:
        """Confirm, if there is capacity."""
        self._use()
        super().confirm(pair, seen)

    def answered(self, target: Target, numbers: Collection[int]) -> None:
        """Record the answers, if there is capacity."""
        self._use()
        super().answered(target, numbers)

    def _use(self) -> None:
        self._left += (self._time.seconds - self._moment) * self._a_second
        self._moment = self._time.seconds
        if self._left < 1:
            self.refused += 1
            raise NO_CAPACITY
        self._left -= 1


@dataclass(slots=True)
class Lab:
    """A target lookup on fakes, in virtual time."""

    at_once: int = 5
    a_second: float = 5.0
    journal: list[str] = field(default_factory=list)
    time: VirtualPace = field(default_factory=VirtualPace)
    log: FakeLog = field(default_factory=FakeLog)
    rows: BusyRows = field(init=False)
    facts: FakeFacts = field(init=False)

    def __post_init__(self) -> None:
        self.rows = BusyRows(self.journal, self.time, self.at_once, self.a_second)
        self.facts = FakeFacts(self.journal)
        self.facts.put_parameter(HERE, PATH, image_id(2))
        self.facts.register(HERE, an_ami(2, 2))
        self.facts.register(HERE, an_ami(1, 1))

    def check(self, names: Sequence[str] = NAMES, seconds: float = 60) -> dict[str, Outcome]:
        """The outcome of each pair."""
        lookup = TargetLookup(self.rows, self.facts, self.log, lambda: MOMENT, self.time.pace())
        deadline = Deadline.after(seconds, lambda: self.time.seconds)
        outcomes = lookup.look_up(HERE, {a_request(name): 1 for name in names}, deadline)
        return {request.image_name: outcome for request, outcome in outcomes.items()}


def new(name: str) -> Pair:
    """Return a pair whose image has to be committed."""
    return a_pair(name)


def unchanged(name: str) -> Pair:
    """Return a pair whose row needs no write."""
    return a_pair(name, known=an_observation(2))


def test_every_row_is_written_in_one_invocation() -> None:
    """No message comes back, and each release is committed once."""
    lab = Lab()
    pairs = [new(name) for name in NAMES]
    for pair in pairs:
        lab.rows.put(pair)

    outcomes = lab.check()

    assert outcomes == dict.fromkeys(NAMES, COMMITTED)
    assert [len(lab.rows.releases(pair)) for pair in pairs] == [1] * len(pairs)
    assert 0 < lab.rows.refused < len(NAMES) / 2
    assert lab.log.events("warning") == []


def test_pairs_without_a_write_do_not_wait() -> None:
    """They are settled before the first wait, and before the pairs that have to wait."""
    lab = Lab(at_once=1)
    for name in NAMES[:10]:
        lab.rows.put(new(name))
    for name in NAMES[10:]:
        lab.rows.put(unchanged(name))

    outcomes = lab.check(seconds=0.04)

    assert lab.time.waits == []
    assert [outcomes[name] for name in NAMES[10:]] == [Outcome(State.OK)] * 10
    assert outcomes[NAMES[0]] == COMMITTED
    assert [(o.state, o.again) for o in list(outcomes.values())[1:10]] == [THROTTLED] * 9


def test_a_pair_that_has_to_wait_reads_no_history() -> None:
    """Its releases are read when it has its turn."""
    lab = Lab(at_once=1)
    for name in NAMES:
        lab.rows.put(a_pair(name, known=an_observation(1), version=1))

    lab.check(seconds=0.04)

    assert lab.journal.count("history") == 2


def test_pairs_that_are_not_written_by_the_deadline_come_back() -> None:
    """Their state is not changed; a log line has their number, not a line for each."""
    lab = Lab(at_once=5, a_second=0)
    pairs = [new(name) for name in NAMES]
    for pair in pairs:
        lab.rows.put(pair)

    outcomes = lab.check(seconds=10)

    assert [(o.state, o.again) for o in outcomes.values()].count(THROTTLED) == 15
    assert sum(len(lab.rows.releases(pair)) for pair in pairs) == 5
    assert lab.time.seconds <= 10
    (line,) = lab.log.fields("rows not written")
    assert line["throttled"] == 15
    assert lab.rows.marks == []


def test_a_table_without_any_capacity_does_not_hold_the_invocation() -> None:
    """After 20 seconds without a success the messages come back."""
    lab = Lab(at_once=0, a_second=0)
    lab.rows.put(new(NAMES[0]))

    outcomes = lab.check(NAMES[:1], seconds=110)

    assert [(o.state, o.again) for o in outcomes.values()] == [THROTTLED]
    assert lab.time.seconds == pytest.approx(20, abs=3)


def test_confirmations_wait_too() -> None:
    """An edit of many lookups writes as many rows."""
    lab = Lab()
    for name in NAMES:
        pair = a_pair(name, known=an_observation(2), confirmed=by_parameter("/before"))
        lab.rows.put(pair)

    assert lab.check() == dict.fromkeys(NAMES, Outcome(State.OK))
    assert lab.rows.refused > 0


def test_answers_are_recorded_in_a_later_attempt() -> None:
    """A pair without a recorded answer becomes stale, so a full table is tried again."""
    lab = Lab(at_once=1, a_second=0.5)
    lab.rows.begin(HERE)
    for name in NAMES[:2]:
        lab.rows.put(a_pair(name, number=int(name[-2:]) + 1))

    lab.check(NAMES[:2])

    assert lab.rows.numbers(HERE) == frozenset({1, 2})


class _BusyReads(BusyRows):
    """A table without capacity for the first reads."""

    def requested(self, target: Target, lookups: Mapping[str, Lookup]) -> dict[str, Pair | Failure]:
        """Fail twice, then read the pairs."""
        self.refused += 1
        if self.refused <= 2:
            raise NO_CAPACITY
        return super().requested(target, lookups)


def test_rows_are_read_in_a_later_attempt() -> None:
    """Otherwise every message of the target would come back."""
    lab = Lab()
    lab.rows = _BusyReads(lab.journal, lab.time, 5, 5)
    lab.rows.put(unchanged(NAMES[0]))

    assert lab.check(NAMES[:1]) == {NAMES[0]: Outcome(State.OK)}


class _FailingRows(BusyRows):
    """A table with another temporary failure."""

    def commit(self, pair: Pair, release: Release) -> Commit:  # noqa: ARG002 - the port's
        """Fail."""
        self.journal.append("commit")
        raise CallFailedError(a_failure("InternalServerError"))


def test_another_failure_of_a_row_is_not_repeated() -> None:
    """Only missing capacity comes back by itself within seconds."""
    lab = Lab()
    lab.rows = _FailingRows(lab.journal, lab.time, 1, 1)
    lab.rows.put(new(NAMES[0]))

    assert list(lab.check(NAMES[:1]).values()) == [Outcome(State.TRANSIENT, again=True)]
    assert lab.journal.count("commit") == 1
