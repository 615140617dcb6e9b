"""The kinds of changes for every short sequence of images."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from support.builders.lookup import ROUND, a_pair, by_name, by_parameter, image_id

from services.kernel.model import Kind, Lookup, Observation, OrderBy, Release
from services.lookup.decide import Changed, Confirmed, decide

AT = datetime.fromisoformat("2026-11-22T07:00:05.000Z")
LOOKUPS = [by_parameter(), by_name()]
BASELINE, RELEASE, ROLLBACK = Kind.BASELINE, Kind.RELEASE, Kind.ROLLBACK


def seen(letter: str) -> Observation:
    """Build an image: `a` is the oldest; a capital letter is the same image without a date."""
    age = "abcdefgh".index(letter.lower())
    # Ids sort against the dates, so that no result can follow from them by chance.
    made = f"2026-10-{age + 1:02}T00:00:00.000Z" if letter.islower() else None
    return Observation(image_id(99 - age), "acme-linux", made)


def keyed(letter: str) -> Observation:
    """Build an image with a release key: `a` has the lowest key and the latest date."""
    age = "abcdefgh".index(letter)
    date = f"2026-10-{20 - age:02}T00:00:00.000Z"
    return Observation(image_id(99 - age), f"acme-{age + 8}.0", date)


def releases_of(
    lookup: Lookup,
    images: Sequence[str | Lookup],
    seen: Callable[[str], Observation] = seen,
) -> Iterator[Release]:
    """Return the releases of a pair that observes these images; a lookup among them is an edit."""
    pair, past = a_pair(lookup=lookup), list[Release]()
    for event in images:
        if not isinstance(event, str):
            pair = replace(pair, lookup=event, lookup_digest=a_pair(lookup=event).lookup_digest)
            continue
        match decide(pair, seen(event), past[-50:], detected_at=AT, round_id=ROUND):
            case Changed(release):
                past.append(release)
                yield release
                pair = replace(pair, version=release.version, known=release.observed)
                pair = replace(pair, confirmed_digest=pair.lookup_digest)
            case Confirmed():
                pair = replace(pair, confirmed_digest=pair.lookup_digest)


def kinds(
    lookup: Lookup,
    images: Sequence[str | Lookup],
    seen: Callable[[str], Observation] = seen,
) -> list[Kind]:
    """Return the kinds of those releases."""
    return [release.kind for release in releases_of(lookup, images, seen)]


@pytest.mark.parametrize("lookup", LOOKUPS, ids=["parameter", "filters"])
@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ("abab", [BASELINE, RELEASE, ROLLBACK, RELEASE]),
        ("baba", [BASELINE, ROLLBACK, RELEASE, ROLLBACK]),
        ("ababab", [BASELINE, RELEASE, ROLLBACK, RELEASE, ROLLBACK, RELEASE]),
        ("abcac", [BASELINE, RELEASE, RELEASE, ROLLBACK, RELEASE]),
        ("cabc", [BASELINE, ROLLBACK, RELEASE, RELEASE]),
        ("dabcd", [BASELINE, ROLLBACK, RELEASE, RELEASE, RELEASE]),
        ("bcabc", [BASELINE, RELEASE, ROLLBACK, RELEASE, RELEASE]),
    ],
)
def test_changes_have_the_kind_of_their_direction(
    lookup: Lookup, images: str, expected: list[Kind]
) -> None:
    """An older image is a rollback and a newer one a release, even if it was current before."""
    assert kinds(lookup, images) == expected


@pytest.mark.parametrize("lookup", LOOKUPS, ids=["parameter", "filters"])
@pytest.mark.parametrize("length", range(1, 7))
def test_every_sequence_of_four_images_follows_the_dates(lookup: Lookup, length: int) -> None:
    """A change is a rollback exactly if the new image was created before the previous one."""
    for images in itertools.product("abcd", repeat=length):
        steps = [image for image, _ in itertools.groupby(images)]
        expected = [ROLLBACK if new < old else RELEASE for old, new in itertools.pairwise(steps)]
        assert kinds(lookup, images) == [BASELINE, *expected], images


@pytest.mark.parametrize("length", range(1, 7))
def test_every_sequence_of_an_order_by_release_follows_the_keys(length: int) -> None:
    """The key decides although the dates run against it, and 10 is later than 9."""
    lookup = replace(by_name(), order_by=OrderBy.RELEASE, pattern=r"-(?P<release>[\d.]+)$")
    for images in itertools.product("abcd", repeat=length):
        steps = [image for image, _ in itertools.groupby(images)]
        expected = [ROLLBACK if new < old else RELEASE for old, new in itertools.pairwise(steps)]
        assert kinds(lookup, images, keyed) == [BASELINE, *expected], images


@pytest.mark.parametrize("length", range(1, 7))
def test_without_dates_the_first_order_of_appearance_decides(length: int) -> None:
    """A parameter's images may have no date; an image that was current before is a rollback."""
    for images in itertools.product("ABCD", repeat=length):
        steps = [image for image, _ in itertools.groupby(images)]
        found = kinds(by_parameter(), images)
        for position in range(1, len(steps)):
            before, new = steps[:position], steps[position]
            if ROLLBACK not in found[:position]:
                assert (found[position] is ROLLBACK) == (new in before), images
            if new not in before:
                assert found[position] is RELEASE, images


@pytest.mark.parametrize("images", ["ABAB", "AbAb", "aBaB"])
def test_a_rollback_without_dates_is_followed_by_a_release(images: str) -> None:
    """The history decides if there are no dates."""
    assert kinds(by_parameter(), images) == [BASELINE, RELEASE, ROLLBACK, RELEASE]


@pytest.mark.parametrize("lookup", LOOKUPS, ids=["parameter", "filters"])
def test_an_old_version_that_is_registered_again_is_a_release(lookup: Lookup) -> None:
    """Dates decide; version numbers in names are not read."""
    pair = a_pair(
        lookup=lookup,
        known=Observation(image_id(1), "CoreOS-stable-2135.5", "2026-10-01T00:00:00.000Z"),
    )
    again = Observation(image_id(2), "CoreOS-stable-367.1", "2026-10-02T00:00:00.000Z")
    decision = decide(pair, again, (), detected_at=AT, round_id=ROUND)
    assert isinstance(decision, Changed)
    assert decision.release.kind is RELEASE


# --- releases that do not count as history

OTHER = by_parameter("/tracked/other")


def test_an_edit_starts_a_new_history() -> None:
    """Images of another lookup do not affect the order."""
    edited: list[str | Lookup] = ["B", "A", OTHER, "C", "A", "B"]
    expected = [BASELINE, RELEASE, Kind.RECONFIGURED, RELEASE, RELEASE]
    assert kinds(by_parameter(), edited) == expected


def test_releases_of_a_lookup_that_was_edited_and_confirmed_do_not_count() -> None:
    """An edit that returned the known image has no release row, but changed the lookup."""
    confirmed: list[str | Lookup] = ["A", "B", OTHER, "B", "C", "A"]
    assert kinds(by_parameter(), confirmed) == [BASELINE, RELEASE, RELEASE, RELEASE]


def test_releases_before_the_last_fifty_do_not_count() -> None:
    """An image that was current only before them is new again, and its date decides."""
    letters = ["A", *"BC" * 26, "A"]
    assert kinds(by_parameter(), letters)[-1] is RELEASE
    dated = ["a", *"bc" * 26, "a"]
    assert kinds(by_parameter(), dated)[-1] is ROLLBACK
