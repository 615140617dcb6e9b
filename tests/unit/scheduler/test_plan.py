"""What a round writes and asks for, given the catalogue and the rows."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scheduler_fakes import TARGET, a_pair, an_image, images

from services.kernel.model import (
    DEFAULT_ANNOUNCE,
    Image,
    Kind,
    Pair,
    ParameterLookup,
)
from services.kernel.records import LAST_NUMBER
from services.kernel.wire import lookup_digest
from services.scheduler.plan import Action, Change, Plan, plan, rotated

EDITED = ParameterLookup("/edited")


def planned(tracked: Sequence[Image], rows: Sequence[Pair], percent: int = 20) -> Plan:
    """The plan for the example target."""
    return plan(TARGET, tracked, rows, percent)


def applied(rows: Sequence[Pair], done: Plan) -> list[Pair]:
    """The rows after a plan was carried out."""
    after = {pair.image_name: pair for pair in rows}
    return list((after | {c.pair.image_name: c.pair for c in done.changes}).values())


def unnumbered(changes: Iterable[Change]) -> set[Change]:
    """The changes without their pairs' numbers, which are given as rows are found."""
    return {replace(change, pair=replace(change.pair, number=None)) for change in changes}


# --- one row


def test_an_image_without_a_row_is_created() -> None:
    """The row of a new pair knows nothing but its configuration."""
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


def test_a_row_that_is_in_line_is_left_alone() -> None:
    """In a steady round nothing is written."""
    pair = a_pair(state="not_found")
    assert planned([an_image()], [pair]) == Plan(TARGET, (), (pair,))


def test_an_edited_lookup_is_written_beside_what_is_known() -> None:
    """An edit changes lookup and digest; the confirmed digest tells that no answer came since."""
    pair = a_pair()
    edited = replace(pair, lookup=EDITED, lookup_digest=lookup_digest(EDITED))
    done = planned([an_image(lookup=EDITED)], [pair])
    assert done == Plan(TARGET, (Change(Action.CHANGE, edited),), (edited,))
    assert (
        edited.known,
        edited.version,
        edited.confirmed_digest,
    ) == (pair.known, 3, pair.lookup_digest)


def test_a_changed_announce_list_is_no_edit_of_the_lookup() -> None:
    """The digest stays, so the next answer is not taken for a reconfiguration."""
    pair = a_pair()
    wanted = replace(pair, announce=frozenset(Kind))
    done = planned([an_image(announce=Kind)], [pair])
    assert done == Plan(TARGET, (Change(Action.CHANGE, wanted),), (wanted,))


def test_a_pair_comes_back_with_its_history() -> None:
    """An inactive row whose image is tracked again goes on from its last version."""
    pair = a_pair(active=False)
    wanted = replace(pair, active=True)
    done = planned([an_image()], [pair])
    assert done == Plan(TARGET, (Change(Action.REACTIVATE, wanted),), (wanted,))


def test_a_pair_comes_back_with_an_edited_lookup() -> None:
    """Reactivation and edit are one write."""
    wanted = replace(a_pair(), lookup=EDITED, lookup_digest=lookup_digest(EDITED))
    done = planned([an_image(lookup=EDITED)], [a_pair(active=False)])
    assert done.changes == (Change(Action.REACTIVATE, wanted),)


def test_a_row_whose_image_is_gone_is_deactivated() -> None:
    """It is not asked for any more, and nothing else of it changes."""
    pair = a_pair()
    expected = Plan(TARGET, (Change(Action.DEACTIVATE, replace(pair, active=False)),), ())
    assert planned([], [pair]) == expected


def test_an_inactive_row_whose_image_is_gone_stays_as_it_is() -> None:
    """Deactivating happens once."""
    assert planned([], [a_pair(active=False)]) == Plan(TARGET, (), ())


def test_active_pairs_come_in_name_order() -> None:
    """Whatever the order of catalogue and rows."""
    names = ["b", "a", "c"]
    done = planned([an_image(name) for name in names], [a_pair(an_image("c"))])
    assert [pair.image_name for pair in done.active] == ["a", "b", "c"]


# --- the guard against removing too much


@pytest.mark.parametrize(
    ("active", "gone", "percent", "refused"),
    [
        (10, 10, 0, False),  # ten rows may always go
        (11, 11, 0, True),
        (11, 11, 99, True),
        (11, 11, 100, False),  # what an operator sets when the removal is meant
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
    """Both limits must be passed: ten rows, and the share of the active ones."""
    tracked = images(active)
    done = planned(tracked[gone:], [a_pair(image) for image in tracked], percent)
    assert refused is (done.refusal is not None)
    assert len(done.changes) == (0 if refused else gone)
    assert len(done.active) == (active if refused else active - gone)


def test_a_refusal_names_target_numbers_and_limits() -> None:
    """An operator reads from it what happened, and how far it was out of bounds."""
    tracked = images(54)
    done = planned(tracked[11:], [a_pair(image) for image in tracked])
    assert done.refusal == (
        "eu-west-1 of account 111122223333: 11 of 54 active images are no longer in the "
        "catalogue (allowed at once: 10 images or 20 %)"
    )


def test_a_refusal_changes_nothing_and_asks_as_before() -> None:
    """New and edited images wait too: the target stays on the configuration last accepted."""
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


def test_images_that_come_do_not_make_up_for_those_that_go() -> None:
    """Renaming everything at once is a removal of everything."""
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
)
known_pairs = st.builds(a_pair, tracked_images, active=st.booleans())
catalogues = st.lists(tracked_images, unique_by=lambda image: image.name)
stored = st.lists(known_pairs, unique_by=lambda pair: pair.image_name)


@given(catalogues, stored, st.integers(0, 100))
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    tracked: list[Image], rows: list[Pair], percent: int
) -> None:
    """Carrying a plan out twice, or one that was interrupted again, comes to the same rows."""
    done = planned(tracked, rows, percent)
    again = planned(tracked, applied(rows, done), percent)
    assert (done.active, done.refusal) == (again.active, again.refusal)
    assert again.changes == ()


@given(catalogues, stored, st.data())
def test_an_interrupted_plan_is_finished_by_the_next(
    tracked: list[Image], rows: list[Pair], data: st.DataObject
) -> None:
    """Whichever of its writes were made, the next plan makes the others and no more."""
    done = planned(tracked, rows, 100)
    made = data.draw(st.sets(st.sampled_from(done.changes)) if done.changes else st.just(set()))
    halfway = applied(rows, replace(done, changes=tuple(made)))
    rest = planned(tracked, halfway, 100)
    assert unnumbered(set(done.changes) - made) == unnumbered(rest.changes)
    finished = applied(halfway, rest)
    assert planned(tracked, finished, 100).changes == ()


@given(catalogues, stored, st.integers(0, 100))
def test_a_plan_asks_for_the_catalogue_or_for_what_was(
    tracked: list[Image], rows: list[Pair], percent: int
) -> None:
    """No pair is asked for twice, and what is known of one is never touched."""
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
    """The number of each active pair."""
    return {pair.image_name: pair.number for pair in done.active}


def test_new_pairs_are_numbered_behind_every_row_of_the_target() -> None:
    """Inactive rows and rows that cannot be decoded keep theirs: a number is given once."""
    rows = [
        a_pair(an_image("a"), number=1),
        a_pair(an_image("gone"), active=False, number=7),
        a_pair(an_image("leaving"), number=3),
    ]
    tracked = [an_image("a"), an_image("b"), an_image("c")]
    done = plan(TARGET, tracked, rows, 100, {"damaged": 9})
    assert numbers(done) == {"a": 1, "b": 10, "c": 11}


def test_a_row_that_cannot_be_decoded_keeps_its_number() -> None:
    """It is configured again in each round; its number would grow with each."""
    done = plan(TARGET, [an_image("damaged")], [], 100, {"damaged": 9})
    assert numbers(done) == {"damaged": 9}


def test_a_damaged_number_keeps_no_pair_from_a_number() -> None:
    """Behind the last number there is none; lower ones are free."""
    rows = [a_pair(an_image("a"), number=LAST_NUMBER - 1), a_pair(an_image("b"), number=1)]
    done = plan(TARGET, [an_image("c"), an_image("d"), an_image("e")], rows, 100)
    assert numbers(done) == {"c": LAST_NUMBER, "d": 2, "e": 3}


def test_a_row_without_a_number_gets_one() -> None:
    """Its configuration is written again."""
    bare = replace(a_pair(), number=None)
    (change,) = planned([an_image()], [bare]).changes
    assert change == Change(Action.CHANGE, replace(bare, number=1))


def test_of_two_equal_numbers_the_later_row_gets_a_new_one() -> None:
    """Also where the earlier is inactive: it may come back."""
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
def test_active_pairs_have_numbers_of_their_own(
    given_: dict[str, int | None], damaged: dict[str, int]
) -> None:
    """Whatever the rows hold; what is right already stays."""
    rows = [replace(a_pair(an_image(name)), number=number) for name, number in given_.items()]
    done = plan(TARGET, [an_image(name) for name in "abcdefgh"], rows, 100, damaged)
    found = numbers(done)
    assert None not in found.values()
    assert len(found) == len(set(found.values()))
    once = Counter([*given_.values(), *damaged.values()])
    assert all(found[name] == n for name, n in given_.items() if n and once[n] == 1)


# --- where a round begins


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (None, ["a", "c", "e"]),
        ("a", ["a", "c", "e"]),
        ("c", ["c", "e", "a"]),
        ("e", ["e", "a", "c"]),
        ("b", ["c", "e", "a"]),  # it left the configuration: what follows it by name
        ("d", ["e", "a", "c"]),
        ("f", ["a", "c", "e"]),
    ],
)
def test_regions_begin_with_the_one_named(first: str | None, expected: list[str]) -> None:
    """Or with the next one that still is there."""
    assert rotated({"e", "a", "c"}, first) == expected


def test_no_regions_rotate_to_none() -> None:
    """An empty catalogue is no error here."""
    assert rotated([], "a") == []


@given(st.sets(st.text(max_size=3)), st.none() | st.text(max_size=3))
def test_rotating_loses_no_region(regions: set[str], first: str | None) -> None:
    """Every region once, each followed by its neighbour by name."""
    found = rotated(regions, first)
    ordered = sorted(regions)
    assert sorted(found) == ordered
    assert all(
        ordered[(ordered.index(one) + 1) % len(ordered)] == following
        for one, following in itertools.pairwise(found)
    )
