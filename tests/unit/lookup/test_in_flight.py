"""Calls in flight: how many, within which quota, and what a target that does not respond uses.

In virtual time: a run takes only the processor time of its code, and is the same each time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, pairwise
from typing import Any

import pytest
from support.builders.lookup import HERE, THERE
from support.fakes.virtual_time import VirtualTime

from services.kernel.errors import CallFailedError, Failure
from services.kernel.model import State, Target
from services.lookup.in_flight import MAX_HELPERS, MOST_IN_FLIGHT, QUOTAS, CallsInFlight
from services.lookup.sources import Sources

LATENCY = 0.25


@dataclass(slots=True)
class Lab:
    """Targets that respond after a time, and the moments of all calls to them."""

    time: VirtualTime = field(default_factory=VirtualTime)
    helpers: int = MAX_HELPERS
    seconds: Callable[[Target, int], float] = lambda _target, _call: LATENCY
    calls: dict[Target, list[tuple[float, float]]] = field(default_factory=dict)
    ended: dict[Target, float] = field(default_factory=dict)
    in_flight: CallsInFlight = field(init=False)

    def __post_init__(self) -> None:
        self.in_flight = CallsInFlight(
            self.helpers,
            clock=lambda: self.time.seconds,
            sleep=self.time.sleep,
            pool=self.time.pool,
            wait_for=self.time.wait,
        )

    def look_up(self, count: int, *targets: Target, service: str = "ssm") -> None:
        """Make this number of calls to each target, with one thread for each."""
        for target in targets or (HERE,):
            self.time.start(partial(self._run, target, service, count))
        self.time.run()

    def _run(self, target: Target, service: str, count: int) -> None:
        results = self.in_flight.run(
            target, service, deque(range(count)), lambda number: self.call(target, number)
        )
        assert sorted(number for number, _ in results) == list(range(count))
        self.ended[target] = self.time.seconds

    def call(self, target: Target, number: int) -> int:
        """Make one call."""
        started = self.time.seconds
        self.time.sleep(self.seconds(target, number))
        self.calls.setdefault(target, []).append((started, self.time.seconds))
        return number

    def most(self, target: Target = HERE, first: int | None = None) -> int:
        """Return the highest number of calls to a target at the same time."""
        calls = sorted(self.calls[target])[:first]
        return max(sum(a <= start < b for a, b in calls) for start, _ in calls)


@pytest.fixture
def lab() -> Lab:
    """Build a lab whose targets respond after 250 ms."""
    return Lab()


def test_a_dense_batch_takes_seconds(lab: Lab) -> None:
    """70 calls for 700 parameters: one after the other they take 17.5 seconds."""
    lab.look_up(70)
    assert lab.ended[HERE] <= 4


def test_calls_in_flight_are_limited(lab: Lab) -> None:
    """The target decides how fast it responds, and each call has a connection."""
    lab.seconds = lambda _target, _call: 2.0
    lab.look_up(70)
    assert lab.most() == MOST_IN_FLIGHT


def test_the_first_call_is_made_alone(lab: Lab) -> None:
    """A target that does not respond, or denies everything, gets one call."""
    lab.look_up(70)
    first, *others = sorted(lab.calls[HERE])
    assert min(start for start, _ in others) >= first[1]


@pytest.mark.parametrize("count", [1, 2, 12])
def test_few_calls_open_no_further_connection(lab: Lab, count: int) -> None:
    """A connection costs more than it saves."""
    lab.look_up(count)
    assert lab.most() == 1


@pytest.mark.parametrize("service", QUOTAS)
@pytest.mark.parametrize("seconds", [0.001, 0.03])
def test_no_target_is_called_faster_than_its_quota(lab: Lab, service: str, seconds: float) -> None:
    """After the burst, calls have the distance that half of the quota allows."""
    lab.seconds = lambda _target, _call: seconds
    lab.look_up(300, service=service)
    quota = QUOTAS[service]
    starts = sorted(start for start, _ in lab.calls[HERE])
    for position, (before, after) in enumerate(pairwise(starts), start=1):
        assert after >= before
        allowed = (position + 1 - quota.burst) / quota.per_second
        assert after >= allowed - 1e-6
    assert lab.ended[HERE] <= (300 - quota.burst) / quota.per_second + 1


def test_a_throttled_target_slows_only_itself(lab: Lab) -> None:
    """Throttling halves the calls in flight, down to one; they recover with successful calls."""
    lab.seconds = lambda _target, _call: 1.0
    for _ in range(3):
        lab.in_flight.slow_down(HERE, "ssm")
    lab.look_up(150, HERE, THERE)
    assert (lab.most(HERE, first=20), lab.most(THERE, first=20)) == (2, MOST_IN_FLIGHT)
    assert lab.most(HERE) >= MOST_IN_FLIGHT - 1


def test_throttling_in_one_service_does_not_slow_the_other(lab: Lab) -> None:
    """Each service has its own quota."""
    lab.seconds = lambda _target, _call: 1.0
    lab.in_flight.slow_down(HERE, "ssm")
    lab.in_flight.slow_down(HERE, "ssm")
    lab.look_up(80, service="ec2")
    assert lab.most() == MOST_IN_FLIGHT


def test_targets_that_stop_responding_delay_no_other() -> None:
    """They hold all helpers; the others make their calls in their own threads."""
    lab = Lab(helpers=4)
    hanging = [Target(f"{number:012}", "eu-west-1") for number in range(4)]
    lab.seconds = lambda target, call: 10.0 if target in hanging and call > 3 else LATENCY
    lab.look_up(80, *hanging, HERE)
    assert lab.ended[HERE] <= 80 * LATENCY + 1
    assert all(lab.most(target) <= MOST_IN_FLIGHT for target in hanging)


def test_helpers_are_free_again(lab: Lab) -> None:
    """After any run, also one that is not read to its end, others can use them."""
    lab.seconds = lambda _target, _call: 1.0
    for _ in range(5):
        lab.look_up(80, HERE, THERE)

    def read_some() -> None:
        results = lab.in_flight.run(HERE, "ssm", deque(range(80)), lambda n: lab.call(HERE, n))
        assert len(list(islice(results, 9))) == 9

    lab.time.start(read_some)
    lab.time.run()
    lab.calls.clear()
    lab.look_up(80, HERE, THERE)
    assert lab.most(HERE) == lab.most(THERE) == MOST_IN_FLIGHT


def test_an_error_of_a_call_is_raised(lab: Lab) -> None:
    """A mistake in the code must not be hidden by a helper."""

    def fail(number: int) -> int:
        if number == 20:
            message = "unexpected"
            raise ValueError(message)
        return number

    lab.time.start(lambda: list(lab.in_flight.run(HERE, "ssm", deque(range(80)), fail)))
    with pytest.raises(ValueError, match="unexpected"):
        lab.time.run()


# --- the adapter


class _Members:
    """Sessions of a target that responds to its first calls only, and then does not respond."""

    def __init__(self, lab: Lab, responses: int, problem: Failure) -> None:
        self.lab = lab
        self.responses = responses
        self.problem = problem
        self.calls = 0

    def ensure_session(self, account_id: str) -> None:
        """Do nothing."""

    def call(self, target: Target, service: str, use: object) -> Any:  # noqa: ANN401, ARG002 - as `Sessions`
        """Respond, or raise the failure after ten seconds."""
        self.calls += 1
        hangs = self.calls > self.responses
        self.lab.time.sleep(10.0 if hangs else LATENCY)
        if hangs:
            raise CallFailedError(self.problem)
        return {}


@pytest.mark.parametrize("responses", [0, 1, 5, 20])
def test_calls_in_flight_time_out_together(lab: Lab, responses: int) -> None:
    """After the first time-out there is no further call, so a visit takes one time-out."""
    timed_out = Failure(State.TRANSIENT, "ReadTimeoutError", "no answer")
    members = _Members(lab, responses, timed_out)
    sources = Sources(members, in_flight=lab.in_flight)
    found: dict[str, object] = {}

    def read() -> None:
        found.update(sources.parameters(HERE, [f"/p/{number:03}" for number in range(700)]))

    lab.time.start(read)
    lab.time.run()
    assert members.calls <= max(1, responses + MOST_IN_FLIGHT)
    assert (responses > 0) or members.calls == 1
    assert lab.time.seconds <= responses * LATENCY + 10 + 1
    assert len(found) == 700
    assert sum(each == timed_out for each in found.values()) == 700 - 10 * responses


def test_a_throttled_call_ends_the_series_and_slows_the_next_one(lab: Lab) -> None:
    """Results of calls in flight count; the next batch starts with fewer calls at once."""
    throttled = Failure(State.THROTTLED, "ThrottlingException", "Rate exceeded")
    members = _Members(lab, 20, throttled)
    sources = Sources(members, in_flight=lab.in_flight)
    paths = [f"/p/{number:03}" for number in range(700)]
    lab.time.start(lambda: list(sources.parameters(HERE, paths)))
    lab.time.run()
    assert members.calls <= 20 + MOST_IN_FLIGHT
    lab.look_up(70)
    assert lab.most(first=8) == 1
