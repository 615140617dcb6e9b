"""Which calls a target gets after one of them was not answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import pytest
from lookup_fakes import HERE, PATH, THERE, by_name

from services.kernel.errors import CallFailedError, Failure
from services.kernel.model import State, Target
from services.kernel.sessions import TargetSessions
from services.lookup.sources import Sources
from services.lookup.visits import Visits

T = TypeVar("T")
SILENT = Failure(State.TRANSIENT, "ReadTimeoutError", "Read timeout on endpoint URL")
BUSY = Failure(State.THROTTLED, "ThrottlingException", "Rate exceeded")
DROPPED = Failure(State.TRANSIENT, "ConnectionClosedError", "Connection was closed")


@dataclass(slots=True)
class FakeMembers:
    """Members that fail per service, or per account under the name `sts`."""

    problems: dict[str, Failure] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def ensure_session(self, account_id: str) -> None:
        """Assume the role."""
        self._ask("sts", account_id)

    def call(self, target: Target, service: str, use: Callable[[Any], T]) -> T:
        """Ask a service, which has no client here."""
        self._ask(service, target.account_id)
        return use(None)

    def _ask(self, service: str, account_id: str) -> None:
        self.asked.append((service, account_id))
        self.meanwhile()
        if problem := self.problems.get(service):
            raise CallFailedError(problem)


def visits(members: FakeMembers) -> Visits:
    """Visits over members that are not there."""
    return Visits(cast("TargetSessions", members))


def ask(access: Visits, service: str, target: Target = HERE) -> Failure | None:
    """How a call failed."""
    try:
        access.call(target, service, lambda _: None)
    except CallFailedError as error:
        return error.failure
    return None


@pytest.mark.parametrize(
    "code", ["ReadTimeoutError", "ConnectTimeoutError", "EndpointConnectionError"]
)
@pytest.mark.parametrize(("silent", "other"), [("ssm", "ec2"), ("ec2", "ssm")])
def test_after_a_time_out_no_service_is_asked(silent: str, other: str, code: str) -> None:
    """The rest of the visit fails alike, without a call; other targets are asked."""
    found = Failure(State.TRANSIENT, code, "no answer")
    members = FakeMembers({silent: found})
    access = visits(members)
    access.ensure_session(HERE)

    assert [ask(access, silent), ask(access, silent), ask(access, other)] == [found] * 3
    assert ask(access, other, THERE) is None
    here, there = HERE.account_id, THERE.account_id
    assert members.asked == [("sts", here), (silent, here), (other, there)]


@pytest.mark.parametrize("problem", [BUSY, DROPPED], ids=lambda problem: problem.code)
def test_other_failures_end_no_visit(problem: Failure) -> None:
    """A target that throttles in one service may answer in the other."""
    members = FakeMembers({"ssm": problem})
    access = visits(members)
    access.ensure_session(HERE)

    assert [ask(access, "ssm"), ask(access, "ec2")] == [problem, None]


def test_the_next_visit_asks_again() -> None:
    """A time-out is held against a target within its visit only."""
    members = FakeMembers({"ssm": SILENT})
    access = visits(members)
    access.ensure_session(HERE)
    ask(access, "ssm")
    members.problems.clear()
    access.ensure_session(HERE)

    assert [ask(access, "ssm"), ask(access, "ec2")] == [None, None]


def test_a_thread_of_an_earlier_visit_ends_none() -> None:
    """A call that outlived its batch may time out while the next batch is in the target."""
    members = FakeMembers({"ssm": SILENT})
    access = visits(members)
    access.ensure_session(HERE)

    def next_batch() -> None:
        members.meanwhile = lambda: None
        access.ensure_session(HERE)

    members.meanwhile = next_batch

    assert ask(access, "ssm") == SILENT
    assert ask(access, "ec2") is None


def test_sources_stop_at_a_time_out() -> None:
    """Parameters, lists of images and images by id all share the visit."""
    members = FakeMembers({"ssm": SILENT})
    sources = Sources(cast("TargetSessions", members))
    sources.ensure_session(HERE)
    paths = [f"{PATH}/{number}" for number in range(25)]

    assert set(dict(sources.parameters(HERE, paths)).values()) == {SILENT}
    assert dict(sources.matching(HERE, [by_name()])) == {by_name(): SILENT}
    assert sources.images(HERE, ["ami-1"]) == {"ami-1": SILENT}
    assert [service for service, _ in members.asked] == ["sts", "ssm"]
