"""The lookups of one target, on fakes of the table and of AWS: requests and writes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from support.builders.lookup import (
    HERE,
    MOMENT,
    NEXT_ROUND,
    PATH,
    ROUND,
    THERE,
    a_failure,
    a_pair,
    a_release,
    a_request,
    an_ami,
    an_observation,
    by_name,
    by_parameter,
    image_id,
)
from support.fakes.log import FakeLog
from support.fakes.lookup import PUBLISHED, FakeFacts, FakeRows

from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, Failure, HubBrokenError
from services.kernel.model import (
    About,
    Filter,
    FilterLookup,
    Kind,
    Lookup,
    Observation,
    Pair,
    Release,
    Request,
    State,
    Target,
)
from services.lookup.commits import Commit
from services.lookup.report import DROPPED, LATE, OVERTAKEN, UNREADABLE, Outcome
from services.lookup.responses import Matches
from services.lookup.target import MarkBudget, TargetLookup

READS = {"read", "read consistently", "history", "enter", "parameters", "matching", "images"}
OK = Outcome(State.OK)


@dataclass(slots=True)
class Lab:
    """A target lookup on fakes that share one journal."""

    journal: list[str] = field(default_factory=list)
    rows: FakeRows = field(init=False)
    facts: FakeFacts = field(init=False)
    log: FakeLog = field(default_factory=FakeLog)

    def __post_init__(self) -> None:
        self.rows = FakeRows(self.journal)
        self.facts = FakeFacts(self.journal)

    def check(
        self,
        *requests: Request,
        target: Target = HERE,
        seconds: float = 60,
        deadline: Deadline | None = None,
        receives: int = 1,
        budget: MarkBudget | None = None,
    ) -> list[Outcome]:
        """The outcomes of these requests, in their order."""
        target_lookup = TargetLookup(self.rows, self.facts, self.log, lambda: MOMENT)
        received = dict.fromkeys(requests, receives)
        outcomes = target_lookup.look_up(
            target, received, deadline or Deadline.after(seconds), budget
        )
        assert set(outcomes) == set(requests)
        return [outcomes[request] for request in requests]

    def publish(self, number: int, day: int = 1, *, target: Target = HERE) -> None:
        """Publish image `number` and set the parameter to it."""
        self.facts.put_parameter(target, PATH, image_id(number))
        self.facts.register(target, an_ami(number, day))

    def writes(self) -> list[str]:
        """Return the writes to the table, without the round row."""
        return [o for o in self.journal if o not in READS | {"answered"}]


@pytest.fixture
def lab() -> Lab:
    """Build a lab without rows and images."""
    return Lab()


def only(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the only outcome."""
    (outcome,) = outcomes
    return outcome


def settled(lab: Lab, *pairs: Pair) -> None:
    """Write these pairs into the table."""
    for pair in pairs:
        lab.rows.put(pair)


# --- the order of the requests


@pytest.mark.parametrize("lookup", [by_parameter(), by_name()])
def test_rows_are_read_before_the_source_is_called(lab: Lab, lookup: Lookup) -> None:
    """A result is committed only over the row that was read before the request."""
    settled(lab, a_pair(lookup=lookup))
    lab.publish(1)
    lab.check(a_request(lookup=lookup))
    asked = [o for o in lab.journal if o in {"enter", "parameters", "matching", "images"}]
    assert lab.journal[0] == "read"
    assert lab.journal.index(asked[0]) > lab.journal.index("read")
    assert lab.journal.index("commit") > lab.journal.index(asked[-1])
    assert "read consistently" not in lab.journal


def test_a_result_older_than_the_row_is_not_committed(lab: Lab) -> None:
    """A worker that read an old version commits nothing, whatever the source returned."""
    current = a_pair(known=an_observation(3), version=3)
    settled(lab, current)
    lab.rows.stale["al2023"] = replace(current, known=an_observation(2), version=2)
    lab.publish(1)
    assert lab.check(a_request()) == [OVERTAKEN]
    assert lab.rows.stored(current) == current


# --- a round without changes


def test_an_unchanged_pair_writes_nothing(lab: Lab) -> None:
    """Neither the table nor the log is written; the image is requested once."""
    settled(lab, a_pair(known=an_observation(1)))
    lab.publish(1)
    assert lab.check(a_request()) == [OK]
    assert lab.journal == ["read", "enter", "images", "parameters", "answered"]
    assert lab.log.lines == []


@pytest.mark.parametrize("count", [1, 10, 11, 35])
def test_ten_unchanged_parameters_take_one_request(lab: Lab, count: int) -> None:
    """The images of ten parameters take one more request; only the round row is written."""
    for number in range(count):
        path = f"{PATH}/{number}"
        observed = an_observation(number)
        settled(lab, a_pair(f"image-{number}", by_parameter(path), known=observed))
        lab.facts.put_parameter(HERE, path, observed.image_id)
        lab.facts.register(HERE, an_ami(number))
    requests = [a_request(f"image-{n}", by_parameter(f"{PATH}/{n}")) for n in range(count)]
    assert lab.check(*requests) == [OK] * count
    assert math.ceil(count / 10) == lab.facts.requests("parameters")
    assert (lab.facts.requests("images"), lab.facts.requests("matching")) == (1, 0)
    assert lab.journal == ["read", "enter", "images", "parameters", "answered"]


def test_an_unchanged_filter_lookup_writes_nothing(lab: Lab) -> None:
    """The newest image is the known one."""
    settled(lab, a_pair(lookup=by_name(), known=an_observation(2, day=2)))
    lab.facts.register(HERE, an_ami(1))
    lab.facts.register(HERE, an_ami(2, day=2))
    assert lab.check(a_request(lookup=by_name())) == [OK]
    assert lab.journal == ["read", "enter", "matching", "answered"]


def test_parameter_and_filter_lookups_share_a_read(lab: Lab) -> None:
    """Both kinds of lookups share one read of rows and one session."""
    settled(lab, a_pair("a"), a_pair("b", by_name()))
    lab.publish(1)
    outcomes = lab.check(a_request("a"), a_request("b", by_name()))
    assert outcomes == [Outcome(State.OK, Kind.BASELINE)] * 2
    asked = ["read", "enter", "parameters", "images", "matching"]
    assert lab.journal == [*asked[:4], "commit", "matching", "commit", "answered"]


def test_no_request_is_made_without_active_pairs(lab: Lab) -> None:
    """A target without active pairs gets no session."""
    assert lab.check(a_request()) == [DROPPED]
    assert "enter" not in lab.journal


# --- outdated messages


@pytest.mark.parametrize(
    "row",
    [
        None,
        a_pair(active=False),
        a_pair(lookup=by_parameter("/another")),
        a_pair(lookup=by_name()),
    ],
    ids=["missing", "inactive", "another path", "another sort of lookup"],
)
def test_a_request_that_differs_from_its_row_is_dropped(lab: Lab, row: Pair | None) -> None:
    """The row is read consistently first, because the first read may be outdated."""
    settled(lab, *([row] if row else []))
    lab.publish(1)
    assert lab.check(a_request()) == [DROPPED]
    assert lab.journal == ["read", "read consistently"]


@pytest.mark.parametrize(
    "stale", [None, a_pair(active=False), a_pair(lookup=by_parameter("/another"))]
)
def test_a_recently_written_row_is_found(lab: Lab, stale: Pair | None) -> None:
    """The consistent read returns the row, and only missing rows are read again."""
    settled(lab, a_pair(), a_pair("other", known=an_observation(1)))
    lab.rows.stale["al2023"] = stale
    lab.publish(1)
    outcomes = lab.check(a_request(), a_request("other"))
    assert outcomes == [Outcome(State.OK, Kind.BASELINE), OK]
    assert lab.journal[:2] == ["read", "read consistently"]


def test_an_undecodable_row_affects_only_its_own_pair(lab: Lab) -> None:
    """A redelivery would find the same row, so it is logged, and the message is acknowledged."""
    lab.rows.garble(a_pair("garbled"))
    settled(lab, a_pair(known=an_observation(1)))
    lab.publish(1)
    outcomes = lab.check(a_request("garbled"), a_request())
    assert outcomes == [UNREADABLE, OK]
    assert lab.log.fields("row malformed") == [{"problem": "garbled"}]


def test_an_older_message_of_an_edited_pair_is_dropped(lab: Lab) -> None:
    """If a batch has messages from before and after an edit, the row's own is looked up."""
    settled(lab, a_pair())
    lab.publish(1)
    before, after = a_request(lookup=by_parameter("/before")), a_request()
    assert lab.check(before, after) == [DROPPED, Outcome(State.OK, Kind.BASELINE)]


# --- changes


def test_a_new_pair_gets_a_baseline(lab: Lab) -> None:
    """The history of a new pair is empty and is not read."""
    settled(lab, a_pair())
    lab.publish(1)
    assert lab.check(a_request()) == [Outcome(State.OK, Kind.BASELINE)]
    stored = lab.rows.stored(a_pair())
    assert (stored.version, stored.known, stored.state) == (1, an_observation(1), "ok")
    assert "history" not in lab.journal


def test_a_new_image_is_a_release(lab: Lab) -> None:
    """The row and the log line have region, kind, version, and old and new image."""
    pair = a_pair(known=an_observation(1), version=7)
    settled(lab, pair)
    lab.publish(2)
    assert lab.check(a_request()) == [Outcome(State.OK, Kind.RELEASE)]
    (release,) = lab.rows.releases(pair)
    about = About(join_key="name:acme-linux-2", source_time=PUBLISHED, parameter_version=1)
    assert release == replace(a_release(pair, 2), about=about)
    assert lab.rows.pending() == {release.event_id}
    expected = {
        "image_name": "al2023",
        "region": "eu-west-1",
        "account_id": "111122223333",
        "kind": "release",
        "version": 8,
        "image_id": image_id(2),
        "event_id": release.event_id,
        "previous_image_id": image_id(1),
        "release": None,
    }
    assert lab.log.fields("release committed") == [expected]


def test_new_images_are_described_in_one_request(lab: Lab) -> None:
    """Known images take one separate request."""
    known, changed = a_pair("a", by_parameter("/a"), known=an_observation(1)), a_pair("b")
    settled(lab, known, changed, a_pair("c"))
    lab.facts.put_parameter(HERE, "/a", image_id(1))
    lab.facts.register(HERE, an_ami(1))
    lab.publish(2)
    lab.check(a_request("a", by_parameter("/a")), a_request("b"), a_request("c"))
    assert lab.facts.requests("images") == 2
    assert lab.rows.stored(changed).known == an_observation(2)


def test_an_image_that_was_current_before_is_a_rollback(lab: Lab) -> None:
    """The pair's own history decides."""
    settled(lab, a_pair())
    for number in (1, 2, 1):
        lab.publish(number)
        lab.check(a_request())
    kinds = [release.kind for release in lab.rows.releases(a_pair())]
    assert kinds == [Kind.BASELINE, Kind.RELEASE, Kind.ROLLBACK]
    assert "history" in lab.journal


def test_a_withdrawn_image_of_a_filter_lookup_is_a_rollback(lab: Lab) -> None:
    """The newest remaining image is older than the known one, and was never current."""
    pair = a_pair(lookup=by_name(), known=an_observation(2, day=9))
    settled(lab, pair)
    lab.facts.register(HERE, an_ami(1, day=2))
    assert lab.check(a_request(lookup=by_name())) == [Outcome(State.OK, Kind.ROLLBACK)]


def test_an_edit_is_confirmed_once(lab: Lab) -> None:
    """The next change has its own kind, and the confirmation is written once."""
    pair = a_pair(known=an_observation(1), confirmed=by_parameter("/before"))
    settled(lab, pair)
    lab.publish(1)
    assert lab.check(a_request()) == [OK]
    assert lab.check(a_request()) == [OK]
    assert lab.writes() == ["confirm"]
    lab.publish(2)
    assert lab.check(a_request()) == [Outcome(State.OK, Kind.RELEASE)]


# --- the deprecation time of the known image

JANUARY, MARCH = (datetime(2027, month, 1, tzinfo=UTC) for month in (1, 3))


def deprecate(lab: Lab, moment: datetime | None, number: int = 1) -> None:
    """Publish image `number` with a deprecation time."""
    lab.publish(number)
    lab.facts.register(HERE, replace(an_ami(number), deprecation_time=moment))


def stored_time(lab: Lab, pair: Pair) -> datetime | None:
    """Return the deprecation time in the pair's row."""
    known = lab.rows.stored(pair).known
    return known.deprecation_time if known else None


@pytest.mark.parametrize("lookup", [by_parameter(), by_name()], ids=["parameter", "filters"])
def test_a_deprecation_time_is_written_when_it_changes(lab: Lab, lookup: Lookup) -> None:
    """It is written once if it is set, changed or removed; other rounds write nothing."""
    pair = a_pair(lookup=lookup, known=an_observation(1))
    settled(lab, pair)
    for moment in (JANUARY, MARCH, None):
        deprecate(lab, moment)
        before = len(lab.writes())
        for _ in range(3):
            assert lab.check(a_request(lookup=lookup)) == [OK]
        assert lab.writes()[before:] == ["refresh"]
        assert stored_time(lab, pair) == moment
    assert lab.rows.stored(pair) == pair


def test_a_part_of_a_deprecation_time_that_is_not_stored_is_no_change(lab: Lab) -> None:
    """Rows have milliseconds, so microseconds must not cause a write in each round."""
    pair = a_pair(known=replace(an_observation(1), deprecation_time=JANUARY))
    settled(lab, pair)
    deprecate(lab, JANUARY.replace(microsecond=7))
    assert lab.check(a_request()) == [OK]
    assert lab.writes() == []


@pytest.mark.parametrize(
    ("pair", "writes"),
    [
        (a_pair(), ["commit"]),
        (a_pair(known=an_observation(2)), ["commit"]),
        (a_pair(known=an_observation(1), state="throttled"), ["mark"]),
        (a_pair(known=an_observation(1), confirmed=by_parameter("/before")), ["confirm"]),
        (
            a_pair(known=an_observation(1), confirmed=by_parameter("/before"), state="late"),
            ["confirm", "mark"],
        ),
    ],
    ids=["first", "changed", "recovered", "edited", "edited and recovered"],
)
def test_a_deprecation_time_needs_no_write_of_its_own(
    lab: Lab, pair: Pair, writes: list[str]
) -> None:
    """It is part of another write of the row."""
    settled(lab, pair)
    deprecate(lab, JANUARY)
    lab.check(a_request())
    lab.check(a_request())
    assert lab.writes() == writes
    assert stored_time(lab, pair) == JANUARY


def test_a_failure_keeps_the_deprecation_time(lab: Lab) -> None:
    """A withdrawn image keeps the time that was seen last."""
    pair = a_pair(known=replace(an_observation(1), deprecation_time=JANUARY))
    settled(lab, pair)
    lab.facts.put_parameter(HERE, PATH, image_id(1))
    assert only(lab.check(a_request())).state == State.NOT_LAUNCHABLE
    assert stored_time(lab, pair) == JANUARY


def test_a_lookup_without_an_image_keeps_the_deprecation_time(lab: Lab) -> None:
    """A denial returns no image."""
    pair = a_pair(known=replace(an_observation(1), deprecation_time=JANUARY))
    settled(lab, pair)
    lab.facts.fail("images", "UnauthorizedOperation")
    assert only(lab.check(a_request())).state == State.ACCESS_DENIED
    assert stored_time(lab, pair) == JANUARY


def test_an_edit_that_returns_another_image_is_reconfigured(lab: Lab) -> None:
    """The change is not a release."""
    settled(lab, a_pair(known=an_observation(1), confirmed=by_parameter("/before")))
    lab.publish(2)
    assert lab.check(a_request()) == [Outcome(State.OK, Kind.RECONFIGURED)]
    assert lab.rows.pending() == set()


# --- results of a commit


class Interfering(FakeRows):
    """Rows that another worker changes between the read and the commit."""

    def __init__(self, journal: list[str], change: Pair, release_first: int = 0) -> None:
        super().__init__(journal)
        self.change = change
        self.release_first = release_first

    def commit(self, pair: Pair, release: Release) -> Commit:
        """Let the other worker write first."""
        if self.release_first:
            super().commit(pair, a_release(pair, self.release_first))
        else:
            self.put(self.change)
        return super().commit(pair, release)


@pytest.mark.parametrize(
    ("meanwhile", "expected"),
    [
        (a_pair(known=an_observation(1), active=False), DROPPED),
        (a_pair(lookup=by_parameter("/after"), known=an_observation(1)), DROPPED),
        (a_pair(known=an_observation(3), version=2), OVERTAKEN),
        (a_pair(known=an_observation(1), announce=frozenset()), OVERTAKEN),
    ],
    ids=["deactivated", "edited", "overtaken", "announces less"],
)
def test_a_change_of_the_row_decides_the_outcome(
    lab: Lab, meanwhile: Pair, expected: Outcome
) -> None:
    """For a deactivated or edited pair the message is dropped; an overtaken one is repeated."""
    lab.rows = Interfering(lab.journal, meanwhile)
    settled(lab, a_pair(known=an_observation(1)))
    lab.publish(2)
    assert lab.check(a_request()) == [expected]
    assert lab.rows.releases(a_pair()) == []
    counted = [{"region": HERE.region, "account_id": HERE.account_id, "overtaken": 1}]
    assert lab.log.fields("lookups not finished") == (counted if expected is OVERTAKEN else [])


def test_the_same_observation_of_two_workers_is_one_release(lab: Lab) -> None:
    """The slower worker finds its release written already, which is a success."""
    lab.rows = Interfering(lab.journal, a_pair(), release_first=2)
    settled(lab, a_pair(known=an_observation(1)))
    lab.publish(2)
    assert lab.check(a_request()) == [Outcome(State.OK, Kind.RELEASE)]
    assert len(lab.rows.releases(a_pair())) == 1


# --- failures

STATES = {
    "RequestLimitExceeded": Outcome(State.THROTTLED, again=True),
    "InternalError": Outcome(State.TRANSIENT, again=True),
    "ExpiredToken": Outcome(State.CREDENTIALS, again=True),
    "OptInRequired": Outcome(State.REGION_DISABLED),
    "UnauthorizedOperation": Outcome(State.ACCESS_DENIED),
    "InvalidParameterValue": Outcome(State.BAD_LOOKUP),
    "NewAndStrange": Outcome(State.UNCLASSIFIED),
}


@pytest.mark.parametrize("operation", ["parameters", "matching", "images"])
@pytest.mark.parametrize("code", STATES)
def test_a_continuing_failure_is_written_once(lab: Lab, operation: str, code: str) -> None:
    """The last known image stays; a temporary failure is repeated, others are acknowledged."""
    lookup = by_name() if operation == "matching" else by_parameter()
    pair = a_pair(lookup=lookup, known=an_observation(1), version=3)
    settled(lab, pair)
    lab.publish(2, day=9)
    lab.facts.fail(operation, code)
    request = a_request(lookup=lookup)
    assert [only(lab.check(request)) for _ in range(3)] == [STATES[code]] * 3
    assert lab.rows.marks == [("al2023", STATES[code].state)]
    stored = lab.rows.stored(pair)
    assert (stored.known, stored.version) == (pair.known, 3)
    assert len(lab.log.events("warning")) == 1

    lab.facts.heal()
    assert only(lab.check(request)) == Outcome(State.OK, Kind.RELEASE)
    assert lab.rows.stored(pair).state == "ok"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, State.NOT_FOUND), ("", State.BAD_VALUE), ("{}", State.BAD_VALUE)],
)
def test_a_parameter_without_an_image_is_a_state(
    lab: Lab, value: str | None, expected: State
) -> None:
    """The message is acknowledged, and the other pair is looked up."""
    settled(lab, a_pair("broken", by_parameter("/broken"), known=an_observation(5)), a_pair())
    lab.publish(1)
    if value is not None:
        lab.facts.put_parameter(HERE, "/broken", value)
    outcomes = lab.check(a_request("broken", by_parameter("/broken")), a_request())
    assert outcomes == [Outcome(expected), Outcome(State.OK, Kind.BASELINE)]
    assert lab.rows.marks == [("broken", expected)]


def test_a_rejected_parameter_does_not_affect_others(lab: Lab) -> None:
    """Each name has its own result."""
    settled(lab, a_pair("denied", by_parameter("/denied")), a_pair())
    lab.publish(1)
    lab.facts.reject(HERE, "/denied", a_failure("AccessDeniedException"))
    outcomes = lab.check(a_request("denied", by_parameter("/denied")), a_request())
    assert outcomes == [Outcome(State.ACCESS_DENIED), Outcome(State.OK, Kind.BASELINE)]


def test_filters_without_a_match_are_a_state(lab: Lab) -> None:
    """Images with excluded names do not count as a match."""
    lookup = by_name(exclude=["*-1"])
    settled(lab, a_pair(lookup=lookup, known=an_observation(5)))
    lab.facts.register(HERE, an_ami(1))
    assert lab.check(a_request(lookup=lookup)) == [Outcome(State.NOT_FOUND)]
    assert lab.rows.stored(a_pair()).known == an_observation(5)


def test_a_deprecated_image_is_the_last_choice_as_of_now(lab: Lab) -> None:
    """The clock of the lookup decides."""
    settled(lab, a_pair(lookup=by_name()))
    lab.facts.register(HERE, an_ami(2, day=9, deprecation_time="2026-11-22T07:00:05.000Z"))
    lab.facts.register(HERE, an_ami(1))
    lab.check(a_request(lookup=by_name()))
    assert lab.rows.stored(a_pair()).known == an_observation(1)


@pytest.mark.parametrize("known", [None, an_observation(1)])
def test_an_image_that_cannot_be_launched_is_not_announced(
    lab: Lab, known: Observation | None
) -> None:
    """The last known image stays until the new one is visible, which is then a release."""
    pair = a_pair(known=known)
    settled(lab, pair)
    lab.facts.put_parameter(HERE, PATH, image_id(2))
    assert lab.check(a_request()) == [Outcome(State.NOT_LAUNCHABLE)]
    lab.facts.register(HERE, an_ami(2, state="pending"))
    assert lab.check(a_request()) == [Outcome(State.NOT_LAUNCHABLE)]
    assert (lab.rows.stored(pair).known, lab.rows.releases(pair)) == (known, [])
    assert lab.rows.marks == [("al2023", State.NOT_LAUNCHABLE)]

    lab.facts.register(HERE, an_ami(2))
    kind = Kind.RELEASE if known else Kind.BASELINE
    assert lab.check(a_request()) == [Outcome(State.OK, kind)]
    assert lab.rows.stored(pair).known == an_observation(2)


def test_recovery_is_written_and_logged_once(lab: Lab) -> None:
    """The log line has the previous state."""
    settled(lab, a_pair(known=an_observation(1), state="access_denied"))
    lab.publish(1)
    assert lab.check(a_request()) == [OK]
    assert lab.check(a_request()) == [OK]
    assert lab.rows.marks == [("al2023", State.OK)]
    (line,) = lab.log.fields("lookup recovered")
    assert line["was"] == "access_denied"


def test_a_reactivated_pair_with_its_known_image_is_ok(lab: Lab) -> None:
    """Reactivating removed state and confirmed digest; the first result writes both."""
    pair = replace(a_pair(known=an_observation(1)), confirmed_digest=None, state=None)
    settled(lab, pair)
    lab.publish(1)
    assert lab.check(a_request()) == [OK]
    now = lab.rows.stored(pair)
    assert (now.state, now.confirmed_digest) == ("ok", pair.lookup_digest)


def test_each_different_failure_is_written(lab: Lab) -> None:
    """A state is written whenever it changes, also from one failure to the next."""
    settled(lab, a_pair(known=an_observation(1)))
    lab.check(a_request())
    lab.facts.put_parameter(HERE, PATH, "none")
    lab.check(a_request())
    lab.check(a_request())
    assert lab.rows.marks == [("al2023", State.NOT_FOUND), ("al2023", State.BAD_VALUE)]


def test_a_failure_is_logged_with_its_cause(lab: Lab) -> None:
    """The log line has target, state, and the service's own code and message."""
    settled(lab, a_pair())
    lab.facts.fail("parameters", "AccessDeniedException")
    lab.check(a_request())
    expected = {
        "image_name": "al2023",
        "region": "eu-west-1",
        "account_id": "111122223333",
        "state": "access_denied",
        "code": "AccessDeniedException",
        "detail": "the embedded AWS says no",
    }
    assert [expected] == lab.log.fields("lookup failed")


def test_a_denied_role_is_a_state_of_that_targets_pairs_only(lab: Lab) -> None:
    """No request is made in the denied target, and other targets are not affected."""
    there = a_pair("b", target=THERE, known=an_observation(1))
    settled(lab, a_pair("a", known=an_observation(1)), a_pair("b", by_name()), there)
    lab.publish(1, target=THERE)
    lab.facts.close(HERE.account_id)
    denied = lab.check(a_request("a"), a_request("b", by_name()))
    assert denied == [Outcome(State.ACCESS_DENIED)] * 2
    assert {"parameters", "matching"}.isdisjoint(lab.journal)
    assert lab.check(a_request("b", target=THERE), target=THERE) == [OK]
    assert sorted(lab.rows.marks) == [("a", State.ACCESS_DENIED), ("b", State.ACCESS_DENIED)]


@pytest.mark.parametrize(
    "problem",
    [
        CallFailedError(a_failure("ThrottlingException")),
        HubBrokenError("table ami-tracker", a_failure("AccessDeniedException")),
    ],
)
def test_an_error_of_the_table_is_raised(
    lab: Lab, problem: CallFailedError | HubBrokenError
) -> None:
    """A failure of the table is not a state of a pair."""
    settled(lab, a_pair())
    lab.rows.problems[HERE] = problem
    with pytest.raises(type(problem)) as caught:
        lab.check(a_request())
    assert problem is caught.value


# --- the deadline


def test_requests_after_the_deadline_are_repeated(lab: Lab) -> None:
    """Nothing is written for these requests, not even a state."""
    settled(lab, a_pair(known=an_observation(1)))
    lab.publish(2)
    assert lab.check(a_request(), seconds=0) == [LATE]
    assert lab.writes() == []
    assert lab.rows.stored(a_pair()) == a_pair(known=an_observation(1))


def _after_answers(count: int) -> Deadline:
    """Build a deadline that passes after this many results."""
    left = iter([1.0] * count)
    return Deadline(lambda: next(left, 0.0), 0.0)


def test_results_before_the_deadline_count(lab: Lab) -> None:
    """A target with more lookups than time advances with each delivery."""
    lookups = {name: by_name(owners=[f"alias-{name}"]) for name in "abc"}  # a request for each
    settled(lab, *(a_pair(name, lookup) for name, lookup in lookups.items()))
    for number, name in enumerate(lookups, start=1):
        lab.facts.register(HERE, an_ami(number), owner=f"alias-{name}")
    requests = [a_request(name, lookup) for name, lookup in lookups.items()]

    outcomes = lab.check(*requests, deadline=_after_answers(2))

    baseline = Outcome(State.OK, Kind.BASELINE)
    assert outcomes == [baseline, baseline, LATE]
    assert lab.journal.count("matching") == 2


def test_filters_do_not_wait_for_late_parameters(lab: Lab) -> None:
    """Unchanged pairs are settled call by call; no request is made after the deadline."""
    pairs = [
        a_pair(f"i{n:02d}", by_parameter(f"{PATH}/{n:02d}"), known=an_observation(1))
        for n in range(25)
    ]
    settled(lab, *pairs)
    lab.facts.register(HERE, an_ami(1))
    for pair_number in range(25):
        lab.facts.put_parameter(HERE, f"{PATH}/{pair_number:02d}", image_id(1))
    requests = [a_request(pair.image_name, pair.lookup) for pair in pairs]

    outcomes = lab.check(*requests, deadline=_after_answers(12))

    assert outcomes == [OK] * 12 + [LATE] * 13
    assert lab.facts.requests("parameters") == 2


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (None, an_ami(1).observation()),
        (("available", "pending"), an_ami(1).observation()),
        (("pending",), None),
    ],
)
def test_an_image_in_another_state_is_not_chosen(
    lab: Lab, states: tuple[str, ...] | None, expected: Observation | None
) -> None:
    """Only available images are committed, whatever the response and the filters contain."""
    state = (Filter("state", states),) if states else ()
    lookup = FilterLookup((*by_name().filters, *state))
    asked = _Unfiltered(lab.facts)
    lab.rows.put(a_pair(lookup=lookup))
    target_lookup = TargetLookup(lab.rows, asked, lab.log, lambda: MOMENT)
    target_lookup.look_up(HERE, {a_request(lookup=lookup): 1}, Deadline.after(60))
    assert lab.rows.stored(a_pair()).known == expected


class _Unfiltered(FakeFacts):
    """Returns an available and a newer, pending image for every lookup."""

    def __init__(self, facts: FakeFacts) -> None:
        super().__init__(facts.journal)

    def matching(
        self, target: Target, lookups: Sequence[FilterLookup]
    ) -> Iterator[tuple[FilterLookup, Matches | Failure]]:
        """Return both images for any request."""
        assert target == HERE
        for lookup in lookups:
            yield lookup, Matches([an_ami(1), replace(an_ami(2, 2), state="pending")])


# --- an incomplete list is not a rollback


def _known_newest(lab: Lab) -> None:
    """Write a filter pair whose known image is 2 of day 2, with image 1 of day 1 available."""
    newest = an_ami(2, 2)
    settled(lab, a_pair(lookup=by_name(), known=newest.observation()))
    lab.facts.register(HERE, an_ami(1, 1))
    lab.facts.register(HERE, newest)


def test_an_image_that_one_list_lacks_is_requested_by_id(lab: Lab) -> None:
    """DescribeImages is eventually consistent, so a list without the known image is verified."""
    _known_newest(lab)
    lab.facts.overlooked.add(image_id(2))
    assert lab.check(a_request(lookup=by_name())) == [OK]
    assert lab.journal.count("matching") == 2
    assert lab.writes() == []


def test_a_confirmed_missing_image_is_a_rollback(lab: Lab) -> None:
    """Neither the list nor the request by id returns the image."""
    settled(lab, a_pair(lookup=by_name(), known=an_ami(2, 2).observation()))
    lab.facts.register(HERE, an_ami(1, 1))
    assert lab.check(a_request(lookup=by_name())) == [Outcome(State.OK, Kind.ROLLBACK)]


def test_a_failed_second_request_decides_nothing(lab: Lab) -> None:
    """If the second request fails, the message is redelivered."""
    _known_newest(lab)
    lab.facts.overlooked.add(image_id(2))
    failing = _FailingTheSecondTime(lab.facts)
    target_lookup = TargetLookup(lab.rows, failing, lab.log, lambda: MOMENT)
    request = a_request(lookup=by_name())
    outcomes = target_lookup.look_up(HERE, {request: 1}, Deadline.after(60))
    assert outcomes == {request: Outcome(State.THROTTLED, again=True)}


def test_a_lookup_by_ids_is_repeated_for_the_known_id(lab: Lab) -> None:
    """The known id replaces the list of ids, so an incomplete response has no effect."""
    both = FilterLookup((Filter("image-id", (image_id(1), image_id(2))),))
    settled(lab, a_pair(lookup=both, known=an_ami(2, 2).observation()))
    lab.facts.register(HERE, an_ami(1, 1))
    lab.facts.register(HERE, an_ami(2, 2))
    incomplete = _Incomplete(lab.facts, image_id(2))
    target_lookup = TargetLookup(lab.rows, incomplete, lab.log, lambda: MOMENT)
    request = a_request(lookup=both)
    assert target_lookup.look_up(HERE, {request: 1}, Deadline.after(60)) == {request: OK}
    assert lab.journal.count("matching") == 2


class _Incomplete(FakeFacts):
    """Omits an image from its first list."""

    def __init__(self, facts: FakeFacts, missing: str) -> None:
        super().__init__(facts.journal)
        self._images = facts._images  # noqa: SLF001 - the same images
        self._missing = missing

    def matching(
        self, target: Target, lookups: Sequence[FilterLookup]
    ) -> Iterator[tuple[FilterLookup, Matches | Failure]]:
        """Return the images, without one the first time."""
        missing, self._missing = self._missing, ""
        for lookup, found in super().matching(target, lookups):
            assert isinstance(found, Matches)
            yield lookup, Matches([ami for ami in found.images if ami.image_id != missing])


class _FailingTheSecondTime(FakeFacts):
    """Lists images once, and is throttled from then on."""

    def __init__(self, facts: FakeFacts) -> None:
        super().__init__(facts.journal, overlooked=facts.overlooked)
        self._images = facts._images  # noqa: SLF001 - the same images

    def matching(
        self, target: Target, lookups: Sequence[FilterLookup]
    ) -> Iterator[tuple[FilterLookup, Matches | Failure]]:
        """Return the images once, then a failure."""
        found = list(super().matching(target, lookups))
        self.fail("matching", "RequestLimitExceeded")
        yield from found


# --- a row that is throttled


class _FailingRows(FakeRows):
    """A table that fails writes of one pair's row and of round rows."""

    failing = "b"

    def commit(self, pair: Pair, release: Release) -> Commit:
        """Commit all pairs except one."""
        if pair.image_name == self.failing:
            raise CallFailedError(a_failure("InternalError"))
        return super().commit(pair, release)

    def answered(self, *_: object, **__: object) -> None:
        """Raise a failure."""
        raise CallFailedError(a_failure("ThrottlingException"))


def test_a_throttled_row_affects_only_its_own_message(lab: Lab) -> None:
    """A conflict on one row fails one message; a throttled round row fails none."""
    lab.rows = _FailingRows(lab.journal)
    settled(lab, *(a_pair(name) for name in "abc"))
    lab.publish(1)

    outcomes = lab.check(*(a_request(name) for name in "abc"))

    baseline = Outcome(State.OK, Kind.BASELINE)
    assert outcomes == [baseline, Outcome(State.TRANSIENT, again=True), baseline]


class _CrashingRows(FakeRows):
    """Raises an unexpected error when one pair's row is written."""

    def commit(self, pair: Pair, release: Release) -> Commit:
        """Commit every other pair's release."""
        if pair.image_name == "b":
            message = "unexpected"
            raise TypeError(message)
        return super().commit(pair, release)


def test_an_exception_in_one_pair_affects_only_that_pair(lab: Lab) -> None:
    """The error is logged with its traceback, and the message is redelivered."""
    lab.rows = _CrashingRows(lab.journal)
    settled(lab, *(a_pair(name) for name in "abc"))
    lab.publish(1)

    outcomes = lab.check(*(a_request(name) for name in "abc"))

    baseline = Outcome(State.OK, Kind.BASELINE)
    assert outcomes == [baseline, Outcome(State.TRANSIENT, again=True), baseline]
    ((where),) = lab.log.fields("pair failed unexpectedly")
    assert where["image_name"] == "b"


class _UnexpectedImages(FakeFacts):
    """Returns an image with an unexpected value for one filter lookup."""

    def matching(
        self, target: Target, lookups: Sequence[FilterLookup]
    ) -> Iterator[tuple[FilterLookup, Matches | Failure]]:
        """Return an image whose date is a number for names that begin with b."""
        for lookup, found in super().matching(target, lookups):
            seven: Any = 7
            unexpected = Matches([an_ami(1), replace(an_ami(2), creation_date=seven)])
            yield lookup, unexpected if lookup.filters[0].values == ("b-*",) else found


def test_an_unexpected_response_affects_only_its_pair(lab: Lab) -> None:
    """The other pairs of the target are settled, and the message is redelivered."""
    lookups = {name: by_name(f"{name}-*") for name in "abc"}
    settled(lab, *(a_pair(name, lookup) for name, lookup in lookups.items()))
    lab.facts = _UnexpectedImages(lab.journal)
    for number, name in enumerate(lookups, start=1):
        lab.facts.register(HERE, replace(an_ami(number), name=f"{name}-1"))

    outcomes = lab.check(*(a_request(name, lookup) for name, lookup in lookups.items()))

    baseline = Outcome(State.OK, Kind.BASELINE)
    assert outcomes == [baseline, Outcome(State.TRANSIENT, again=True), baseline]


# --- image rows that are behind their releases


@pytest.mark.parametrize(
    "row",
    [a_pair(), a_pair(known=an_observation(1), version=1)],
    ids=["deleted and created again", "restored"],
)
def test_an_image_row_that_is_behind_heals_with_the_next_delivery(lab: Lab, row: Pair) -> None:
    """No event is sent twice; versions continue, each from the previous image."""
    settled(lab, row)
    past = a_pair(known=an_observation(1), version=1)
    for version, number in ((2, 2), (3, 3)):
        lab.rows.put_release(replace(a_release(past, number), version=version))
    if row.version == 0:
        lab.rows.put_release(replace(a_release(past, 1, Kind.BASELINE), version=1))
    lab.publish(4, day=4)

    assert lab.check(a_request()) == [OVERTAKEN]
    healed = lab.rows.stored(row)
    assert (
        healed.version,
        healed.known,
        healed.confirmed_digest,
    ) == (3, an_observation(3), row.lookup_digest)
    assert lab.check(a_request(), receives=2) == [Outcome(State.OK, Kind.RELEASE)]
    last = lab.rows.releases(row)[-1]
    assert (last.version, last.previous_image_id) == (4, image_id(3))
    assert lab.rows.pending() == {last.event_id}
    assert len(lab.log.fields("image row was behind its releases")) == 1


def test_a_healed_row_whose_lookup_was_edited_since_is_reconfigured(lab: Lab) -> None:
    """The last release has another lookup's digest, so the change is an edit."""
    settled(lab, a_pair())
    before = a_pair(lookup=by_parameter("/before"))
    lab.rows.put_release(a_release(before, 1, Kind.BASELINE))
    lab.publish(2)
    lab.check(a_request())
    assert lab.check(a_request()) == [Outcome(State.OK, Kind.RECONFIGURED)]


def test_an_undecodable_release_row_affects_only_its_pair(lab: Lab) -> None:
    """No release after the row can be decoded, so a redelivery would not help."""
    pair = a_pair(known=an_observation(1))
    settled(lab, pair, a_pair("other"))
    lab.rows.garble_release(a_release(pair))
    lab.publish(2)
    outcomes = lab.check(a_request(), a_request("other"))
    assert outcomes == [UNREADABLE, Outcome(State.OK, Kind.BASELINE)]
    assert "release row 2 exists" in str(lab.log.fields("row malformed"))


# --- the round row of the target


def test_answered_pairs_are_written_once_per_target(lab: Lab) -> None:
    """Failures count as answered; redelivered and dropped requests do not."""
    lab.rows.begin(HERE)
    settled(
        lab,
        a_pair("a", number=1),
        a_pair("b", by_parameter("/none"), number=2),
        a_pair("c", number=3, active=False),
        a_pair("d", by_parameter("/throttled"), number=4),
    )
    lab.publish(1)
    lab.facts.reject(HERE, "/throttled", a_failure("ThrottlingException"))
    lab.check(
        a_request("a"),
        a_request("b", by_parameter("/none")),
        a_request("c"),
        a_request("d", by_parameter("/throttled")),
    )
    assert lab.rows.numbers(HERE) == frozenset({1, 2})
    assert lab.journal.count("answered") == 1


def test_requests_of_two_rounds_are_one_answered_pair(lab: Lab) -> None:
    """Requests of two rounds settle the pair once."""
    lab.rows.begin(HERE)
    settled(lab, a_pair(number=7))
    lab.publish(1)
    outcomes = lab.check(a_request(), a_request(round_id=NEXT_ROUND))
    assert outcomes == [Outcome(State.OK, Kind.BASELINE)] * 2
    assert lab.rows.numbers(HERE) == frozenset({7})
    assert (lab.journal.count("answered"), lab.journal.count("commit")) == (1, 1)


def test_no_round_row_is_written_without_answered_pairs(lab: Lab) -> None:
    """The round row is not written."""
    settled(lab, a_pair(known=an_observation(1)))
    lab.check(a_request(), seconds=0)
    lab.check(a_request("unknown"))
    assert "answered" not in lab.journal


@pytest.mark.parametrize(("receives", "expected"), [(1, "ok"), (2, "late"), (5, "late")])
def test_a_pair_that_is_late_twice_is_marked(lab: Lab, receives: int, expected: str) -> None:
    """The first time, the message is only redelivered; each time, the pair is logged."""
    pair = a_pair(known=an_observation(1))
    settled(lab, pair)
    for _ in range(2):
        assert lab.check(a_request(), seconds=0, receives=receives) == [LATE]
    assert lab.rows.stored(pair).state == expected
    assert lab.rows.marks == [("al2023", "late")] * (expected == "late")
    counted = {"region": HERE.region, "account_id": HERE.account_id, "late": 1}
    assert lab.log.fields("lookups not finished") == [counted] * 2


@pytest.mark.parametrize("rounds", [(ROUND, NEXT_ROUND), (NEXT_ROUND, ROUND)], ids=str)
def test_the_redelivered_message_decides(lab: Lab, rounds: tuple[str, str]) -> None:
    """The redelivered message decides, in any order with the next round's message."""
    settled(lab, a_pair(known=an_observation(1)))
    received = {a_request(round_id=round_id): 1 + (round_id == ROUND) for round_id in rounds}
    target_lookup = TargetLookup(lab.rows, lab.facts, lab.log, lambda: MOMENT)
    target_lookup.look_up(HERE, received, Deadline.after(0))
    assert lab.rows.marks == [("al2023", "late")]


def test_a_message_of_an_older_lookup_marks_nothing(lab: Lab) -> None:
    """The old message is dropped; the message of the current lookup was received once."""
    settled(lab, a_pair(known=an_observation(1)))
    received = {a_request(): 1, a_request(lookup=by_parameter("/before")): 2}
    target_lookup = TargetLookup(lab.rows, lab.facts, lab.log, lambda: MOMENT)
    outcomes = target_lookup.look_up(HERE, received, Deadline.after(0))
    assert list(map(outcomes.get, received)) == [LATE, DROPPED]
    assert lab.rows.marks == []


def test_a_batch_marks_a_hundred_late_rows_at_most(lab: Lab) -> None:
    """The limit applies to all targets of the batch, because time is short at the deadline."""
    budget = MarkBudget()
    for target in (HERE, THERE):
        names = [f"image-{number:02d}" for number in range(70)]
        settled(lab, *(a_pair(name, target=target) for name in names))
        requests = [a_request(name, target=target) for name in names]
        lab.check(*requests, target=target, seconds=0, receives=2, budget=budget)
    assert len(lab.rows.marks) == 100


def test_a_late_row_that_cannot_be_written_is_no_error(lab: Lab) -> None:
    """The message is redelivered nevertheless."""
    lab.rows = _ThrottledMarks(lab.journal)
    settled(lab, a_pair())
    assert lab.check(a_request(), seconds=0, receives=2) == [LATE]
    assert len(lab.log.fields("row not written")) == 1


class _ThrottledMarks(FakeRows):
    """A table that rejects marks."""

    def mark(self, *_: object, **__: object) -> None:
        """Raise the failure of a mark."""
        raise CallFailedError(a_failure("ThrottlingException"))


def test_a_different_code_of_the_same_state_is_written(lab: Lab) -> None:
    """The row has the code of the current failure."""
    settled(lab, a_pair(known=an_observation(1)))
    for code in ("ThrottlingException", "ThrottlingException", "RequestLimitExceeded"):
        lab.facts.fail("parameters", code)
        lab.check(a_request())
    assert lab.rows.marks == [("al2023", "throttled")] * 2
