"""The calls to a target after one of its calls timed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from support.builders.lookup import HERE, PATH, THERE, by_name, listed, texts

from services.kernel.errors import CallFailedError, Failure
from services.kernel.model import State, Target
from services.lookup.sources import Sources
from services.lookup.visits import Visits

T = TypeVar("T")
TIMED_OUT = Failure(State.TRANSIENT, "ReadTimeoutError", "Read timeout on endpoint URL")
BUSY = Failure(State.THROTTLED, "ThrottlingException", "Rate exceeded")
DROPPED = Failure(State.TRANSIENT, "ConnectionClosedError", "Connection was closed")


@dataclass(slots=True)
class FakeMembers:
    """Sessions that fail per service, or per account under the name `sts`."""

    problems: dict[str, Failure] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def ensure_session(self, account_id: str) -> None:
        """Assume the role."""
        self._ask("sts", account_id)

    def call(self, target: Target, service: str, use: Callable[[Any], T]) -> T:
        """Call a service, which has no client here."""
        self._ask(service, target.account_id)
        return use(None)

    def _ask(self, service: str, account_id: str) -> None:
        self.asked.append((service, account_id))
        self.meanwhile()
        if problem := self.problems.get(service):
            raise CallFailedError(problem)


def visits(members: FakeMembers) -> Visits:
    """Build visits over fake sessions."""
    return Visits(members)


def ask(access: Visits, service: str, target: Target = HERE) -> Failure | None:
    """Return the failure of a call."""
    try:
        access.call(target, service, lambda _: None)
    except CallFailedError as error:
        return error.failure
    return None


@pytest.mark.parametrize(
    "code", ["ReadTimeoutError", "ConnectTimeoutError", "EndpointConnectionError"]
)
@pytest.mark.parametrize(("hanging", "other"), [("ssm", "ec2"), ("ec2", "ssm")])
def test_after_a_time_out_no_service_is_called(hanging: str, other: str, code: str) -> None:
    """Other calls of the visit fail without a request; other targets are called."""
    found = Failure(State.TRANSIENT, code, "no answer")
    members = FakeMembers({hanging: found})
    access = visits(members)
    access.ensure_session(HERE)

    assert [ask(access, hanging), ask(access, hanging), ask(access, other)] == [found] * 3
    assert ask(access, other, THERE) is None
    here, there = HERE.account_id, THERE.account_id
    assert members.asked == [("sts", here), (hanging, here), (other, there)]


@pytest.mark.parametrize("problem", [BUSY, DROPPED], ids=lambda problem: problem.code)
def test_other_failures_do_not_end_a_visit(problem: Failure) -> None:
    """A target that throttles in one service may respond in the other."""
    members = FakeMembers({"ssm": problem})
    access = visits(members)
    access.ensure_session(HERE)

    assert [ask(access, "ssm"), ask(access, "ec2")] == [problem, None]


def test_the_next_visit_calls_again() -> None:
    """A time-out affects only the visit in which it occurred."""
    members = FakeMembers({"ssm": TIMED_OUT})
    access = visits(members)
    access.ensure_session(HERE)
    ask(access, "ssm")
    members.problems.clear()
    access.ensure_session(HERE)

    assert [ask(access, "ssm"), ask(access, "ec2")] == [None, None]


def test_a_thread_of_an_earlier_visit_does_not_end_a_later_one() -> None:
    """A call that outlives its batch may time out during the next batch."""
    members = FakeMembers({"ssm": TIMED_OUT})
    access = visits(members)
    access.ensure_session(HERE)

    def next_batch() -> None:
        members.meanwhile = lambda: None
        access.ensure_session(HERE)

    members.meanwhile = next_batch

    assert ask(access, "ssm") == TIMED_OUT
    assert ask(access, "ec2") is None


def test_sources_stop_at_a_time_out() -> None:
    """Parameters, lists of images and images by id share the visit."""
    members = FakeMembers({"ssm": TIMED_OUT})
    sources = Sources(members)
    sources.ensure_session(HERE)
    paths = [f"{PATH}/{number}" for number in range(25)]

    assert set(texts(sources.parameters(HERE, paths)).values()) == {TIMED_OUT}
    assert listed(sources.matching(HERE, [by_name()])) == {by_name(): TIMED_OUT}
    assert sources.images(HERE, ["ami-1"]) == {"ami-1": TIMED_OUT}
    assert [service for service, _ in members.asked] == ["sts", "ssm"]
