"""Denials by SSM and their number of calls: the real adapter over prepared responses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from support.builders.lookup import (
    HERE,
    MOMENT,
    a_pair,
    a_request,
    an_observation,
    by_name,
    by_parameter,
    image_id,
    texts,
)
from support.fakes.in_flight import one_at_a_time
from support.fakes.log import FakeLog
from support.fakes.lookup import FakeRows

from services.kernel.deadline import Deadline
from services.kernel.errors import DETAIL_LIMIT, CallFailedError, Failure
from services.kernel.failures import FAULTS, classify
from services.kernel.model import State, Target
from services.lookup.report import Outcome
from services.lookup.sources import Sources
from services.lookup.target import TargetLookup

EKS = [
    f"/aws/service/eks/optimized-ami/1.{minor}/amazon-linux-2023/{cpu}/{kind}/recommended/image_id"
    for minor in range(28, 33)
    for cpu in ("x86_64", "arm64")
    for kind in ("standard", "nvidia", "neuron")
]
GOLDEN = [f"/golden/{number:03}" for number in range(25)]
CALLER = (
    "User: arn:aws:sts::111122223333:assumed-role/ami-tracker-read/ami-tracker-lookup-us-east-1"
)
EXPLICIT = "with an explicit deny in a service control policy"
IMPLICIT = "because no service control policy allows the ssm:GetParameters action"
BOUNDARY = "because no permissions boundary allows the ssm:GetParameters action"
IDENTITY = "because no identity-based policy allows the ssm:GetParameters action"
NO_NAMESPACE = 'No access to "/aws/" namespace: aws/service/bottlerocket is not a valid namespace'

Policy = Callable[[str], str | None]
"""Why a name is denied; None where it is allowed."""


def error(code: str, message: str, operation: str) -> ClientError:
    """Build an error response as botocore raises it."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@dataclass
class Account:
    """SSM and EC2 of one target, with policies, in place of `TargetSessions`."""

    denied: Policy = lambda _: None
    images_denied: bool = False
    code: str = "AccessDeniedException"
    names: list[tuple[str, ...]] = field(default_factory=list)
    images: int = 0

    def ensure_session(self, _: str) -> None:
        """Allow the session."""

    def call(self, _: Target, __: str, use: Callable[[Any], object]) -> object:
        """Call as `TargetSessions` does, with errors classified."""
        try:
            return use(self)
        except FAULTS as problem:
            raise CallFailedError(classify(problem)) from problem

    def get_parameters(self, Names: Sequence[str]) -> Mapping[str, object]:  # noqa: N803 - botocore's
        """Return an image for every name, unless a name of the call is denied."""
        self.names.append(tuple(Names))
        for name in Names:
            if reason := self.denied(name):
                raise error(self.code, reason, "GetParameters")
        return {"Parameters": [{"Name": name, "Value": image_id(1)} for name in Names]}

    def get_paginator(self, _: str) -> Account:
        """Return this account as its own paginator."""
        return self

    def paginate(self, **_: object) -> Iterator[Mapping[str, object]]:
        """Return one image for any request."""
        self.images += 1
        if self.images_denied:
            raise error("UnauthorizedOperation", f"{CALLER} is not authorized", "DescribeImages")
        yield {"Images": [{"ImageId": image_id(1), "State": "available"}]}

    def sources(self, pick: Callable[[int], int] = lambda _: 0) -> Sources:
        """Build the adapter over this account."""
        return Sources(cast("Any", self), pick, one_at_a_time())

    def values(self, paths: Sequence[str], **known: Any) -> dict[str, str | Failure | None]:  # noqa: ANN401
        """Return the values of these paths."""
        return texts(self.sources().parameters(HERE, paths, **known))


def sentence(name: str, tail: str) -> str:
    """Build the text of a denial, which has the cause at its end, as in AWS."""
    resource = f"arn:aws:ssm:{HERE.region}::parameter{name}"
    return (
        f"{CALLER} is not authorized to perform: ssm:GetParameters on resource: {resource} {tail}"
    )


def all_denied(tail: str) -> Policy:
    """Deny every name."""
    return lambda name: sentence(name, tail)


def these_denied(*names: str, tail: str = EXPLICIT) -> Policy:
    """Deny some names."""
    return lambda name: sentence(name, tail) if name in names else None


def states(found: Mapping[str, object]) -> dict[str, State]:
    """Return the states of the failures."""
    return {name: each.state for name, each in found.items() if isinstance(each, Failure)}


# --- one name


@pytest.mark.parametrize("tail", [EXPLICIT, IMPLICIT, BOUNDARY, IDENTITY])
@pytest.mark.parametrize("denied", [GOLDEN[:1], GOLDEN[3:4], GOLDEN[24:], GOLDEN[9:11]])
def test_a_denial_of_one_name_does_not_affect_another(tail: str, denied: list[str]) -> None:
    """The same applies to any policy that denies the name, also a service control policy."""
    account = Account(these_denied(*denied, tail=tail))
    found = account.values(GOLDEN)
    assert states(found) == dict.fromkeys(denied, State.ACCESS_DENIED)
    assert len(found) == len(GOLDEN)
    assert account.images == 1
    assert len(account.names) <= 3 + 8 * len(denied)


def test_names_that_were_denied_before_are_requested_separately() -> None:
    """Later rounds make one call for the denied name, and no additional calls for the others."""
    denied = GOLDEN[7]
    account = Account(these_denied(denied))
    found = account.values(GOLDEN, denied={denied}, images_allowed=True)
    assert states(found) == {denied: State.ACCESS_DENIED}
    assert sorted(map(len, account.names)) == [1, 4, 10, 10]
    assert account.images == 0


def test_a_name_that_is_allowed_again_is_read() -> None:
    """The denied name is requested in its own call again, and has a value."""
    account = Account()
    found = account.values(GOLDEN, denied=set(GOLDEN[:12]))
    assert states(found) == {}
    assert len(found) == len(GOLDEN)


def test_one_call_of_denied_names_is_split() -> None:
    """A random split shows in time that some of the names are allowed again."""
    paths = [f"/golden/{number:03}" for number in range(40)]
    allowed = paths[25]
    policy: Policy = lambda name: None if name == allowed else sentence(name, EXPLICIT)  # noqa: E731
    read, calls = [], []
    for chosen in range(4):
        account = Account(policy)
        reader = account.sources(lambda _, n=chosen: n)  # type: ignore[misc] # one choice a round
        found = texts(reader.parameters(HERE, paths, paths, images_allowed=True))
        read.append(found[allowed] == image_id(1))
        calls.append(len(account.names))
    assert read == [False, False, True, False]
    assert calls == [3 + 19] * 4


def test_the_call_to_split_is_chosen_among_the_denied_ones() -> None:
    """The random choice is made once a read, and not if no name was denied."""
    asked: list[int] = []

    def pick(count: int) -> int:
        asked.append(count)
        return count - 1

    for denied in (0, 1, 10, 11, 25):
        texts(Account().sources(pick).parameters(HERE, GOLDEN, GOLDEN[:denied]))
    assert asked == [1, 1, 2, 3]


def test_a_malformed_name_among_denied_ones_is_still_found() -> None:
    """The names of a call that is not split share only a denial."""

    class Strict(Account):
        def get_parameters(self, Names: Sequence[str]) -> Mapping[str, object]:  # noqa: N803
            if GOLDEN[12] in Names:
                self.names.append(tuple(Names))
                raise error("ValidationException", "no valid name", "GetParameters")
            return super().get_parameters(Names)

    account = Strict(these_denied(*GOLDEN[:5]))
    found = account.values(GOLDEN, denied=set(GOLDEN))
    assert states(found)[GOLDEN[12]] is State.BAD_LOOKUP
    assert [found[name] for name in GOLDEN[13:]] == [image_id(1)] * 12


# --- the whole target


@pytest.mark.parametrize("paths", [GOLDEN, EKS], ids=["short paths", "long paths"])
@pytest.mark.parametrize("tail", [EXPLICIT, IMPLICIT, BOUNDARY, IDENTITY, "x" * 10_000])
def test_a_denied_region_takes_two_calls(paths: list[str], tail: str) -> None:
    """EC2 is called, and its denial applies to every lookup, with messages of any length."""
    account = Account(all_denied(tail), images_denied=True)
    found = account.values(paths)
    assert states(found) == dict.fromkeys(paths, State.ACCESS_DENIED)
    assert (len(account.names), account.images) == (1, 1)


def test_a_denial_by_ssm_only_takes_one_call_for_ten_names() -> None:
    """The state is known after the first read; EC2 responds, so a name may be allowed again."""
    account = Account(all_denied(EXPLICIT))
    found = account.values(EKS, denied=set(EKS))
    assert states(found) == dict.fromkeys(EKS, State.ACCESS_DENIED)
    assert (len(account.names), account.images) == (2 + 19, 1)


def test_throttling_in_a_split_ends_the_read() -> None:
    """Throttling concerns the target; values that were read before count."""

    class Throttled(Account):
        def get_parameters(self, Names: Sequence[str]) -> Mapping[str, object]:  # noqa: N803
            if len(self.names) == 3:
                raise error("ThrottlingException", "Rate exceeded", "GetParameters")
            return super().get_parameters(Names)

    account = Throttled(these_denied(GOLDEN[9]))
    found = account.values(GOLDEN)
    assert [name for name, value in found.items() if value == image_id(1)] == GOLDEN[:5]
    assert set(states(found).values()) == {State.THROTTLED}


def test_a_throttled_probe_ends_the_read() -> None:
    """The permissions are unknown then, and the target has no capacity left."""

    class Throttled(Account):
        def paginate(self, **_: object) -> Iterator[Mapping[str, object]]:
            raise error("RequestLimitExceeded", "Request limit exceeded.", "DescribeImages")

    found = Throttled(these_denied(GOLDEN[0])).values(GOLDEN)
    assert states(found) == dict.fromkeys(GOLDEN, State.THROTTLED)


# --- a namespace that a region lacks


@pytest.mark.parametrize("padding", ["", "x" * 2 * DETAIL_LIMIT])
def test_a_missing_namespace_is_not_a_denial(padding: str) -> None:
    """The parameters do not exist; EC2 is not called, and other names have values."""
    absent = "/aws/service/bottlerocket/aws-k8s-1.36/x86_64/latest/image_id"
    account = Account(lambda name: padding + NO_NAMESPACE if name == absent else None)
    found = account.values([*GOLDEN, absent])
    assert states(found) == {absent: State.NOT_FOUND}
    assert account.images == 0


def test_a_missing_namespace_among_denied_names_is_not_a_denial() -> None:
    """Names that were denied before share only a denial."""
    absent = "/aws/service/bottlerocket/latest"
    denied = GOLDEN[0]
    says = {absent: NO_NAMESPACE, denied: sentence(denied, EXPLICIT)}
    found = Account(says.get).values([absent, denied], denied={absent, denied})
    assert states(found) == {absent: State.NOT_FOUND, denied: State.ACCESS_DENIED}


# --- rounds of a target lookup


@dataclass
class Rounds:
    """A target lookup over one account, round after round."""

    account: Account
    rows: FakeRows = field(default_factory=FakeRows)

    def know(self, *paths: str, known: bool = True, state: str | None = None) -> None:
        """Write a pair for each path into the table."""
        for path in paths:
            name = path.strip("/").replace("/", "-")
            found = an_observation(1) if known else None
            self.rows.put(a_pair(name, by_parameter(path), known=found, state=state))

    def check(self, *paths: str, filters: bool = False) -> list[Outcome]:
        """Run one round over these paths."""
        self.account.names.clear()
        self.account.images = 0
        requests = [
            a_request(path.strip("/").replace("/", "-"), by_parameter(path)) for path in paths
        ]
        requests += [a_request("filters", by_name())] if filters else []
        target_lookup = TargetLookup(self.rows, self.account.sources(), FakeLog(), lambda: MOMENT)
        outcomes = target_lookup.look_up(HERE, dict.fromkeys(requests, 1), Deadline.after(60))
        return [outcomes[request] for request in requests]


OK, DENIED = Outcome(State.OK), Outcome(State.ACCESS_DENIED)


@pytest.mark.parametrize("known", [True, False])
def test_a_denied_target_gets_an_ec2_call_first(known: bool) -> None:  # noqa: FBT001
    """A denied target takes one call a round; after the repair, all pairs have a result at once."""
    rounds = Rounds(Account(all_denied(EXPLICIT), images_denied=True))
    rounds.know(*EKS, known=known, state="access_denied")
    rounds.rows.put(a_pair("filters", by_name(), state="access_denied"))
    for _ in range(3):
        assert rounds.check(*EKS, filters=True) == [DENIED] * 31
        assert (rounds.account.names, rounds.account.images) == ([], 1)
    rounds.account.denied, rounds.account.images_denied = lambda _: None, False
    assert {outcome.state for outcome in rounds.check(*EKS, filters=True)} == {State.OK}
    assert len(rounds.account.names) == 3


def test_one_denied_name_takes_one_additional_call() -> None:
    """The first round splits the call; from the second round on, the name has its own call."""
    rounds = Rounds(Account(these_denied(GOLDEN[4])))
    rounds.know(*GOLDEN)
    expected = [DENIED if path == GOLDEN[4] else OK for path in GOLDEN]
    calls = []
    for _ in range(3):
        assert rounds.check(*GOLDEN) == expected
        calls.append((len(rounds.account.names), rounds.account.images))
    assert calls == [(3 + 8, 1), (4, 1), (4, 1)]
    rounds.account.denied = lambda _: None
    assert rounds.check(*GOLDEN) == [OK] * 25
    assert rounds.check(*GOLDEN) == [OK] * 25
    assert len(rounds.account.names) == 3


@pytest.mark.parametrize("count", [1, 9, 10, 25])
def test_without_denials_no_name_is_requested_twice(count: int) -> None:
    """A target without changes takes one call for ten names and one for its images."""
    rounds = Rounds(Account())
    rounds.know(*GOLDEN[:count])
    assert rounds.check(*GOLDEN[:count]) == [OK] * count
    assert (len(rounds.account.names), rounds.account.images) == (math.ceil(count / 10), 1)
    assert len(set(itertools.chain(*rounds.account.names))) == count
