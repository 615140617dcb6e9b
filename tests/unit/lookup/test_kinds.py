"""The kind of a change over the life of a pair: every short sequence of images."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from lookup_fakes import ROUND, a_pair, by_name, by_parameter, image_id

from services.kernel.model import Kind, Lookup, Observation, Release
from services.lookup.decide import Changed, Confirmed, decide

AT = datetime.fromisoformat("2026-11-22T07:00:05.000Z")
LOOKUPS = [by_parameter(), by_name()]
BASELINE, RELEASE, ROLLBACK = Kind.BASELINE, Kind.RELEASE, Kind.ROLLBACK


def seen(letter: str) -> Observation:
    """An image: `a` is the oldest; a capital letter is the same image, shown without a date."""
    age = "abcdefgh".index(letter.lower())
    # Ids run against the dates, so that no answer can follow from them by chance.
    made = f"2026-10-{age + 1:02}T00:00:00.000Z" if letter.islower() else None
    return Observation(image_id(99 - age), "acme-linux", made)


def live(lookup: Lookup, images: Sequence[str | Lookup]) -> Iterator[Release]:
    """The releases of a pair that sees these images; a lookup among them is an edit."""
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


def kinds(lookup: Lookup, images: Sequence[str | Lookup]) -> list[Kind]:
    """The kinds of those releases."""
    return [release.kind for release in live(lookup, images)]


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
def test_directions_are_named_as_they_are(
    lookup: Lookup, images: str, expected: list[Kind]
) -> None:
    """Back is a rollback, forward is a release, also to an image that was current before."""
    assert kinds(lookup, images) == expected


@pytest.mark.parametrize("lookup", LOOKUPS, ids=["parameter", "filters"])
@pytest.mark.parametrize("length", range(1, 7))
def test_every_sequence_of_four_images_follows_the_dates(lookup: Lookup, length: int) -> None:
    """A change is a rollback exactly if the new image was created before the one it replaces."""
    for images in itertools.product("abcd", repeat=length):
        steps = [image for image, _ in itertools.groupby(images)]
        expected = [ROLLBACK if new < old else RELEASE for old, new in itertools.pairwise(steps)]
        assert kinds(lookup, images) == [BASELINE, *expected], images


@pytest.mark.parametrize("length", range(1, 7))
def test_without_dates_the_first_order_of_appearance_decides(length: int) -> None:
    """A parameter's images may have no date: going back in the history is a rollback."""
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
    """The history says what the dates do not."""
    assert kinds(by_parameter(), images) == [BASELINE, RELEASE, ROLLBACK, RELEASE]


@pytest.mark.parametrize("lookup", LOOKUPS, ids=["parameter", "filters"])
def test_an_old_version_that_is_registered_again_is_a_release(lookup: Lookup) -> None:
    """Dates decide; the version numbers in names are not read."""
    pair = a_pair(
        lookup=lookup,
        known=Observation(image_id(1), "CoreOS-stable-2135.5", "2026-10-01T00:00:00.000Z"),
    )
    again = Observation(image_id(2), "CoreOS-stable-367.1", "2026-10-02T00:00:00.000Z")
    decision = decide(pair, again, (), detected_at=AT, round_id=ROUND)
    assert isinstance(decision, Changed)
    assert decision.release.kind is RELEASE


# --- what does not count as the past

OTHER = by_parameter("/tracked/other")


def test_an_edit_begins_a_new_past() -> None:
    """What was current under another lookup says nothing of this one's order."""
    edited: list[str | Lookup] = ["B", "A", OTHER, "C", "A", "B"]
    expected = [BASELINE, RELEASE, Kind.RECONFIGURED, RELEASE, RELEASE]
    assert kinds(by_parameter(), edited) == expected


def test_releases_of_a_lookup_that_was_edited_and_confirmed_do_not_count() -> None:
    """An edit that gave the known image left no release row, but it changed the lookup."""
    confirmed: list[str | Lookup] = ["A", "B", OTHER, "B", "C", "A"]
    assert kinds(by_parameter(), confirmed) == [BASELINE, RELEASE, RELEASE, RELEASE]


def test_a_past_beyond_the_last_fifty_releases_does_not_count() -> None:
    """An image that was current before them is new again, and its date decides."""
    letters = ["A", *"BC" * 26, "A"]
    assert kinds(by_parameter(), letters)[-1] is RELEASE
    dated = ["a", *"bc" * 26, "a"]
    assert kinds(by_parameter(), dated)[-1] is ROLLBACK
