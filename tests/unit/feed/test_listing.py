"""Which releases are in a file, with which version and time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders.feed import (
    BEGIN,
    a_history,
    a_step,
    image_id,
    of_releases,
    with_pair,
)

from services.feed.listing import listed
from services.history.observed import ImageInTarget
from services.kernel.model import State


def versions(seen: ImageInTarget) -> list[str] | None:
    """Return the versions in the file, oldest first."""
    found = listed(seen)
    return None if found is None else [each.version for each in found]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], []),
        (["A:baseline:1"], ["1"]),
        (["A:baseline:1", "B:release:2", "C:release:3"], ["1", "2", "3"]),
        # What was current before a rollback is withdrawn.
        (["A:baseline:1", "B:release:2", "A:rollback:1"], ["1"]),
        (["A:baseline:1", "B:release:2", "A:rollback:1", "C:release:3"], ["1", "3"]),
        # So is everything between the image and its return.
        (["A:baseline:1", "B:release:2", "C:release:3", "A:rollback:1"], ["1"]),
        # A withdrawn image that is released again is in the file again.
        (["A:baseline:1", "B:release:2", "A:rollback:1", "B:release:2"], ["1", "2"]),
        (["A:baseline:1", "B:release:2", "A:rollback:1", "B:release:2", "A:rollback:1"], ["1"]),
        # The image of the rollback was never current here.
        (["B:baseline:2", "X:rollback:1"], ["1"]),
        (["B:baseline:2", "X:rollback:1", "B:release:2"], ["1", "2"]),
        # The rollback goes to a version that `loose` reads as greater.
        (["A:baseline:9.8.0_HVM", "B:release:9.8_HVM", "A:rollback:9.8.0_HVM"], ["9.8.0_HVM"]),
        (["B:baseline:9.8_HVM", "X:rollback:9.8.0_HVM"], ["9.8.0_HVM"]),
        # Earlier releases belong to another lookup.
        (["A:baseline:1", "B:release:2", "Z:reconfigured:7", "Y:release:8"], ["7", "8"]),
        (["A:baseline:1", "B:release:2", "Z:baseline:3"], ["3"]),
        (["A:baseline:1", "B:release:2", "A:reconfigured:1"], ["1"]),
        # Equal keys: the later image counts.
        (["A:baseline:1", "B:release:2", "C:release:2"], ["1", "2"]),
        # An image that is current has the greatest version.
        (["A:baseline:9.8", "B:release:9.6"], ["9.6"]),
        (["A:baseline:9.8.0", "B:release:9.9", "C:release:9.8"], ["9.8"]),
        # Releases without a key before those with one.
        (["A:baseline:", "B:release:2"], ["2"]),
    ],
)
def test_releases_in_the_file(steps: list[str], expected: list[str]) -> None:
    """The file has what may be proposed, in the order of becoming current."""
    assert versions(a_history(*steps)) == expected


def test_the_later_image_of_equal_keys_counts() -> None:
    """The digest of the version is that of the second build."""
    found = listed(a_history("A:baseline:1", "B:release:2", "C:release:2")) or ()

    assert [each.last.observed.image_id for each in found] == [image_id("A"), image_id("C")]


def test_the_time_of_an_image_that_a_rollback_returned_to() -> None:
    """It is the first time: the image was never withdrawn."""
    (only,) = listed(a_history("A:baseline:1", "B:release:2", "A:rollback:1")) or ()

    assert only.since == BEGIN


def test_the_time_of_a_release_that_came_back() -> None:
    """It is the time of the return: the image was withdrawn before."""
    steps = ("A:baseline:1", "B:release:2", "A:rollback:1", "B:release:2")
    _, newest = listed(a_history(*steps)) or ()

    assert newest.since == BEGIN + timedelta(days=3)


def test_versions_without_a_key_are_creation_dates() -> None:
    """If the current release has no key, the versions are the dates of the images in UTC."""
    seen = of_releases(
        a_step("A", 1, "baseline", "1.0", created="2026-10-01T02:03:04.000+02:00"),
        a_step("B", 2, "release", None, created="2026-10-09T01:00:00.000Z"),
    )

    assert versions(seen) == ["20261001.000304", "20261009.010000"]


@pytest.mark.parametrize("created", [None, "", "yesterday", "2026-10-01", "0001-01-01T00:00+14:00"])
def test_versions_without_a_date_are_times_of_detection(created: str | None) -> None:
    """Without a key and a creation date, the time when it became current is the version."""
    assert versions(of_releases(a_step("A", created=created))) == ["20261101.070000"]


@pytest.mark.parametrize("key", ["focal-20261101", "deadbeef", "1 2", '1"', "1/2", "1.2.3.4.5.6.7"])
def test_keys_that_are_no_versions(key: str) -> None:
    """A key that `loose` cannot read, or with other characters, counts as no key."""
    assert versions(of_releases(a_step("A", key=key))) == ["20261101.070000"]


def test_a_withdrawn_image_is_left_out() -> None:
    """The current image can no longer be launched."""
    seen = a_history("A:baseline:1", "B:release:2")
    gone = with_pair(seen, state=State.NOT_LAUNCHABLE, code="Withdrawn")

    assert versions(gone) == ["1"]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State.NOT_LAUNCHABLE, "NotVisible"),  # a new image; the known one can be launched
        (State.ACCESS_DENIED, "AccessDenied"),
        (State.NOT_FOUND, "ParameterNotFound"),
        (State.STALE, "NoAnswer"),
        (None, None),
    ],
)
def test_a_failing_pair_keeps_its_releases(state: State | None, code: str | None) -> None:
    """What is current is not known to be gone."""
    failing = with_pair(a_history("A:baseline:1", "B:release:2"), state=state, code=code)

    assert versions(failing) == ["1", "2"]


def test_releases_before_a_gap_are_left_out() -> None:
    """A row that cannot be decoded could have withdrawn them."""
    seen = a_history("A:baseline:1", "B:release:2", "C:release:3", "D:release:4")

    assert versions(replace(seen, releases=(*seen.releases[:2], seen.releases[3]))) == ["3", "4"]


def test_the_file_is_unknown_without_the_newest_release() -> None:
    """The row of the current image cannot be decoded."""
    seen = a_history("A:baseline:1", "B:release:2")

    assert versions(replace(seen, releases=seen.releases[1:])) is None
    assert versions(replace(seen, releases=())) is None
    assert versions(replace(seen, pair=None)) is None
