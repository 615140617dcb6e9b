"""A known image behind a parameter must stay visible: on fakes, with calls counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from support.builders.lookup import (
    HERE,
    MOMENT,
    a_failure,
    a_pair,
    a_request,
    an_ami,
    an_observation,
    by_name,
    by_parameter,
    image_id,
)
from support.fakes.log import FakeLog
from support.fakes.lookup import FakeFacts, FakeRows

from services.kernel.deadline import Deadline
from services.kernel.errors import Failure
from services.kernel.model import Kind, Pair, State, Target
from services.lookup.report import Outcome
from services.lookup.responses import Ami
from services.lookup.target import TargetLookup

OK, GONE = Outcome(State.OK), Outcome(State.NOT_LAUNCHABLE)


@dataclass(slots=True)
class Lab:
    """Pairs with a parameter each, and the target that they belong to."""

    facts: FakeFacts = field(default_factory=FakeFacts)
    rows: FakeRows = field(default_factory=FakeRows)
    log: FakeLog = field(default_factory=FakeLog)
    pairs: list[Pair] = field(default_factory=list)

    def know(self, count: int, *, distinct: int | None = None, state: str | None = None) -> None:
        """Add this number of pairs whose known image is visible and named by their parameter."""
        for number in range(count):
            image = number % (distinct or count) + 1
            path = f"/known/{number:04}"
            pair = a_pair(
                f"i{number:04}", by_parameter(path), known=an_observation(image), state=state
            )
            self.pairs.append(pair)
            self.rows.put(pair)
            self.facts.put_parameter(HERE, path, image_id(image))
            self.facts.register(HERE, an_ami(image))

    def check(self) -> list[Outcome]:
        """Look all pairs up once."""
        requests = [a_request(pair.image_name, pair.lookup) for pair in self.pairs]
        target_lookup = TargetLookup(self.rows, self.facts, self.log, lambda: MOMENT)
        outcomes = target_lookup.look_up(HERE, dict.fromkeys(requests, 1), Deadline.after(60))
        return [outcomes[request] for request in requests]


@pytest.fixture
def lab() -> Lab:
    """Build a lab without pairs."""
    return Lab()


@pytest.mark.parametrize(
    ("count", "distinct"),
    [(1, 1), (200, 200), (201, 201), (1000, 1000), (1000, 1), (1000, 200), (1000, 401)],
)
def test_known_images_are_described_in_two_hundreds(lab: Lab, count: int, distinct: int) -> None:
    """A target without changes takes one call for 200 distinct ids."""
    lab.know(count, distinct=distinct)
    assert lab.check() == [OK] * count
    assert lab.facts.requests("images") == math.ceil(distinct / 200)
    assert lab.facts.requests("parameters") == math.ceil(count / 10)


def test_missing_images_take_one_additional_call(lab: Lab) -> None:
    """Missing images are requested again in one call, together with new images."""
    lab.know(1000)
    for number in (1, 500, 1000):
        del lab.facts._images[HERE, image_id(number)]  # noqa: SLF001 - the test sets the images
    lab.facts.put_parameter(HERE, "/known/0002", image_id(2000))
    lab.facts.register(HERE, an_ami(2000))
    outcomes = lab.check()
    assert [n for n, outcome in enumerate(outcomes) if outcome == GONE] == [0, 499, 999]
    assert outcomes[2].kind is Kind.RELEASE
    assert lab.facts.requests("images") == 5 + 1


@pytest.mark.parametrize("state", [None, "pending", "disabled", "deregistered", "failed"])
def test_a_known_image_that_cannot_be_launched_is_a_state(lab: Lab, state: str | None) -> None:
    """The id stays, no event is sent, and the state is written once with its own code."""
    lab.know(2)
    del lab.facts._images[HERE, image_id(1)]  # noqa: SLF001 - the test sets the images
    if state:
        lab.facts.register(HERE, an_ami(1, state=state))
    assert [lab.check() for _ in range(3)] == [[GONE, OK]] * 3
    stored = lab.rows.stored(lab.pairs[0])
    assert (stored.known, stored.version) == (an_observation(1), 1)
    assert (lab.rows.marks, lab.rows.pending()) == ([("i0000", State.NOT_LAUNCHABLE)], set())
    (logged,) = lab.log.fields("lookup failed")
    assert logged["code"] == "Withdrawn"


def test_a_known_image_that_is_visible_again_is_ok(lab: Lab) -> None:
    """The image has not changed, so no event is sent."""
    lab.know(1, state="not_launchable")
    assert lab.check() == [OK]
    assert (lab.rows.marks, lab.rows.releases(lab.pairs[0])) == ([("i0000", State.OK)], [])


class Incomplete(FakeFacts):
    """Leaves images out of its first responses."""

    left = 1

    def images(self, target: Target, image_ids: Sequence[str]) -> dict[str, Ami | Failure | None]:
        """Return no image at first, then all."""
        found = dict(super().images(target, image_ids))
        self.left -= 1
        return dict.fromkeys(found) if self.left >= 0 else found


@pytest.mark.parametrize(("left", "expected"), [(1, OK), (2, GONE)])
def test_one_incomplete_response_is_verified(left: int, expected: Outcome) -> None:
    """DescribeImages is eventually consistent: an image is gone if two responses lack it."""
    facts = Incomplete()
    facts.left = left
    lab = Lab(facts)
    lab.know(3)
    assert lab.check() == [expected] * 3
    assert lab.facts.requests("images") == 2


def test_a_deprecated_image_is_visible(lab: Lab) -> None:
    """A deprecated image can be launched."""
    lab.know(1)
    lab.facts.register(HERE, an_ami(1, deprecation_time="2026-01-01T00:00:00.000Z"))
    assert lab.check() == [OK]


@pytest.mark.parametrize(
    "code", ["RequestLimitExceeded", "InternalError", "OptInRequired", "UnauthorizedOperation"]
)
def test_a_denial_by_ec2_affects_every_pair(lab: Lab, code: str) -> None:
    """Every pair needs DescribeImages, so no other request is made."""
    lab.know(3)
    filters = a_pair("filters", by_name())
    lab.rows.put(filters)
    lab.pairs.append(filters)
    lab.facts.fail("images", code)
    problem = a_failure(code)
    assert lab.check() == [Outcome(problem.state, again=problem.retryable)] * 4
    assert (lab.facts.requests("parameters"), lab.facts.requests("matching")) == (0, 0)


class _BrokenList(FakeFacts):
    """Fails requests that list one image."""

    code = ""

    def images(self, target: Target, image_ids: Sequence[str]) -> dict[str, Ami | Failure | None]:
        """Return every image except one."""
        broken = Failure.of(State.TRANSIENT, self.code, "broken")
        return {**super().images(target, image_ids), image_id(2): broken}


@pytest.mark.parametrize("code", ["InvalidNextToken", "ResponseParserError"])
def test_an_image_with_a_broken_list_affects_only_its_pair(code: str) -> None:
    """The results of other calls do not depend on it."""
    facts = _BrokenList()
    facts.code = code
    lab = Lab(facts)
    lab.know(3)
    assert lab.check() == [OK, Outcome(State.TRANSIENT, again=True), OK]


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "UnauthorizedOperation"])
def test_a_failed_second_request_decides_nothing(code: str) -> None:
    """The pair's state is the failure, not the missing image."""
    facts = Incomplete()
    lab = Lab(facts)
    lab.know(1)
    facts.hold = lambda _: None
    original = facts.images

    def images(target: Target, image_ids: Sequence[str]) -> dict[str, Ami | Failure | None]:
        found = original(target, image_ids)
        facts.fail("images", code)
        return found

    facts.images = images  # type: ignore[method-assign] # the answer after the next one fails
    problem = a_failure(code)
    assert lab.check() == [Outcome(problem.state, again=problem.retryable)]
