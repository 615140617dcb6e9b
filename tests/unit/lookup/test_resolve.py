"""The choice of an image, as pure functions: order, paging and odd values do not matter."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.lookup import an_ami, an_observation, image_id

from services.kernel.errors import DETAIL_LIMIT, Failure
from services.kernel.model import Filter, FilterLookup, Observation, State
from services.lookup.resolve import (
    candidates,
    current,
    launchable,
    newest,
    order,
    parameter_image_id,
    request_filters,
    with_image_id,
)
from services.lookup.responses import Ami
from services.lookup.wildcards import literal_start, matches_surely, matches_wildcard

NOW = datetime.fromisoformat("2026-11-22T07:00:05.000Z")
ID = "ami-0123456789abcdef0"
ANY = FilterLookup((Filter("name", ("*",)),))


def newest_but(exclude_names: Sequence[str], images: Sequence[Ami]) -> Observation | Failure:
    """Return the newest image that no wildcard excludes."""
    lookup = replace(ANY, exclude_names=tuple(exclude_names))
    return newest(lookup, candidates(lookup, images), NOW)


def state_of(answer: object) -> State:
    """Return the state of a failure."""
    assert isinstance(answer, Failure)
    return answer.state


# --- wildcards


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("al2023", "al2023", True),
        ("al2023", "al2023-arm", False),
        ("al2023", "my-al2023", False),
        ("al2023", "AL2023", False),
        ("AL*", "al2023", False),
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "any thing/at-all\nand more", True),
        ("al*23", "al23", True),
        ("al*23", "al2023-23", True),
        ("*-BETA-*", "RHEL-9.6_BETA-x", False),
        ("*-BETA-*", "RHEL-9.6-BETA-x", True),
        ("**", "ab", True),
        ("a?c", "abc", True),
        ("a?c", "ac", True),
        ("a?c", "abbc", False),
        ("???", "", True),
        ("???", "abc", True),
        ("???", "abcd", False),
        ("?*b", "b", True),
        (r"a\*c", "a*c", True),
        (r"a\*c", "abc", False),
        (r"a\?c", "a?c", True),
        (r"a\?c", "ac", False),
        (r"a\\c", r"a\c", True),
        (r"a\bc", "abc", True),
        ("a\\", "a\\", True),
        ("a\\", "a", False),
        (r"\\*", r"\anything", True),
        ("a[bc]d", "a[bc]d", True),
        ("a[bc]d", "abd", False),
        ("[!a]", "b", False),
        ("a.c", "abc", False),
        ("(a|b)+$", "(a|b)+$", True),
    ],
)
def test_wildcards_follow_the_rules_of_ec2(pattern: str, text: str, *, expected: bool) -> None:
    """A star is any text, a question mark at most one character, a backslash a literal one."""
    assert matches_wildcard(pattern, text) == expected


def reference(pattern: str, text: str, question_mark: str = ".?") -> bool:
    """Apply the same rules as a regular expression."""
    parts = {"*": ".*", "?": question_mark}
    wanted = "".join(
        parts.get(part) or re.escape(part[-1]) for part in re.findall(r"\\.|.", pattern, re.DOTALL)
    )
    return re.fullmatch(wanted, text, re.DOTALL) is not None


@given(st.text("ab*?\\[\n", max_size=7), st.text("ab*?\\[\n", max_size=7))
def test_wildcards_agree_with_a_regular_expression(pattern: str, text: str) -> None:
    """On small inputs, where a backtracking matcher is fast, both results agree."""
    assert matches_wildcard(pattern, text) == reference(pattern, text)


@given(st.text("ab*?\\[\n", max_size=7), st.text("ab*?\\[\n", max_size=7))
def test_a_match_is_sure_if_every_meaning_of_a_question_mark_agrees(
    pattern: str, text: str
) -> None:
    """The documents of EC2 differ: zero or one character, or exactly one."""
    answers = {reference(pattern, text), reference(pattern, text, ".")}
    assert matches_surely(pattern, text) == (answers.pop() if len(answers) == 1 else None)
    assert text.startswith(literal_start(pattern)) or not matches_wildcard(pattern, text)


@given(st.text(max_size=20))
def test_an_escaped_text_matches_only_itself(text: str) -> None:
    """Any name can be escaped and used as a pattern."""
    escaped = "".join(f"\\{character}" for character in text)
    assert matches_wildcard(escaped, text)
    assert not matches_wildcard(escaped, f"{text}x")


@pytest.mark.parametrize("pattern", ["*a" * 100, "?" * 200, "*?" * 100 + "b", "*" * 255])
def test_no_pattern_takes_long(pattern: str) -> None:
    """Patterns that take a backtracking matcher practically unlimited time are fast."""
    started = time.process_time()
    matches_wildcard(pattern, "a" * 256 + "c")
    assert time.process_time() - started < 1


# --- parameters


@pytest.mark.parametrize(
    "value",
    [
        ID,
        "ami-01234567",
        f"  {ID}\n",
        json.dumps({"image_id": ID}),
        json.dumps({"schema_version": "1", "image_id": ID, "image_name": "x"}, indent=2),
        json.dumps({"image_name": "Windows_Server-2022-ECS", "image_id": ID, "os": "Windows"}),
        json.dumps({"schema_version": 2, "image_id": ID, "release_version": "1.33.1-20250715"}),
        f'\n {{"image_id": "{ID}"}} ',
        json.dumps({"image_id": ID, "padding": "x" * 300_000}),
    ],
)
def test_a_value_is_an_image_id_or_json(value: str) -> None:
    """White space around the id and other content of the JSON do not matter."""
    assert value.strip().startswith(("{", "ami-"))
    assert parameter_image_id(value) in {ID, "ami-01234567"}


NO_IMAGE_ID = {
    "empty": "",
    "blank": " \n",
    "too short": "ami-0123456",
    "between the lengths": "ami-012345678",
    "too long": f"{ID}0",
    "upper case": "ami-0123456789ABCDEF0",
    "not hexadecimal": "ami-0123456789abcdefg",
    "other digits": "ami-０１２３４５６７",  # noqa: RUF001 - digits of another script
    "two ids": f"{ID} {ID}",
    "a list of ids": f"{ID},{ID}",
    "another resource": "snap-0123456789abcdef0",
    "a resolved reference": f"resolve:ssm:/x/{ID}",
    "an image version": "1.11.1-104f8e0f",
    "a release version": "1.16.13-20201007",
    "a publisher's account": "099720109477",
    "a URL with an id": f"https://example.org/{ID}",
    "JSON without image_id": '{"image_name": "x"}',
    "JSON with null": '{"image_id": null}',
    "JSON with a number": '{"image_id": 7}',
    "JSON with a list": f'{{"image_id": ["{ID}"]}}',
    "JSON with an empty text": '{"image_id": ""}',
    "JSON deeper than it should be": f'{{"recommended": {{"image_id": "{ID}"}}}}',
    "JSON array": f'["{ID}"]',
    "JSON text": f'"{ID}"',
    "JSON cut off": f'{{"image_id": "{ID}"',
    "a Python dict": f"{{'image_id': '{ID}'}}",
    "an encrypted value": "AQICAHhGvvYXVzqzfZ5dH0yVtQ==",
    "a huge number": f'{{"image_id": {"9" * 5000}}}',
    "deep nesting": '{"a":' * 100_000,
    "deep arrays": '{"a":' + "[" * 100_000,
    "300 KB of nothing": "x" * 300_000,
    "300 KB of JSON": json.dumps({"image": "x" * 300_000}),
    "control characters": "\x00\x1b[31m",
}


@pytest.mark.parametrize("value", NO_IMAGE_ID.values(), ids=NO_IMAGE_ID.keys())
def test_any_other_value_is_a_bad_value(value: str) -> None:
    """The failure has the value, in one short printable line."""
    answer = parameter_image_id(value)
    assert isinstance(answer, Failure)
    assert (answer.state, answer.code) == (State.BAD_VALUE, "NotAnImageId")
    assert len(answer.detail) <= DETAIL_LIMIT
    assert answer.detail.isprintable()


def test_a_bad_value_is_not_repeated() -> None:
    """A mistyped path may lead to a secret, which must not be logged or stored."""
    answer = parameter_image_id("see the wiki")
    assert isinstance(answer, Failure)
    expected = "the value (12 characters) is neither an image id nor JSON with image_id"
    assert answer.detail == expected


@given(st.text(max_size=40))
def test_no_value_raises(value: str) -> None:
    """Any value of a parameter is an id or a failure."""
    answer = parameter_image_id(value)
    assert isinstance(answer, Failure) or answer.startswith("ami-")


# --- the image of a parameter must be launchable


def test_a_visible_available_image_is_the_observation() -> None:
    """The observation has the image's name and date."""
    assert launchable(image_id(1), an_ami()) == an_observation()


@pytest.mark.parametrize(
    ("visible", "detail"),
    [
        (None, f"{image_id(1)} is not visible here"),
        (an_ami(state="pending"), f"{image_id(1)} is pending"),
        (an_ami(state="disabled"), f"{image_id(1)} is disabled"),
    ],
)
def test_anything_else_is_not_launchable(visible: Ami | None, detail: str) -> None:
    """The failure has the image's visible state, if there is one."""
    expected = Failure(State.NOT_LAUNCHABLE, "NotLaunchable", detail)
    assert launchable(image_id(1), visible) == expected


# --- filters


def test_only_available_images_are_requested() -> None:
    """The configured filters come first, unchanged."""
    name = Filter("name", ("al2023-*",))
    assert request_filters(FilterLookup((name,))) == (name, Filter("state", ("available",)))


@pytest.mark.parametrize("states", [("pending",), ("available", "pending"), ("*",)])
def test_a_configured_state_cannot_request_other_images(states: tuple[str, ...]) -> None:
    """Only available images are requested, whatever the configured filter contains."""
    name = Filter("name", ("al2023-*",))
    lookup = FilterLookup((name, Filter("state", states)))
    assert request_filters(lookup) == (name, Filter("state", ("available",)))


@pytest.mark.parametrize(
    ("states", "chosen"),
    [
        (None, [1]),
        (("available",), [1]),
        (("available", "pending"), [1]),
        (("avail*",), [1]),
        (("pending",), []),
        (("Available",), []),
    ],
)
def test_only_available_images_are_candidates(
    states: tuple[str, ...] | None, chosen: list[int]
) -> None:
    """A `state` filter that does not match `available` leaves no candidate."""
    other = ["pending", "failed", "disabled", "deregistered", "invalid", "transient", "error"]
    images = [an_ami(1), *(an_ami(n, state=state) for n, state in enumerate(other, start=2))]
    lookup = FilterLookup((Filter("state", states),) if states else ())
    assert [c.image_id for c in candidates(lookup, images)] == [image_id(n) for n in chosen]


def test_images_with_excluded_names_are_not_candidates() -> None:
    """The patterns apply to every response, also to one for a single id."""
    lookup = FilterLookup((), (), ("*-2",))
    assert candidates(lookup, [an_ami(1), an_ami(2)]) == [an_ami(1)]


# --- a lookup for one image


def test_a_lookup_is_narrowed_to_one_image() -> None:
    """All other filters, the owners and the excluded names stay."""
    name = Filter("name", ("al2023-*",))
    lookup = FilterLookup((name,), ("amazon",), ("*-BETA-*",))
    expected = FilterLookup((name, Filter("image-id", (ID,))), ("amazon",), ("*-BETA-*",))
    assert with_image_id(lookup, ID) == expected


@pytest.mark.parametrize("values", [(ID,), (ID, "ami-01234567"), ("ami-0*",), ("*",)])
def test_a_configured_image_id_filter_is_replaced(values: tuple[str, ...]) -> None:
    """EC2 rejects or misreads two filters of one name, so the id replaces the configured values."""
    narrowed = with_image_id(FilterLookup((Filter("image-id", values),)), ID)
    assert narrowed == FilterLookup((Filter("image-id", (ID,)),))


@pytest.mark.parametrize("values", [("ami-01234567",), ("ami-1*",), (ID.upper(),)])
def test_an_image_that_an_id_filter_excludes_is_not_requested(values: tuple[str, ...]) -> None:
    """The image does not match the lookup, so it is not requested."""
    assert with_image_id(FilterLookup((Filter("image-id", values),)), ID) is None


def test_no_image_is_not_found() -> None:
    """An empty response is a failure, not an observation."""
    assert state_of(newest(ANY, [], NOW)) == State.NOT_FOUND


def test_the_newest_image_is_chosen() -> None:
    """The creation date decides, not the position."""
    images = [an_ami(1, day=2), an_ami(2, day=9), an_ami(3, day=5)]
    assert newest(ANY, images, NOW) == an_observation(2, day=9)


def test_the_later_name_breaks_a_tie() -> None:
    """Names are equal in all regions, so each region makes the same choice; ids are random."""
    for ids in ((1, 2), (2, 1)):
        lines = [an_ami(ids[0], name="nat-6.1-x86_64"), an_ami(ids[1], name="nat-6.12-x86_64")]
        answer = newest(ANY, lines, NOW)
        assert isinstance(answer, Observation)
        assert answer.ami_name == "nat-6.12-x86_64"


def test_the_greater_image_id_breaks_a_tie_of_names() -> None:
    """Two images with the same name and time have an order, too."""
    same = [an_ami(number, name="same") for number in (7, 8, 3)]
    assert newest(ANY, same, NOW) == an_ami(8, name="same").observation()


def test_a_deprecated_image_is_the_last_choice() -> None:
    """An older image takes precedence over a newer, deprecated one."""
    old, new = an_ami(1, day=1), an_ami(2, day=9, deprecation_time="2026-11-01T00:00:00.000Z")
    assert newest(ANY, [new, old], NOW) == old.observation()
    assert newest(ANY, [new], NOW) == new.observation()


@pytest.mark.parametrize(
    ("deprecation_time", "winner"),
    [
        ("2026-11-22T07:00:05.000Z", 1),
        ("2026-11-22T07:00:05.001Z", 2),
        ("2026-11-22T07:00:04.999Z", 1),
    ],
)
def test_an_image_is_deprecated_from_its_time_on(deprecation_time: str, winner: int) -> None:
    """The time itself counts as past."""
    images = [an_ami(1), an_ami(2, day=9, deprecation_time=deprecation_time)]
    answer = newest(ANY, images, NOW)
    assert isinstance(answer, Observation)
    assert answer.image_id == image_id(winner)


def test_an_image_without_a_date_is_older_than_all_others() -> None:
    """The observation of an image without a date has no date."""
    undated = an_ami(9, creation_date="")
    assert newest(ANY, [undated, an_ami(1)], NOW) == an_observation(1)
    assert newest(ANY, [undated], NOW) == Observation(image_id(9), "acme-linux-9", None)


def test_dates_are_compared_over_months_and_years() -> None:
    """The last second of a year is before the first of the next."""
    old = an_ami(9, creation_date="2025-12-31T23:59:59.000Z")
    new = an_ami(1, creation_date="2026-01-01T00:00:00.000Z")
    assert newest(ANY, [new, old], NOW) == new.observation()


def test_excluded_names_are_never_chosen() -> None:
    """An excluded image is never chosen; an image without a name has the empty name."""
    beta, nameless = an_ami(2, day=9, name="RHEL-9-BETA-1"), an_ami(3, day=9, name=None)
    assert newest_but(["*-BETA-*"], [beta, an_ami(1)]) == an_observation(1)
    assert state_of(newest_but(["x", "*-BETA-*"], [beta])) == State.NOT_FOUND
    assert newest_but(["*-BETA-*"], [nameless, an_ami(1)]) == nameless.observation()
    assert newest_but(["", "?BETA"], [nameless, an_ami(1)]) == an_observation(1)


# The property that all rules depend on: a response is a set, in any order and paging.

PAST, FUTURE = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
DATES = ["", "2026-10-01T00:00:00.000Z", "2026-10-02T00:00:00.000Z"]
IMAGES = st.lists(
    st.builds(
        Ami,
        image_id=st.integers(1, 12).map(image_id),
        name=st.sampled_from([None, "al2023", "al2023-BETA-1"]),
        creation_date=st.sampled_from(DATES),
        state=st.just("available"),
        deprecation_time=st.sampled_from([None, PAST, NOW, FUTURE]),
    ),
    unique_by=lambda image: image.image_id,
    max_size=8,
)


def expected_newest(images: Sequence[Ami]) -> str | None:
    """Apply the rule again, as three filters."""
    left = [image for image in images if "-BETA-" not in (image.name or "")]
    supported = [i for i in left if i.deprecation_time is None or i.deprecation_time > NOW]
    left = supported or left
    last = max((image.creation_date for image in left), default="")
    left = [image for image in left if image.creation_date == last]
    name = max((image.name or "" for image in left), default="")
    return max((i.image_id for i in left if (i.name or "") == name), default=None)


@given(IMAGES, st.data())
def test_the_result_depends_on_neither_order_nor_paging(
    images: list[Ami], data: st.DataObject
) -> None:
    """Every order of the same images, some of them on several pages, has the same result."""
    repeated = data.draw(st.lists(st.sampled_from(images), max_size=4)) if images else []
    order = data.draw(st.permutations([*images, *repeated]))
    answer = newest_but(["*-BETA-*"], order)
    found = answer.image_id if isinstance(answer, Observation) else None
    assert found == expected_newest(images)
    assert newest_but(["*-BETA-*"], images) == answer


# --- the current image of a pair that has one

KNOWN = an_ami(5, day=5)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([KNOWN], 5),
        ([KNOWN, an_ami(4, day=4)], 5),
        ([KNOWN, an_ami(6, day=6)], 6),
        ([an_ami(6, day=6)], 6),
        ([an_ami(6, day=6), an_ami(7, day=7)], 7),
        ([an_ami(6, day=6), an_ami(7, day=7, deprecation_time=PAST)], 6),
        ([KNOWN, an_ami(6, day=6, deprecation_time=PAST)], 5),
        ([KNOWN, an_ami(6, day=6, deprecation_time=FUTURE)], 6),
        ([an_ami(5, day=5, deprecation_time=PAST), an_ami(4, day=4)], 5),
        ([an_ami(5, day=5, deprecation_time=PAST), an_ami(6, day=6, deprecation_time=PAST)], 5),
        ([KNOWN, an_ami(4, day=5)], 5),
        ([KNOWN, an_ami(6, day=5)], 6),
        ([KNOWN, an_ami(4, day=5, name="z")], 4),
        ([KNOWN, an_ami(6, day=5, name="a")], 5),
        ([KNOWN, an_ami(6, creation_date="")], 5),
        ([], None),
        ([an_ami(4, day=4)], None),
        ([an_ami(6, day=6, deprecation_time=PAST)], None),
    ],
)
def test_only_a_newer_image_replaces_a_known_one(images: list[Ami], expected: int | None) -> None:
    """Deprecation has no effect; None requests the known image by its id."""
    answer = current(ANY, images, KNOWN.observation(), NOW)
    assert (answer and answer.image_id) == (None if expected is None else image_id(expected))


def test_an_unknown_date_is_not_an_old_date() -> None:
    """If the row has no date, the image has to be listed before another is newer."""
    undated = Observation(image_id(5), "acme-linux-5")
    newer, older = an_ami(6, day=6), an_ami(4, day=4)
    assert current(ANY, [older], undated, NOW) is None
    assert current(ANY, [newer], undated, NOW) is None
    assert current(ANY, [older, KNOWN], undated, NOW) == undated
    assert current(ANY, [newer, KNOWN], undated, NOW) == newer.observation()


@given(
    IMAGES,
    st.integers(0, 11),
    st.lists(st.sampled_from([PAST, NOW, FUTURE]), min_size=2, max_size=2),
)
def test_time_does_not_change_the_result(
    images: list[Ami], start: int, times: list[datetime]
) -> None:
    """The image that was chosen once stays the result at any later time, over the same images."""
    earlier, later = sorted(times)
    if not images:
        return
    known = images[start % len(images)].observation()
    settled = current(ANY, images, known, earlier)
    assert settled is not None
    assert order(ANY)(settled) >= order(ANY)(known)
    assert current(ANY, images, settled, later) == settled
