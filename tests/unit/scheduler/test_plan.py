"""The changes and requests of a round, given the catalogue and the rows."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.scheduler import ROUND, TARGET, a_pair, an_image, images

from services.kernel.model import (
    DEFAULT_ANNOUNCE,
    Image,
    Kind,
    Pair,
    ParameterLookup,
)
from services.kernel.records import LAST_NUMBER
from services.kernel.wire import lookup_digest
from services.scheduler.plan import UNREAD, Action, Change, Plan, plan, requests, rotated

EDITED = ParameterLookup("/edited")


def planned(tracked: Sequence[Image], rows: Sequence[Pair], percent: int = 20) -> Plan:
    """Return the plan for the example target."""
    return plan(TARGET, tracked, rows, percent)


def applied(rows: Sequence[Pair], done: Plan) -> list[Pair]:
    """Return the rows after a plan was carried out."""
    after = {pair.image_name: pair for pair in rows}
    return list((after | {c.pair.image_name: c.pair for c in done.changes}).values())


def unnumbered(changes: Iterable[Change]) -> set[Change]:
    """Remove the pairs' numbers from changes, because numbers depend on the order of the rows."""
    return {replace(change, pair=replace(change.pair, number=None)) for change in changes}


# --- one row


def test_an_image_without_a_row_is_created() -> None:
    """The row of a new pair has only its configuration."""
    image = an_image("rhel-9", announce=[Kind.BASELINE])
    expected = Pair(
        TARGET,
        "rhel-9",
        active=True,
        lookup=image.lookup,
        lookup_digest=lookup_digest(image.lookup),
        announce=frozenset({Kind.BASELINE}),
        number=1,
    )
    assert planned([image], []) == Plan(TARGET, (Change(Action.CREATE, expected),), (expected,))


def test_a_row_that_matches_the_catalogue_is_unchanged() -> None:
    """A round without changes writes no image row."""
    pair = a_pair(state="not_found")
    assert planned([an_image()], [pair]) == Plan(TARGET, (), (pair,))


def test_an_edited_lookup_keeps_the_known_image() -> None:
    """An edit changes lookup and digest; the confirmed digest shows that no result came since."""
    pair = a_pair()
    edited = replace(pair, lookup=EDITED, lookup_digest=lookup_digest(EDITED))
    done = planned([an_image(lookup=EDITED)], [pair])
    assert done == Plan(TARGET, (Change(Action.CHANGE, edited),), (edited,))
    assert (
        edited.known,
        edited.version,
        edited.confirmed_digest,
    ) == (pair.known, 3, pair.lookup_digest)


def test_a_changed_announce_list_is_not_an_edit_of_the_lookup() -> None:
    """The digest stays, so the next image does not count as a reconfiguration."""
    pair = a_pair()
    wanted = replace(pair, announce=frozenset(Kind))
    done = planned([an_image(announce=Kind)], [pair])
    assert done == Plan(TARGET, (Change(Action.CHANGE, wanted),), (wanted,))


@pytest.mark.parametrize("before", [None, "linux"])
def test_a_changed_family_is_not_an_edit_of_the_lookup(before: str | None) -> None:
    """A row without a family gets it once, and the digest stays."""
    pair = a_pair(an_image(family=before))
    wanted = replace(pair, family="acme")
    done = planned([an_image(family="acme")], [pair])
    assert done == Plan(TARGET, (Change(Action.CHANGE, wanted),), (wanted,))
    assert planned([an_image(family="acme")], [wanted]).changes == ()


def test_an_image_without_a_family_keeps_that_of_its_row() -> None:
    """Otherwise, each round would write the row, since the attribute is not removed."""
    pair = a_pair(an_image(family="linux"))
    assert planned([an_image()], [pair]).changes == ()


def test_a_pair_is_reactivated_with_its_history() -> None:
    """An inactive row whose image is tracked again continues from its last version."""
    pair = a_pair(active=False)
    wanted = replace(pair, active=True)
    done = planned([an_image()], [pair])
    assert done == Plan(TARGET, (Change(Action.REACTIVATE, wanted),), (wanted,))


def test_a_pair_is_reactivated_with_an_edited_lookup() -> None:
    """Reactivation and edit are one write."""
    wanted = replace(a_pair(), lookup=EDITED, lookup_digest=lookup_digest(EDITED))
    done = planned([an_image(lookup=EDITED)], [a_pair(active=False)])
    assert done.changes == (Change(Action.REACTIVATE, wanted),)


def test_a_row_whose_image_was_removed_is_deactivated() -> None:
    """The pair is not requested any more, and no other attribute of its row changes."""
    pair = a_pair()
    expected = Plan(TARGET, (Change(Action.DEACTIVATE, replace(pair, active=False)),), ())
    assert planned([], [pair]) == expected


def test_an_inactive_row_whose_image_was_removed_is_unchanged() -> None:
    """A pair is deactivated once."""
    assert planned([], [a_pair(active=False)]) == Plan(TARGET, (), ())


def test_active_pairs_come_in_name_order() -> None:
    """Pairs are sorted by name, whatever the order of catalogue and rows."""
    names = ["b", "a", "c"]
    done = planned([an_image(name) for name in names], [a_pair(an_image("c"))])
    assert [pair.image_name for pair in done.active] == ["a", "b", "c"]


# --- the limit for removals


@pytest.mark.parametrize(
    ("active", "gone", "percent", "refused"),
    [
        (10, 10, 0, False),  # ten rows may always be removed
        (11, 11, 0, True),
        (11, 11, 99, True),
        (11, 11, 100, False),  # the operator's setting for an intended removal
        (55, 11, 20, False),  # exactly a fifth
        (54, 11, 20, True),
        (55, 11, 19, True),
        (1100, 11, 1, False),
        (1099, 11, 1, True),
        (1000, 10, 0, False),
        (1000, 11, 0, True),
    ],
)
def test_too_many_removals_are_refused(
    active: int, gone: int, percent: int, *, refused: bool
) -> None:
    """A removal is refused above both limits: ten rows, and the share of the active rows."""
    tracked = images(active)
    done = planned(tracked[gone:], [a_pair(image) for image in tracked], percent)
    assert refused is (done.refusal is not None)
    assert len(done.changes) == (0 if refused else gone)
    assert len(done.active) == (active if refused else active - gone)


def test_a_refusal_has_target_numbers_and_limits() -> None:
    """The refusal has the target, the numbers of rows, and both limits."""
    tracked = images(54)
    done = planned(tracked[11:], [a_pair(image) for image in tracked])
    assert done.refusal == (
        "eu-west-1 of account 111122223333: 11 of 54 active images are no longer in the "
        "catalogue (allowed at once: 10 images or 20 %)"
    )


def test_a_refusal_changes_nothing_and_keeps_the_requests() -> None:
    """New and edited images wait too: the target keeps the last accepted configuration."""
    rows = [a_pair(image) for image in images(12)]
    idle = a_pair(an_image("idle"), active=False)
    done = planned([an_image("new"), an_image("image-0000", lookup=EDITED)], [idle, *rows])
    assert done.refusal is not None
    assert (done.changes, done.active) == ((), tuple(rows))


def test_the_share_is_of_active_rows() -> None:
    """Rows that were deactivated long ago do not make a removal look small."""
    rows = [a_pair(image) for image in images(11)]
    idle = [a_pair(an_image(f"idle-{n}"), active=False) for n in range(100)]
    assert planned([], [*idle, *rows]).refusal is not None


def test_new_images_do_not_compensate_for_removed_ones() -> None:
    """Renaming all images at once removes all images."""
    rows = [a_pair(image) for image in images(11)]
    new = [an_image(f"new-{n}") for n in range(100)]
    assert planned(new, rows).refusal is not None


# --- any catalogue, any rows

names = st.sampled_from([f"image-{n}" for n in range(16)])
tracked_images = st.builds(
    an_image,
    names,
    st.sampled_from([ParameterLookup("/a"), ParameterLookup("/b")]),
    st.sampled_from([DEFAULT_ANNOUNCE, frozenset(Kind)]),
    family=st.sampled_from([None, "linux", "acme"]),
)
known_pairs = st.builds(a_pair, tracked_images, active=st.booleans())
catalogues = st.lists(tracked_images, unique_by=lambda image: image.name)
stored = st.lists(known_pairs, unique_by=lambda pair: pair.image_name)


@given(catalogues, stored, st.integers(0, 100))
def test_a_plan_that_was_carried_out_leaves_no_changes(
    tracked: list[Image], rows: list[Pair], percent: int
) -> None:
    """A plan that is carried out twice or continued after an interruption has the same result."""
    done = planned(tracked, rows, percent)
    again = planned(tracked, applied(rows, done), percent)
    assert (done.active, done.refusal) == (again.active, again.refusal)
    assert again.changes == ()


@given(catalogues, stored, st.data())
def test_an_interrupted_plan_is_finished_by_the_next(
    tracked: list[Image], rows: list[Pair], data: st.DataObject
) -> None:
    """The next plan contains exactly the writes that the interrupted plan did not make."""
    done = planned(tracked, rows, 100)
    made = data.draw(st.sets(st.sampled_from(done.changes)) if done.changes else st.just(set()))
    halfway = applied(rows, replace(done, changes=tuple(made)))
    rest = planned(tracked, halfway, 100)
    assert unnumbered(set(done.changes) - made) == unnumbered(rest.changes)
    finished = applied(halfway, rest)
    assert planned(tracked, finished, 100).changes == ()


@given(catalogues, stored, st.integers(0, 100))
def test_a_plan_requests_the_catalogue_or_the_previous_pairs(
    tracked: list[Image], rows: list[Pair], percent: int
) -> None:
    """No pair is requested twice, and the known images do not change."""
    done = planned(tracked, rows, percent)
    before = {pair.image_name for pair in rows if pair.active}
    expected = before if done.refusal else {image.name for image in tracked}
    assert [pair.image_name for pair in done.active] == sorted(expected)
    kept = {p.image_name: (p.version, p.known, p.confirmed_digest) for p in rows}
    for pair in (*done.active, *(change.pair for change in done.changes)):
        found = (pair.version, pair.known, pair.confirmed_digest)
        assert found == kept.get(pair.image_name, (0, None, None))


# --- numbers


def numbers(done: Plan) -> dict[str, int | None]:
    """Return the number of each active pair."""
    return {pair.image_name: pair.number for pair in done.active}


def test_new_pairs_are_numbered_after_every_row_of_the_target() -> None:
    """Inactive and undecodable rows keep their numbers, because a number is assigned once."""
    rows = [
        a_pair(an_image("a"), number=1),
        a_pair(an_image("gone"), active=False, number=7),
        a_pair(an_image("leaving"), number=3),
    ]
    tracked = [an_image("a"), an_image("b"), an_image("c")]
    done = plan(TARGET, tracked, rows, 100, {"damaged": 9})
    assert numbers(done) == {"a": 1, "b": 10, "c": 11}


def test_a_row_that_cannot_be_decoded_keeps_its_number() -> None:
    """The row's configuration is written in each round, but its number must stay."""
    done = plan(TARGET, [an_image("damaged")], [], 100, {"damaged": 9})
    assert numbers(done) == {"damaged": 9}


def test_a_damaged_number_does_not_prevent_a_number() -> None:
    """No number follows the last one, so a free lower number is used."""
    rows = [a_pair(an_image("a"), number=LAST_NUMBER - 1), a_pair(an_image("b"), number=1)]
    done = plan(TARGET, [an_image("c"), an_image("d"), an_image("e")], rows, 100)
    assert numbers(done) == {"c": LAST_NUMBER, "d": 2, "e": 3}


def test_a_row_without_a_number_gets_one() -> None:
    """The configuration of a row without a number is written again."""
    bare = replace(a_pair(), number=None)
    (change,) = planned([an_image()], [bare]).changes
    assert change == Change(Action.CHANGE, replace(bare, number=1))


def test_the_later_row_of_two_equal_numbers_gets_a_new_one() -> None:
    """This also applies if the earlier row is inactive, because it may be reactivated."""
    rows = [
        a_pair(an_image("a"), active=False, number=4),
        a_pair(an_image("b"), number=4),
        a_pair(an_image("c"), number=4),
        a_pair(an_image("d"), number=2),
    ]
    done = planned([an_image(name) for name in "bcd"], rows)
    assert numbers(done) == {"b": 5, "c": 6, "d": 2}
    assert {change.pair.image_name for change in done.changes} == {"b", "c"}


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.none() | st.integers(1, 4)),
    st.dictionaries(st.sampled_from("uvw"), st.integers(1, 6)),
)
def test_active_pairs_have_unique_numbers(
    given_: dict[str, int | None], damaged: dict[str, int]
) -> None:
    """Numbers are unique for any rows, and valid numbers stay."""
    rows = [replace(a_pair(an_image(name)), number=number) for name, number in given_.items()]
    done = plan(TARGET, [an_image(name) for name in "abcdefgh"], rows, 100, damaged)
    found = numbers(done)
    assert None not in found.values()
    assert len(found) == len(set(found.values()))
    once = Counter([*given_.values(), *damaged.values()])
    assert all(found[name] == n for name, n in given_.items() if n and once[n] == 1)


# --- the first region of a round


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (None, ["a", "c", "e"]),
        ("a", ["a", "c", "e"]),
        ("c", ["c", "e", "a"]),
        ("e", ["e", "a", "c"]),
        ("b", ["c", "e", "a"]),  # removed from the configuration: the next one by name
        ("d", ["e", "a", "c"]),
        ("f", ["a", "c", "e"]),
    ],
)
def test_regions_start_with_the_named_one(first: str | None, expected: list[str]) -> None:
    """A region that was removed is replaced by the next one by name."""
    assert rotated({"e", "a", "c"}, first) == expected


def test_an_empty_list_of_regions_stays_empty() -> None:
    """An empty catalogue is no error."""
    assert rotated([], "a") == []


@given(st.sets(st.text(max_size=3)), st.none() | st.text(max_size=3))
def test_rotating_loses_no_region(regions: set[str], first: str | None) -> None:
    """Every region is listed once, followed by the next one by name."""
    found = rotated(regions, first)
    ordered = sorted(regions)
    assert sorted(found) == ordered
    assert all(
        ordered[(ordered.index(one) + 1) % len(ordered)] == following
        for one, following in itertools.pairwise(found)
    )


# --- rows of which only the compared attributes were read


@given(catalogues, stored, st.integers(0, 100))
def test_a_plan_from_compared_attributes_finds_the_same_changes(
    tracked: list[Image], rows: list[Pair], percent: int
) -> None:
    """Lookups are compared by their digests, so the plan needs no whole rows to find changes."""
    whole = planned(tracked, rows, percent)
    short = planned(tracked, [replace(row, lookup=UNREAD) for row in rows], percent)

    def shape(done: Plan) -> object:
        names = [(change.action, change.pair.image_name) for change in done.changes]
        return names, done.refusal, [pair.image_name for pair in done.active]

    assert shape(short) == shape(whole)
    assert short.touches_rows() == whole.touches_rows()
    if not whole.touches_rows():
        assert requests(short.active, tracked, ROUND) == requests(whole.active, tracked, ROUND)


@pytest.mark.parametrize(
    ("tracked", "rows", "expected"),
    [
        ([an_image()], [a_pair()], False),
        ([an_image(), an_image("new")], [a_pair()], False),
        ([an_image(lookup=EDITED)], [a_pair()], True),
        ([an_image()], [a_pair(active=False)], True),
        ([], [a_pair()], True),
        ([], [a_pair(image) for image in images(11)], True),
    ],
    ids=["unchanged", "created", "edited", "reactivated", "removed", "refused"],
)
def test_changes_of_rows_that_exist_need_whole_rows(
    tracked: list[Image], rows: list[Pair], *, expected: bool
) -> None:
    """A new row, or none, needs no more than the compared attributes."""
    assert planned(tracked, rows).touches_rows() is expected
