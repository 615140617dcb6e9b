"""A batch over several targets, in real threads: how targets affect each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from support.builders.lookup import (
    HERE,
    MOMENT,
    PATH,
    THERE,
    a_failure,
    a_pair,
    a_request,
    an_ami,
    by_name,
    by_parameter,
    image_id,
)
from support.fakes.log import FakeLog
from support.fakes.lookup import FakeFacts, FakeRows

from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, Failure, HubBrokenError
from services.kernel.hub_session import MAX_THREADS
from services.kernel.model import Pair, Release, Request, State, Target
from services.kernel.wire import encode_request
from services.lookup.commits import Commit
from services.lookup.report import BatchReport
from services.lookup.target import TargetLookup
from services.lookup.waits import RecentWaits
from services.lookup.worker import Message, Worker

BOUND = 10
"""Seconds after which a held thread continues in any case."""


@dataclass(slots=True)
class Lab:
    """A worker on fakes; `release` lets the targets of `hold` continue."""

    rows: FakeRows = field(default_factory=FakeRows)
    facts: FakeFacts = field(default_factory=FakeFacts)
    log: FakeLog = field(default_factory=FakeLog)
    release: threading.Event = field(default_factory=threading.Event)
    waits: RecentWaits = field(default_factory=RecentWaits)

    def work(self, *messages: Message, seconds: float = 60) -> BatchReport:
        """What became of the messages."""
        target_lookup = TargetLookup(self.rows, self.facts, self.log, lambda: MOMENT)
        worker = Worker(target_lookup, self.log, shuffle=lambda _: None, waits=self.waits)
        return worker.work(messages, Deadline.after(seconds))

    def track(self, *targets: Target) -> None:
        """Track one image in these targets, published there."""
        for target in targets:
            self.rows.put(a_pair(target=target))
            self.rows.begin(target)
            self.facts.put_parameter(target, PATH, image_id(1))
            self.facts.register(target, an_ami(1))

    def hold(self, *targets: Target) -> None:
        """Make these targets wait until they are released."""
        self.facts.hold = lambda target: self._wait(target, targets)

    def fail(self, problem: Failure, *targets: Target, times: int = 99) -> list[Target]:
        """Make the next calls to these targets fail, and return the called targets in order."""
        entered: list[Target] = []

        def ensure_session(target: Target) -> None:
            entered.append(target)
            if target in targets and entered.count(target) <= times:
                raise CallFailedError(problem)

        self.facts.hold = ensure_session
        return entered

    def _wait(self, target: Target, held: Sequence[Target]) -> None:
        if target in held:
            self.release.wait(BOUND)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Build a lab whose threads continue at the end."""
    made = Lab()
    yield made
    made.release.set()


def a_message(request: Request | None = None, message_id: str = "m1") -> Message:
    """Build a message as it is delivered."""
    return Message(message_id, encode_request(request or a_request()))


def there(message_id: str = "m2") -> Message:
    """Build a message of another target."""
    return a_message(a_request(target=THERE), message_id)


# --- messages


@pytest.mark.parametrize("body", [None, {"schema": 1}, 7, b"{}"])
def test_a_body_that_is_not_text_fails_only_its_message(body: object) -> None:
    """A pipe or a test invocation may deliver a body that SQS would not."""
    report = Lab().work(Message("odd", body))
    assert (report.failed_messages, report.malformed) == (["odd"], 1)


def test_an_empty_batch_succeeds(lab: Lab) -> None:
    """The response contains no failure."""
    assert lab.work().answer() == {
        "batchItemFailures": [],
        "checked": 0,
        "failed": 0,
        "dropped": 0,
        "malformed": 0,
        "unreadable": 0,
        "releases": {},
    }


@pytest.mark.parametrize(
    "body",
    ["", "not JSON", "[]", "{}", '{"schema": 2}', '{"schema":1', "[" * 100_000, "\ud800", "null"],
)
def test_a_malformed_message_does_not_affect_others(lab: Lab, body: str) -> None:
    """The message fails, and the other messages are processed."""
    lab.track(HERE)
    report = lab.work(Message("bad", body), a_message())
    assert (report.failed_messages, report.malformed) == (["bad"], 1)
    assert report.checked == {HERE.region: 1}
    assert lab.log.events("error") == ["message malformed"]


def test_copies_of_a_message_share_one_outcome(lab: Lab) -> None:
    """The pair is looked up, committed and counted once; every copy is acknowledged."""
    lab.track(HERE)
    report = lab.work(*(a_message(message_id=f"m{n}") for n in range(3)))
    assert (report.failed_messages, report.checked) == ([], {HERE.region: 1})
    assert report.releases == {"baseline": 1}
    assert len(lab.rows.numbers(HERE) or ()) == 1
    assert len(lab.rows.releases(a_pair())) == 1


def test_copies_of_a_message_fail_together(lab: Lab) -> None:
    """Every copy has to be in the response, because it would be acknowledged otherwise."""
    lab.track(HERE)
    lab.facts.fail("parameters", "ThrottlingException")
    report = lab.work(a_message(message_id="m1"), a_message(message_id="m2"))
    assert report.failed_messages == ["m1", "m2"]
    assert report.failures == {("throttled", HERE.region): 1}


def test_a_batch_over_several_targets_is_processed_by_target(lab: Lab) -> None:
    """Each target has one session and one read."""
    lab.track(HERE, THERE)
    lab.rows.put(a_pair("other", by_name(), target=THERE))
    other = a_message(a_request("other", by_name(), target=THERE), "m3")
    report = lab.work(a_message(), there(), other)
    assert report.checked == {HERE.region: 1, THERE.region: 2}
    assert report.releases == {"baseline": 3}
    assert lab.facts.journal.count("enter") == 2
    assert lab.rows.journal.count("read") == 2


def test_temporary_failures_are_redelivered_and_permanent_ones_acknowledged(lab: Lab) -> None:
    """A message is redelivered only if another delivery may help."""
    lab.track(HERE, THERE)
    lab.facts.close(HERE.account_id)
    lab.facts.fail("parameters", "ThrottlingException")
    report = lab.work(a_message(), there())
    assert report.failed_messages == ["m2"]
    expected = {("access_denied", HERE.region): 1, ("throttled", THERE.region): 1}
    assert report.failures == expected


# --- slow and failing targets


def test_a_slow_target_affects_only_itself(lab: Lab) -> None:
    """At the deadline the messages of the slow target fail, and all others are done."""
    lab.track(HERE, THERE)
    lab.hold(HERE)
    report = lab.work(a_message(), there(), seconds=1)
    assert report.failed_messages == ["m1"]
    assert report.releases == {"baseline": 1}
    assert lab.rows.stored(a_pair(target=THERE)).version == 1
    assert lab.log.fields("target not finished in time") == [
        {"region": HERE.region, "account_id": HERE.account_id}
    ]


def test_slow_targets_on_all_threads_but_one_delay_no_other(lab: Lab) -> None:
    """The remaining thread processes all other targets."""
    slow = [Target(f"{n:012}", "eu-west-1") for n in range(MAX_THREADS - 1)]
    fast = [Target(f"{n:012}", "eu-west-2") for n in range(10)]
    lab.track(*slow, *fast)
    lab.hold(*slow)
    messages = [a_message(a_request(target=t), str(t)) for t in [*slow, *fast]]
    report = lab.work(*messages, seconds=1)
    assert report.failed_messages == [str(target) for target in slow]
    assert report.releases == {"baseline": len(fast)}


def test_a_lookup_that_did_not_start_fails_and_never_starts(lab: Lab) -> None:
    """After the response, no thread starts a lookup."""
    slow = [Target(f"{n:012}", "eu-west-1") for n in range(MAX_THREADS)]
    lab.track(*slow, HERE)
    lab.hold(*slow)
    messages = [a_message(a_request(target=t), str(t)) for t in [*slow, HERE]]
    report = lab.work(*messages, seconds=0.2)
    assert len(report.failed_messages) == MAX_THREADS + 1
    lab.release.set()
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(BOUND)
    assert lab.rows.stored(a_pair()).version == 0
    assert lab.facts.journal.count("enter") == MAX_THREADS


TIMED_OUT = Failure(State.TRANSIENT, "ReadTimeoutError", "Read timeout on endpoint URL")


def test_a_target_that_times_out_is_repeated_after_all_others(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target has three attempts, as for other failures, each at the end of the queue."""
    monkeypatch.setattr("services.lookup.worker.MAX_THREADS", 1)
    others = [Target(f"{n:012}", "eu-west-2") for n in range(5)]
    lab.track(HERE, *others)
    entered = lab.fail(TIMED_OUT, HERE)
    report = lab.work(a_message(), *(a_message(a_request(target=t), str(t)) for t in others))
    assert entered == [HERE, *others, HERE, HERE]
    assert report.failed_messages == ["m1"]
    assert report.failures == {("transient", HERE.region): 1}
    assert lab.rows.stored(a_pair()).state == "transient"


def test_a_single_time_out_causes_no_redelivery(lab: Lab) -> None:
    """The result of the second attempt is committed, and its message is acknowledged."""
    lab.track(HERE)
    lab.fail(TIMED_OUT, HERE, times=1)
    report = lab.work(a_message())
    assert (report.failed_messages, report.releases) == ([], {"baseline": 1})
    assert lab.rows.stored(a_pair()).state == "ok"


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalError", "AccessDeniedException"])
def test_other_failures_are_left_to_a_redelivery(lab: Lab, code: str) -> None:
    """Botocore has repeated these failures already, or they are permanent."""
    lab.track(HERE)
    entered = lab.fail(a_failure(code), HERE)
    lab.work(a_message())
    assert entered == [HERE]


def test_no_attempt_starts_that_could_not_end_in_time(lab: Lab) -> None:
    """A call that outlives its batch would do work that is not reported."""
    lab.track(HERE)
    entered = lab.fail(TIMED_OUT, HERE)
    report = lab.work(a_message(), seconds=14)
    assert (entered, report.failed_messages) == ([HERE], ["m1"])
    assert lab.log.events("error") == []


def test_an_interrupted_attempt_keeps_earlier_outcomes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcomes of the previous attempt are reported."""
    monkeypatch.setattr("services.lookup.worker._SECONDS_FOR_ANOTHER", 0)
    lab.track(HERE)
    entered: list[Target] = []

    def ensure_session(target: Target) -> None:
        entered.append(target)
        if len(entered) == 1:
            raise CallFailedError(TIMED_OUT)
        lab.release.wait(BOUND)

    lab.facts.hold = ensure_session
    report = lab.work(a_message(), seconds=0.5)
    assert len(entered) == 2
    assert (report.failed_messages, lab.log.events("error")) == (["m1"], [])
    assert report.failures == {("transient", HERE.region): 1}


def test_targets_that_timed_out_come_last(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The targets come last in the next batch; after a response, the order is as before."""
    monkeypatch.setattr("services.lookup.worker.MAX_THREADS", 1)
    lab.track(HERE, THERE)
    lab.fail(TIMED_OUT, HERE)
    lab.work(a_message(), there())
    entered = lab.fail(TIMED_OUT)
    lab.work(a_message(), there())
    lab.work(a_message(), there())
    assert entered == [THERE, HERE, HERE, THERE]


def test_targets_that_were_running_at_the_deadline_come_last(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that sends a byte now and then never times out, but occupies a thread."""
    lab.track(HERE, THERE)
    lab.hold(HERE)
    lab.work(a_message(), there(), seconds=0.2)
    lab.release.set()
    monkeypatch.setattr("services.lookup.worker.MAX_THREADS", 1)
    entered = lab.fail(TIMED_OUT)
    lab.work(a_message(), there())
    assert entered == [THERE, HERE]


def test_an_unexpected_error_in_one_target_affects_only_itself(lab: Lab) -> None:
    """The messages of the target fail, and the log has the traceback."""
    lab.track(HERE, THERE)

    def raise_error(target: Target) -> None:
        if target == HERE:
            message = "unexpected"
            raise ZeroDivisionError(message)

    lab.facts.hold = raise_error
    report = lab.work(a_message(), there())
    assert (report.failed_messages, report.releases) == (["m1"], {"baseline": 1})
    assert lab.log.events("exception") == ["target failed unexpectedly"]


def test_a_throttled_table_fails_only_that_group(lab: Lab) -> None:
    """The other targets are processed."""
    lab.track(HERE, THERE)
    lab.rows.problems[HERE] = CallFailedError(a_failure("ThrottlingException"))
    report = lab.work(a_message(), there())
    assert (report.failed_messages, report.releases) == (["m1"], {"baseline": 1})
    assert report.failures == {("throttled", HERE.region): 1}
    assert lab.log.events("warning") == ["table busy"]


def test_a_broken_table_fails_the_whole_invocation(lab: Lab) -> None:
    """The invocation fails, an alarm is raised, and every message is redelivered."""
    lab.track(HERE, THERE)
    broken = HubBrokenError("table ami-tracker", a_failure("AccessDeniedException"))
    lab.rows.problems[THERE] = broken
    with pytest.raises(HubBrokenError, match="table ami-tracker cannot be used"):
        lab.work(a_message(), there())


def test_requests_of_a_dropped_pair_are_acknowledged(lab: Lab) -> None:
    """The requests of a dropped pair count as dropped, not as checked."""
    report = lab.work(a_message(a_request(lookup=by_parameter("/gone"))))
    assert (report.failed_messages, report.dropped, report.checked) == ([], 1, {})


class _CommitAtTheDeadline(FakeRows):
    """A commit that runs while the deadline passes, and ends within the reserve."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 10.0

    def commit(self, pair: Pair, release: Release) -> Commit:
        """Commit after the deadline."""
        self.left = 5.0
        time.sleep(1)
        return super().commit(pair, release)


def test_a_commit_that_ends_within_the_reserve_counts(lab: Lab) -> None:
    """The handler waits for running commits after the deadline, so the release is not late."""
    rows = _CommitAtTheDeadline()
    lab.rows = rows
    lab.track(HERE)
    target_lookup = TargetLookup(rows, lab.facts, lab.log, lambda: MOMENT)
    worker = Worker(target_lookup, lab.log, shuffle=lambda _: None)
    deadline = Deadline(lambda: rows.left, reserve_seconds=9.5)

    report = worker.work([a_message()], deadline)

    assert deadline.passed()
    assert (report.failed_messages, dict(report.releases)) == ([], {"baseline": 1})
