"""The lookup's port to the targets: the fake and the adapter behave alike."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from support.builders.lookup import (
    AMAZON,
    HERE,
    PATH,
    RED_HAT,
    THERE,
    an_ami,
    by_name,
    image_id,
    listed,
    texts,
)
from support.fakes.lookup import FactsLab

from services.kernel.errors import CallFailedError, Failure
from services.kernel.model import Filter, FilterLookup, State


@pytest.fixture
def lab(facts_lab: FactsLab) -> FactsLab:
    """Return the fake, then the adapter over SSM and EC2."""
    return facts_lab


FAILURES = {
    "RequestLimitExceeded": State.THROTTLED,
    "OptInRequired": State.REGION_DISABLED,
    "UnauthorizedOperation": State.ACCESS_DENIED,
    "InvalidParameterValue": State.BAD_LOOKUP,
    "NewAndStrange": State.UNCLASSIFIED,
}


def failure_of(answer: object) -> tuple[State, str]:
    """Return state and code of a failure."""
    assert isinstance(answer, Failure)
    return answer.state, answer.code


# --- sessions


def test_a_session_is_created_if_the_role_can_be_assumed(lab: FactsLab) -> None:
    """A session can be created repeatedly."""
    lab.facts.ensure_session(HERE)
    lab.facts.ensure_session(HERE)


def test_a_denied_account_does_not_affect_others(lab: FactsLab) -> None:
    """The denial is an error of that account only, raised before any request to the target."""
    lab.backend.close(HERE.account_id)
    with pytest.raises(CallFailedError) as caught:
        lab.facts.ensure_session(HERE)
    assert failure_of(caught.value.failure) == (State.ACCESS_DENIED, "AccessDenied")
    lab.facts.ensure_session(THERE)


# --- parameters


def test_values_are_unchanged_and_missing_names_are_none(lab: FactsLab) -> None:
    """A missing name has the value None and does not affect the others."""
    values = {f"{PATH}/plain": image_id(1), f"{PATH}/json": '{"image_id": "x"}\n'}
    for path, value in values.items():
        lab.backend.put_parameter(HERE, path, value)
    asked = [f"{PATH}/none", *values]
    assert texts(lab.facts.parameters(HERE, asked)) == values | {f"{PATH}/none": None}


def test_names_that_were_denied_before_are_read_like_others(lab: FactsLab) -> None:
    """Names that were denied before are requested separately and have the same values."""
    paths = [f"{PATH}/{number}" for number in range(3)]
    for path in paths:
        lab.backend.put_parameter(HERE, path, f"value of {path}")
    for denied in (paths[:1], [*paths, "/not/asked/for"]):
        found = texts(lab.facts.parameters(HERE, paths, denied, images_allowed=True))
        assert found == {path: f"value of {path}" for path in paths}


def test_parameters_belong_to_the_target(lab: FactsLab) -> None:
    """The same path has another value in another target."""
    lab.backend.put_parameter(HERE, PATH, "here")
    lab.backend.put_parameter(THERE, PATH, "there")
    assert texts(lab.facts.parameters(HERE, [PATH])) == {PATH: "here"}
    assert texts(lab.facts.parameters(THERE, [PATH])) == {PATH: "there"}


@pytest.mark.parametrize(
    ("names", "copies", "requests"), [(0, 1, 0), (1, 1, 1), (10, 2, 1), (11, 2, 2)]
)
def test_ten_distinct_names_take_a_request(
    lab: FactsLab, names: int, copies: int, requests: int
) -> None:
    """Ten distinct names take one request, however often each is given."""
    paths = [f"{PATH}/{number}" for number in range(names)]
    for path in paths:
        lab.backend.put_parameter(HERE, path, f"value of {path}")
    found = texts(lab.facts.parameters(HERE, paths * copies))
    assert found == {path: f"value of {path}" for path in paths}
    assert requests == lab.backend.requests("parameters")


@pytest.mark.parametrize("code", FAILURES)
def test_parameters_that_cannot_be_read_are_failures(lab: FactsLab, code: str) -> None:
    """Each name of every request has the failure."""
    lab.backend.fail("parameters", code)
    found = texts(lab.facts.parameters(HERE, [f"{PATH}/{number}" for number in range(11)]))
    assert [failure_of(answer) for answer in found.values()] == [(FAILURES[code], code)] * 11


# --- images by filters


def test_the_images_that_pass_are_listed(lab: FactsLab) -> None:
    """Images that pass by name, owner and target are listed with all attributes."""
    wanted = [an_ami(1), an_ami(2, day=7, deprecation_time="2026-10-09T00:00:00.000Z")]
    for ami in (*wanted, an_ami(3, name="other-linux-3")):
        lab.backend.register(HERE, ami)
    lab.backend.register(HERE, an_ami(4), owner=RED_HAT)
    lab.backend.register(THERE, an_ami(5))
    found = listed(lab.facts.matching(HERE, [by_name()]))[by_name()]
    assert isinstance(found, list)
    assert sorted(found, key=lambda ami: ami.image_id) == wanted


def test_without_owners_the_images_of_every_owner_are_listed(lab: FactsLab) -> None:
    """Without owners, the filters select from the images of every owner."""
    lab.backend.register(HERE, an_ami(1))
    lab.backend.register(HERE, an_ami(2), owner=RED_HAT)
    lookup = by_name(owners=())
    found = listed(lab.facts.matching(HERE, [lookup]))[lookup]
    assert isinstance(found, list)
    assert {ami.image_id for ami in found} == {image_id(1), image_id(2)}


def test_only_available_images_are_listed(lab: FactsLab) -> None:
    """A configured state does not add images that are not available."""
    lab.backend.register(HERE, an_ami(1))
    lab.backend.register(HERE, an_ami(2, state="pending"))
    names = by_name()
    states = Filter("state", ("available", "pending"))
    both = replace(names, filters=(*names.filters, states))
    found = listed(lab.facts.matching(HERE, [names, both]))
    assert found == {names: [an_ami(1)], both: [an_ami(1)]}


def test_each_lookup_has_its_own_result(lab: FactsLab) -> None:
    """A lookup without images has an empty list; names and accounts share a request."""
    lab.backend.register(HERE, an_ami(1))
    lab.backend.register(HERE, an_ami(2))
    lab.backend.register(HERE, an_ami(3), owner=RED_HAT)
    one, none = by_name("acme-linux-1"), by_name("acme-linux-9")
    other = by_name(owners=[RED_HAT])
    found = listed(lab.facts.matching(HERE, [one, none, one, other]))
    assert found == {one: [an_ami(1)], none: [], other: [an_ami(3)]}
    assert lab.backend.requests("matching") == 1
    assert listed(lab.facts.matching(HERE, [])) == {}


@pytest.mark.parametrize("seed", range(2))
def test_merged_and_single_lookups_list_the_same_images(lab: FactsLab, seed: int) -> None:
    """Random names and owners, judged by the rules of moto where they are those of EC2."""
    chance = random.Random(seed)  # noqa: S311 - repeatable
    for number in range(20):
        name = f"acme-{''.join(chance.choices('ab-A', k=3))}"
        lab.backend.register(HERE, an_ami(number, name=name), chance.choice([AMAZON, RED_HAT]))
    lookups = [
        by_name(f"acme-{''.join(chance.choices('ab-*', k=3))}", owners=[owner])
        for owner in (AMAZON, RED_HAT)
        for _ in range(10)
    ]
    together = listed(lab.facts.matching(HERE, lookups))
    assert lab.backend.requests("matching") == 1
    assert together == {
        lookup: images
        for each in lookups
        for lookup, images in listed(lab.facts.matching(HERE, [each])).items()
    }
    assert any(together.values())


@pytest.mark.parametrize("code", FAILURES)
def test_images_that_cannot_be_listed_are_failures(lab: FactsLab, code: str) -> None:
    """Each lookup has the failure."""
    lab.backend.fail("matching", code)
    lookups: list[FilterLookup] = [by_name("a"), by_name("b")]
    found = listed(lab.facts.matching(HERE, lookups))
    assert {lookup: failure_of(answer) for lookup, answer in found.items()} == dict.fromkeys(
        lookups, (FAILURES[code], code)
    )


# --- images by id


def test_known_images_are_returned_and_unknown_ones_are_none(lab: FactsLab) -> None:
    """Images of any owner and state are returned in one request; unknown ids are None."""
    lab.backend.register(HERE, an_ami(1), owner=RED_HAT)
    lab.backend.register(HERE, an_ami(2, state="pending"))
    lab.backend.register(THERE, an_ami(3))
    ids = [image_id(number) for number in (1, 2, 3, 1)]
    expected = {ids[0]: an_ami(1), ids[1]: an_ami(2, state="pending"), ids[2]: None}
    assert lab.facts.images(HERE, ids) == expected
    assert lab.backend.requests("images") == 1
    assert lab.facts.images(HERE, []) == {}


@pytest.mark.parametrize("code", FAILURES)
def test_images_that_cannot_be_described_are_failures(lab: FactsLab, code: str) -> None:
    """Images of a failed request are failures, not None, which means that they do not exist."""
    lab.backend.fail("images", code)
    found = lab.facts.images(HERE, [image_id(1), image_id(2)])
    assert [failure_of(answer) for answer in found.values()] == [(FAILURES[code], code)] * 2
