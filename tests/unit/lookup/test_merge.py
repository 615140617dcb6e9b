"""Lookups that share requests have the results of lookups that are sent alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders.lookup import (
    AMAZON,
    HERE,
    MOMENT,
    RED_HAT,
    a_pair,
    by_name,
    image_id,
    listed,
)
from support.fakes.ec2 import FakeEc2, Image
from support.fakes.in_flight import one_at_a_time
from support.fakes.log import FakeLog

from services.kernel.errors import Failure
from services.kernel.model import Filter, FilterLookup, Observation, OrderBy, Pair, State
from services.kernel.wire import timestamp
from services.lookup.find import Finder
from services.lookup.in_flight import CallsInFlight
from services.lookup.merge import MOST_VALUES, ImageQuery, merged
from services.lookup.responses import FilterEvidence, Finding
from services.lookup.sources import Sources

ARM = Filter("architecture", ("arm64",))
INVALID = Failure(State.BAD_LOOKUP, "InvalidParameterValue", "no")


def an_image(number: int, name: str | None = None, owner: str = AMAZON, **more: str) -> Image:
    """Build an image as EC2 describes it."""
    named = {} if name is None else {"Name": name}
    known = {"ImageId": image_id(number), "OwnerId": owner, "State": "available"}
    return {**known, "Architecture": "arm64", **named, **more}


def sources(ec2: FakeEc2) -> Sources:
    """Build the adapter over EC2 in memory."""
    return Sources(ec2, in_flight=one_at_a_time())


def family(count: int, *, owners: Sequence[str] = (AMAZON,), start: str = "acme") -> list[Any]:
    """Build lookups that differ in the `name` filter only."""
    return [by_name(f"{start}-{number:03}-*", owners=owners) for number in range(count)]


# --- the number of requests


@pytest.mark.parametrize(
    ("lookups", "expected"), [(1, 1), (10, 1), (199, 1), (200, 2), (398, 2), (399, 3)]
)
def test_a_request_has_two_hundred_values(lookups: int, expected: int) -> None:
    """One value of each request is the state; the limit is for all filters together."""
    ec2 = FakeEc2([an_image(number, f"acme-{number:03}-a") for number in range(lookups)])
    found = listed(sources(ec2).matching(HERE, family(lookups)))
    assert [len(images) for images in found.values() if isinstance(images, list)] == [1] * lookups
    assert len(ec2.requests) == expected


def test_families_of_ten_take_a_tenth_of_the_requests() -> None:
    """Families differ in another filter, so each takes a request."""
    families = [
        replace(each, filters=(*each.filters, Filter("architecture", (f"a{number}",))))
        for number in range(30)
        for each in family(10)
    ]
    ec2 = FakeEc2()
    assert len(listed(sources(ec2).matching(HERE, families))) == 300
    assert len(ec2.requests) == 30


def test_accounts_as_owners_share_a_request() -> None:
    """The request has every owner, and each lookup the images of its own."""
    names = ("RHEL-9.*", "acme-linux-*")
    ours, theirs = by_name(names[0], owners=[RED_HAT]), by_name(names[1])
    images = [
        an_image(1, "RHEL-9.6", RED_HAT),
        an_image(2, "acme-linux-2"),
        an_image(3, "RHEL-9.7"),  # an image of another owner under a known name
    ]
    ec2 = FakeEc2(images)
    found = listed(sources(ec2).matching(HERE, [ours, theirs]))
    ids = {look: [i.image_id for i in of] for look, of in found.items() if isinstance(of, list)}
    assert ids == {ours: [image_id(1)], theirs: [image_id(2)]}
    (request,) = ec2.requests
    assert (request["Owners"], ec2.names()) == ([RED_HAT, AMAZON], [list(names)])


def test_image_ids_share_a_request() -> None:
    """Each lookup has its own ids, although the names match all images."""
    lookups = [
        FilterLookup((*by_name().filters, Filter("image-id", (image_id(number),))))
        for number in (1, 2)
    ]
    ec2 = FakeEc2([an_image(number, "acme-linux-1") for number in (1, 2, 3)])
    found = listed(sources(ec2).matching(HERE, lookups))
    ids = [[image.image_id for image in of] for of in found.values() if isinstance(of, list)]
    assert (ids, len(ec2.requests)) == ([[image_id(1)], [image_id(2)]], 1)


def test_equal_requests_are_sent_once() -> None:
    """Exclusions and order are applied to the response."""
    lookup = by_name()
    same = [lookup, replace(lookup, exclude_names=("*-beta",))]
    same.append(replace(lookup, filters=(*lookup.filters, Filter("state", ("available",)))))
    ec2 = FakeEc2()
    assert list(listed(sources(ec2).matching(HERE, same))) == same
    assert len(ec2.requests) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (by_name("acme-a*"), replace(by_name("acme-b*"), filters=(Filter("name", ("x",)), ARM))),
        (by_name("acme-a*", owners=["amazon"]), by_name("acme-b*")),
        (by_name("acme-a*", owners=["amazon"]), by_name("acme-b*", owners=["self"])),
        (by_name("acme-a*", owners=[]), by_name("acme-b*")),
        (by_name("*"), by_name("acme-b*", owners=[RED_HAT])),
        (by_name("acm*"), by_name("acme-b*", owners=[RED_HAT])),
        (by_name(r"acme\-a"), by_name("acme-b*")),
        (by_name("acme-a\\"), by_name("acme-b*")),
        (by_name("acme-ä*"), by_name("acme-b*")),
        (by_name("acme-a "), by_name("acme-b*")),
        (by_name(""), by_name("acme-b*")),
        (by_name("a" * 256), by_name("acme-b*")),
        (FilterLookup((ARM,), (AMAZON,)), FilterLookup((ARM,), (RED_HAT,))),
        (FilterLookup(by_name("acme-a*").filters * 2, (AMAZON,)), by_name("acme-b*")),
        (
            FilterLookup((Filter("image-id", ("ami-*",)),)),
            FilterLookup((Filter("image-id", ("ami-1",)),)),
        ),
    ],
)
def test_what_cannot_be_checked_is_not_merged(one: FilterLookup, other: FilterLookup) -> None:
    """Other filters, aliases, undocumented patterns, and patterns that match most names."""
    assert len(merged(map(ImageQuery.of, (one, other)))) == 2


def test_owners_in_another_order_are_equal() -> None:
    """An alias is part of what has to be equal."""
    one, other = ("amazon", "self"), ("self", "amazon")
    lookups = [by_name("acme-a*", owners=one), by_name("acme-b*", owners=other)]
    assert len(merged(map(ImageQuery.of, lookups))) == 1


def test_a_lookup_with_many_values_is_sent_alone() -> None:
    """The limit of EC2 applies to a lookup of its own too; EC2 says so."""
    many = FilterLookup((Filter("name", tuple(f"acme-{n}" for n in range(MOST_VALUES + 50))),))
    requests = merged(map(ImageQuery.of, [by_name(owners=()), many, by_name("b*", owners=())]))
    assert [len(request.queries) for request in requests] == [1, 1, 1]


class _Incomplete(FakeEc2):
    """Omits all images from lists, but not from requests by id."""

    def _passes(self, image: Image, params: Mapping[str, Any]) -> bool:
        by_id = any(each["Name"] == "image-id" for each in params["Filters"])
        return by_id and super()._passes(image, params)


def test_known_images_that_lists_lack_share_a_request() -> None:
    """A list can lack many images at once; each pair still has its own image."""
    lookups = family(20)
    known = [Observation(image_id(number), f"acme-{number:03}-a") for number in range(20)]
    images = [an_image(number, known[number].ami_name) for number in range(19)]
    pairs = {
        str(number): a_pair(str(number), lookup, known=known[number])
        for number, lookup in enumerate(lookups)
    }
    ec2 = _Incomplete([*images, an_image(20, "acme-000-z")])
    found = dict(Finder(sources(ec2), FakeLog(), lambda: MOMENT).find(HERE, pairs))
    answers = [each.answer for each in found.values()]
    assert answers[:19] == known[:19]
    assert isinstance(answers[19], Failure)
    assert len(ec2.requests) == 2


# --- failures


def _refuse_names(*bad: str, failure: Failure = INVALID) -> FakeEc2:
    def refuse(params: Mapping[str, Any]) -> Failure | None:
        values = {value for each in params["Filters"] for value in each["Values"]}
        return failure if values & set(bad) else None

    images = [an_image(number, f"acme-{number:03}-a") for number in range(200)]
    return FakeEc2(images, refuse=refuse)


@pytest.mark.parametrize(
    "failure",
    [
        INVALID,
        Failure(State.UNCLASSIFIED, "NewAndStrange", "no"),
        Failure(State.TRANSIENT, "InvalidNextToken", "no"),
    ],
    ids=lambda failure: failure.code,
)
def test_a_refused_lookup_affects_no_other(failure: Failure) -> None:
    """The request is split until the lookup is alone."""
    lookups = family(100)
    ec2 = _refuse_names("acme-007-*", "acme-070-*", failure=failure)
    found = listed(sources(ec2).matching(HERE, lookups))
    refused = [lookup for lookup, images in found.items() if isinstance(images, Failure)]
    assert refused == [lookups[7], lookups[70]]
    assert [len(images) for images in found.values() if isinstance(images, list)] == [1] * 98
    assert len(ec2.requests) < 30


def test_lookups_that_are_all_refused_take_a_bounded_number_of_requests() -> None:
    """A filter that all of them have can be the reason."""
    lookups = family(100)
    ec2 = FakeEc2(refuse=lambda _: INVALID)
    found = listed(sources(ec2).matching(HERE, lookups))
    assert set(found) == set(lookups)
    assert set(found.values()) == {INVALID}
    assert len(ec2.requests) <= 100 + 2 * 16


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "UnauthorizedOperation"])
def test_a_failure_of_the_target_is_not_split(code: str) -> None:
    """One request is enough for all lookups."""
    denied = code.startswith("Unauthorized")
    failure = Failure(State.ACCESS_DENIED if denied else State.THROTTLED, code, "no")
    ec2 = FakeEc2(refuse=lambda _: failure)
    lookups = [*family(100), *family(100, owners=["amazon"])]
    found = listed(sources(ec2).matching(HERE, lookups))
    assert list(found.values()) == [failure] * 200
    assert len(ec2.requests) == 1


def test_calls_in_flight_have_the_results_of_single_calls() -> None:
    """With real threads: refused requests are split while others are in flight."""
    lookups = [
        replace(each, filters=(*each.filters, Filter("architecture", ("arm64", f"a{number}"))))
        for number in range(80)
        for each in family(5, start=f"acme-{number % 3}")
    ]
    images = [an_image(n, f"acme-{n % 3}-{n % 5:03}-{n}") for n in range(60)]
    ec2 = FakeEc2(images, refuse=lambda params: INVALID if "acme-1-003-*" in str(params) else None)
    threads = Sources(ec2, in_flight=CallsInFlight(sleep=lambda _: None))
    found = dict(threads.matching(HERE, lookups))
    assert found == dict(sources(ec2).matching(HERE, lookups))
    assert set(found) == set(lookups)


# --- large responses


def test_a_request_for_very_many_images_is_split() -> None:
    """The images of a merged request are in memory together, so there is a limit."""
    images = [an_image(n, f"acme-{n % 4:03}-{n}") for n in range(16)]
    ec2 = FakeEc2(images, page_size=1)
    found = dict(sources(ec2).matching(HERE, family(4)))
    assert [len(each.images) for each in found.values() if not isinstance(each, Failure)] == [4] * 4
    assert len(ec2.requests) == 11 + 8 + 8


def test_one_lookup_of_very_many_images_is_read_whole() -> None:
    """It counts its real pages."""
    ec2 = FakeEc2([an_image(n, f"acme-000-{n}") for n in range(16)], page_size=1)
    ((_, found),) = sources(ec2).matching(HERE, family(1))
    assert not isinstance(found, Failure)
    assert (len(found.images), found.pages) == (16, 16)


def test_pages_are_those_of_a_lookup_alone() -> None:
    """A lookup that shares a request has the pages that its own images would take."""
    images = [an_image(n, f"acme-000-{n}") for n in range(1500)]
    found = dict(sources(FakeEc2(images)).matching(HERE, family(3)))
    pages = [each.pages for each in found.values() if not isinstance(each, Failure)]
    assert pages == [2, 1, 1]


# --- an image that may or may not match


def test_the_meaning_of_a_question_mark_is_left_to_ec2() -> None:
    """A lookup is sent alone if an image in the response decides between the two meanings."""
    images = [an_image(1, "acme-linux"), an_image(2, "acme-linux-2")]
    lookups = [by_name("acme-linux?"), by_name("acme-linux*")]
    for meaning, expected in ((".?", [image_id(1)]), (".", [])):
        ec2 = FakeEc2(images, question_mark=meaning)
        found = listed(sources(ec2).matching(HERE, lookups))[lookups[0]]
        assert isinstance(found, list)
        assert [image.image_id for image in found] == expected
        assert ec2.names() == [["acme-linux?", "acme-linux*"], ["acme-linux?"]]


class _Silent(FakeEc2):
    """Knows more about its images than its responses show."""

    def _passes(self, *_: object) -> bool:
        return True


@pytest.mark.parametrize("silent", ["OwnerId", "Name"])
def test_images_without_owner_or_name_are_left_to_ec2(silent: str) -> None:
    """An image must not be selected for a lookup that it does not belong to."""
    ec2 = _Silent([{**an_image(1, "acme-linux-1"), silent: ""}])
    lookups = [by_name("acme*"), by_name("acme*", owners=[RED_HAT]), by_name("*")]
    assert len(listed(sources(ec2).matching(HERE, lookups[:2]))) == 2
    assert [request["Owners"] for request in ec2.requests][:1] == [[AMAZON, RED_HAT]]
    alone = [[AMAZON], [RED_HAT]] if silent == "OwnerId" else []
    assert [request["Owners"] for request in ec2.requests][1:] == alone
    ec2.requests.clear()
    listed(sources(ec2).matching(HERE, [by_name("*"), by_name("*a", owners=[AMAZON])]))
    assert len(ec2.requests) == (2 if silent == "Name" else 1)


# --- merged and alone: the same results

_TEXT = st.text("abA-*?\\[. ", max_size=6).map(lambda text: f"acme{text}")
_NAMES = st.text("abA-[. ?*", max_size=5).map(lambda text: f"acme{text}")
_PATTERNS = st.one_of(_TEXT, st.just("*"), st.text("ab*?", max_size=4))
_OWNERS = st.lists(st.sampled_from([AMAZON, RED_HAT, "amazon"]), max_size=2, unique=True).map(tuple)
_DAYS = st.integers(1, 3)


@st.composite
def _images(draw: st.DrawFn) -> list[Image]:
    images = []
    for number in range(1, draw(st.integers(0, 9)) + 1):
        owner = draw(st.sampled_from([AMAZON, RED_HAT]))
        more = {"CreationDate": f"2026-10-0{draw(_DAYS)}T00:00:00.000Z"}
        if owner == AMAZON:
            more["ImageOwnerAlias"] = "amazon"
        if draw(st.booleans()):
            hours = draw(st.sampled_from([-1, 1]))
            more["DeprecationTime"] = timestamp(MOMENT + timedelta(hours=hours))
        more["State"] = draw(st.sampled_from(["available", "available", "pending"]))
        more["Architecture"] = draw(st.sampled_from(["arm64", "x86_64"]))
        images.append(an_image(number, draw(st.none() | _NAMES | _NAMES), owner, **more))
    return images


@st.composite
def _lookups(draw: st.DrawFn) -> FilterLookup:
    filters = [Filter("name", tuple(draw(st.lists(_PATTERNS, min_size=1, max_size=2))))]
    if draw(st.booleans()):
        filters.append(Filter("architecture", (draw(st.sampled_from(["arm64", "x86_*"])),)))
    if draw(st.integers(0, 3)) == 0:
        filters.append(Filter("image-id", (image_id(draw(st.integers(1, 9))),)))
    if draw(st.integers(0, 3)) == 0:
        filters.append(Filter("state", (draw(st.sampled_from(["available", "pending"])),)))
    exclude = tuple(draw(st.lists(_TEXT, max_size=1)))
    by_release = draw(st.booleans())
    return FilterLookup(
        tuple(filters),
        draw(_OWNERS),
        exclude,
        OrderBy.RELEASE if by_release else OrderBy.DATE,
        "acme(?P<release>[ab]*)" if by_release else None,
    )


@st.composite
def _pairs(draw: st.DrawFn) -> dict[str, Pair]:
    pairs = {}
    for number in range(draw(st.integers(1, 6))):
        name = f"i{number}"
        known = None
        if draw(st.booleans()):
            day = draw(_DAYS)
            date = f"2026-10-0{day}T00:00:00.000Z"
            known = Observation(image_id(draw(st.integers(1, 9))), "acme", date)
        pairs[name] = a_pair(name, draw(_lookups()), known=known)
    return pairs


def _found(ec2: FakeEc2, pairs: Mapping[str, Pair]) -> dict[str, Finding]:
    findings = dict(Finder(sources(ec2), FakeLog(), lambda: MOMENT).find(HERE, pairs))
    return {name: replace(each, evidence=_sorted(each.evidence)) for name, each in findings.items()}


def _sorted(evidence: object) -> FilterEvidence | None:
    """Return the evidence with its images in one order."""
    if not isinstance(evidence, FilterEvidence):
        return None
    images, again = (
        sorted(each, key=lambda ami: ami.image_id) for each in (evidence.images, evidence.again)
    )
    return FilterEvidence(images, again, evidence.pages)


@given(images=_images(), pairs=_pairs(), question_mark=st.sampled_from([".?", "."]))
@settings(deadline=None, max_examples=300)
def test_merged_and_single_lookups_have_equal_results(
    images: list[Image], pairs: dict[str, Pair], question_mark: str
) -> None:
    """EC2's rules are evaluated by other code, with both meanings of a question mark."""
    together = FakeEc2(images, question_mark)
    alone = FakeEc2(images, question_mark)
    singles: dict[str, Finding] = {}
    for name, pair in pairs.items():
        singles |= _found(alone, {name: pair})
    assert _found(together, pairs) == singles
