"""The history of an image in a target: what is current, and how long each image was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders.releases import MOMENT, OHIO, a_release, history_of, seen, without_row

from services.history.observed import label_of, link
from services.history.releases import Announcement, Change, Entry, history
from services.kernel.model import About, Kind, Observation, State
from services.kernel.release_records import ReleaseRow

HOUR = 3600


def entries(*hours: float, **settings: object) -> list[tuple[int, bool, int | None]]:
    """Return version, whether it is current, and seconds, of releases of these ages."""
    releases = [a_release(OHIO, n, hours=age) for n, age in enumerate(hours, start=1)]
    image = seen(*releases, **settings)  # type: ignore[arg-type]
    found = history(image, MOMENT).entries
    return [(each.release.version, each.current, each.seconds) for each in found]


def test_an_image_is_current_until_the_next_one() -> None:
    """The newest is current until now; the order is newest first."""
    assert entries(72, 24, 1) == [
        (3, True, HOUR),
        (2, False, 23 * HOUR),
        (1, False, 48 * HOUR),
    ]


def test_an_image_without_releases_has_an_empty_history() -> None:
    """Nothing was found yet."""
    assert history(seen(target=OHIO, state=None), MOMENT).entries == ()


def test_clocks_that_differ_give_no_negative_duration() -> None:
    """Two functions detected the releases, with clocks that differ by a second."""
    assert entries(1, 1.01) == [(2, True, 3636), (1, False, 0)]


def test_an_image_that_is_no_longer_tracked_is_not_current() -> None:
    """How long it stayed current is unknown."""
    assert entries(2, 1, active=False) == [(2, False, None), (1, False, HOUR)]


def test_a_damaged_row_makes_two_durations_unknown() -> None:
    """The release before the damaged one ended at an unknown time."""
    image = history_of(OHIO, *[("release:1", Kind.RELEASE, age) for age in (9, 6, 3)])
    damaged = replace(image, releases=(image.releases[0], image.releases[2]), problems=("row 2",))

    found = history(damaged, MOMENT).entries

    assert [(each.release.version, each.seconds) for each in found] == [(3, 3 * HOUR), (1, None)]


def test_a_damaged_newest_row_leaves_no_current_image() -> None:
    """The image row has a later version, so the last readable release is not current."""
    image = history_of(OHIO, ("release:1", Kind.RELEASE, 9), ("release:2", Kind.RELEASE, 3))

    found = history(replace(image, releases=image.releases[1:]), MOMENT).entries

    assert [(each.release.version, each.current, each.seconds) for each in found] == [
        (1, False, None)
    ]


def test_a_damaged_image_row_leaves_no_current_image() -> None:
    """Whether the image is still tracked is unknown."""
    image = without_row(history_of(OHIO, ("release:1", Kind.BASELINE, 9)), "row damaged")

    assert [each.current for each in history(image, MOMENT).entries] == [False]
    assert image.trouble == "damaged"


def test_a_restored_image_row_is_behind_its_releases() -> None:
    """The releases decide which image is current."""
    image = history_of(OHIO, ("release:1", Kind.BASELINE, 9), ("release:2", Kind.RELEASE, 3))
    assert image.pair
    behind = replace(image, pair=replace(image.pair, version=1))

    assert [each.current for each in history(behind, MOMENT).entries] == [True, False]


def test_the_state_of_the_announcement() -> None:
    """A release that is pending again is pending."""
    release, at = a_release(), MOMENT - timedelta(minutes=1)
    rows = [
        ReleaseRow(release),
        ReleaseRow(release, pending=True),
        ReleaseRow(release, published_at=at),
        ReleaseRow(release, closed_at=at),
        ReleaseRow(release, pending=True, published_at=at),
    ]

    found = [Entry(row, current=True, until=None).announcement for row in rows]

    assert found == [
        (Announcement.NOT_ANNOUNCED, None),
        (Announcement.PENDING, None),
        (Announcement.ANNOUNCED, at),
        (Announcement.CLOSED, at),
        (Announcement.PENDING, None),
    ]


def test_changed_facts_have_both_values() -> None:
    """The row has the previous values in `changed` and the new ones in `facts`."""
    release = a_release(
        facts={"agent": "1.107.0", "owner": "x"}, changed={"agent": "1.106.0", "gone": 3}
    )

    assert Entry(ReleaseRow(release), current=True, until=None).changes == (
        Change("agent", "1.106.0", "1.107.0"),
        Change("gone", 3, None),
    )


def test_a_release_is_named_by_its_key_then_its_name_then_its_id() -> None:
    """The first one that is known."""
    release = a_release()
    unkeyed = replace(release, about=About())

    assert label_of(release) == "1.0"
    assert label_of(unkeyed) == "al2023-ami-1"
    assert label_of(replace(unkeyed, observed=Observation("ami-1"))) == "ami-1"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.com/1", True),
        ("http://example.com/1", True),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        ("HTTPS://example.com", False),
        ("https://example.com/\x1b[31m", False),
        ("https://example.com/\u202egpj", False),
        ("https://example.com/a b", False),
        ("", False),
        (None, False),
    ],
)
def test_only_safe_links_are_shown(url: str | None, shown: bool) -> None:  # noqa: FBT001 - a case
    """A link of another scheme, or with invisible characters, is left out."""
    assert link(url) == (url if shown else None)


@pytest.mark.parametrize(
    ("settings", "trouble"),
    [
        ({}, None),
        ({"stale": True}, "stale"),
        ({"state": State.STALE}, "stale"),
        ({"state": State.ACCESS_DENIED, "stale": True}, "access_denied"),
        ({"state": None}, "never_looked_up"),
        ({"problems": ("row 2 is malformed",)}, "damaged"),
    ],
)
def test_why_the_current_image_is_uncertain(
    settings: dict[str, object], trouble: str | None
) -> None:
    """A failure state, staleness by the round row, no state, or a damaged row."""
    assert seen(a_release(), **settings).trouble == trouble  # type: ignore[arg-type]
