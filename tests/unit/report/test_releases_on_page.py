"""The releases of an image on the page: how they are grouped, and what is known of each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders.overviews import a_page, by_region, named
from support.builders.releases import (
    IRELAND,
    MOMENT,
    OHIO,
    TOKYO,
    a_release,
    history_of,
    seen,
)

from services.kernel.model import About, Kind, State
from services.report.page_data import ImageEntry, PageData

RELEASE, ROLLBACK, BASELINE = Kind.RELEASE, Kind.ROLLBACK, Kind.BASELINE
OHIO_R, IRELAND_R, TOKYO_R = (target.region for target in (OHIO, IRELAND, TOKYO))


def first_image(page: PageData) -> ImageEntry:
    """Return the only image."""
    (image,) = page["images"]
    return image


def keys(image: ImageEntry) -> list[tuple[str, str]]:
    """Return the key and the kind of each release, newest first."""
    return [(each["key"], each["kind"]) for each in image["releases"]]


def test_releases_with_one_join_key_are_one_entry() -> None:
    """`at` is the first target's time, and `lag` how many minutes later each had it."""
    page = a_page(
        [
            history_of(OHIO, ("release:1", BASELINE, 100), ("release:2", RELEASE, 10)),
            history_of(IRELAND, ("release:1", BASELINE, 100), ("release:2", RELEASE, 8)),
            history_of(TOKYO, ("release:1", BASELINE, 100)),
        ]
    )
    image = first_image(page)
    newest, oldest = image["releases"]

    assert keys(image) == [("2", "release"), ("1", "baseline")]
    assert newest["at"] == int(MOMENT.timestamp()) // 60 - 600
    assert by_region(page, image, newest["lag"]) == {OHIO_R: 0, IRELAND_R: 120, TOKYO_R: None}
    assert by_region(page, image, oldest["lag"]) == {OHIO_R: 0, IRELAND_R: 0, TOKYO_R: 0}
    assert by_region(page, image, oldest["until"]) == {
        OHIO_R: 90 * 60,
        IRELAND_R: 92 * 60,
        TOKYO_R: None,
    }
    assert by_region(page, image, image["current"]) == {OHIO_R: 0, IRELAND_R: 0, TOKYO_R: 1}
    assert (newest["exact"], oldest["exact"]) == (True, False)
    assert (newest["state"], oldest["state"]) == ("incomplete", "complete")


def test_a_rollback_is_an_entry_of_its_own() -> None:
    """The release before it stays, and the entry of the earlier image is not changed by it."""
    steps = (("release:1", BASELINE, 90), ("release:2", RELEASE, 10), ("release:1", ROLLBACK, 5))
    page = a_page([history_of(OHIO, *steps), history_of(IRELAND, *steps[:2])])
    image = first_image(page)

    assert keys(image) == [("1", "rollback"), ("2", "release"), ("1", "baseline")]
    assert [release["lag"].count(None) for release in image["releases"]] == [1, 0, 0]
    assert by_region(page, image, image["current"]) == {OHIO_R: 0, IRELAND_R: 1}
    assert image["releases"][0]["exact"]


def test_a_rollback_is_apart_if_the_release_before_was_not_read() -> None:
    """Only the last releases are read, so the first row of the key can be the rollback."""
    last = [
        a_release(OHIO, 2, "release:2", hours=10),
        a_release(OHIO, 3, "release:1", ROLLBACK, hours=5),
    ]
    page = a_page([seen(*last, complete=False), history_of(TOKYO, ("release:1", RELEASE, 90))])
    image = first_image(page)

    assert keys(image) == [("1", "rollback"), ("2", "release"), ("1", "release")]
    assert by_region(page, image, image["releases"][0]["lag"]) == {OHIO_R: 0, TOKYO_R: None}
    assert by_region(page, image, image["releases"][2]["lag"]) == {OHIO_R: None, TOKYO_R: 0}


def test_a_rollback_does_not_claim_a_target_that_could_not_be_reached() -> None:
    """Tokyo has the replaced release, so the rollback is not complete."""
    steps = (("release:1", BASELINE, 90), ("release:2", RELEASE, 10), ("release:1", ROLLBACK, 5))
    before = [row.release for row in reversed(history_of(TOKYO, *steps[:2]).releases)]
    page = a_page(
        [
            history_of(OHIO, *steps),
            history_of(IRELAND, *steps),
            seen(*before, state=State.ACCESS_DENIED),
        ]
    )
    image = first_image(page)
    rollback = image["releases"][0]

    assert by_region(page, image, rollback["lag"]) == {OHIO_R: 0, IRELAND_R: 0, TOKYO_R: None}
    assert by_region(page, image, image["current"])[TOKYO_R] == 1
    assert rollback["state"] == "incomplete"


def test_a_rollback_of_some_targets_is_complete_if_no_other_had_the_release() -> None:
    """Tokyo never had the release that was rolled back."""
    steps = (("release:1", BASELINE, 90), ("release:2", RELEASE, 10), ("release:1", ROLLBACK, 5))
    page = a_page([history_of(OHIO, *steps), history_of(TOKYO, *steps[:1])])

    assert first_image(page)["releases"][0]["state"] == "complete"
    assert first_image(page)["releases"][1]["state"] == "rolled_back"


def test_a_release_that_comes_again_after_a_rollback_is_another_entry() -> None:
    """A, B, A, B: release, rollback, release."""
    steps = (
        ("release:1", BASELINE, 90),
        ("release:2", RELEASE, 10),
        ("release:1", ROLLBACK, 5),
        ("release:2", RELEASE, 3),
    )
    page = a_page([history_of(OHIO, *steps), history_of(IRELAND, *steps[:2])])
    image = first_image(page)

    assert keys(image) == [
        ("2", "release"),
        ("1", "rollback"),
        ("2", "release"),
        ("1", "baseline"),
    ]
    assert by_region(page, image, image["releases"][0]["lag"]) == {OHIO_R: 0, IRELAND_R: None}
    assert by_region(page, image, image["releases"][2]["lag"]) == {OHIO_R: 0, IRELAND_R: 0}
    assert by_region(page, image, image["releases"][2]["until"]) == {OHIO_R: 300, IRELAND_R: None}


def test_an_unreachable_target_keeps_a_rollout_from_complete() -> None:
    """Whether Tokyo has the release is unknown."""
    steps = (("release:1", BASELINE, 90), ("release:2", RELEASE, 10))
    old = seen(a_release(TOKYO, 1, "release:1", BASELINE, hours=90), state=State.ACCESS_DENIED)
    reachable = [history_of(OHIO, *steps), history_of(IRELAND, *steps)]

    assert first_image(a_page(reachable))["releases"][0]["state"] == "complete"
    assert first_image(a_page([*reachable, old]))["releases"][0]["state"] == "incomplete"


def test_the_kind_is_that_of_most_targets_and_exceptions_are_kept() -> None:
    """A release elsewhere can be a baseline where the image was tracked later."""
    page = a_page(
        [
            history_of(OHIO, ("release:1", BASELINE, 90), ("release:2", RELEASE, 10)),
            history_of(IRELAND, ("release:1", BASELINE, 90), ("release:2", RELEASE, 9)),
            history_of(TOKYO, ("release:2", BASELINE, 2)),
        ]
    )
    image = first_image(page)
    position = [page["targets"][each]["region"] for each in image["targets"]].index(TOKYO_R)

    assert (image["releases"][0]["kind"], image["releases"][0]["kinds"]) == (
        "release",
        {str(position): "baseline"},
    )
    assert "kinds" not in image["releases"][1]


def test_a_late_baseline_of_an_old_release_is_not_the_newest() -> None:
    """The creation date decides if the first row of a release has no time of its own."""
    page = a_page(
        [
            seen(
                a_release(OHIO, 1, "release:2", BASELINE, hours=50, created="2026-11-20T00:00:00Z")
            ),
            seen(
                a_release(TOKYO, 1, "release:1", BASELINE, hours=1, created="2026-11-10T00:00:00Z")
            ),
        ]
    )

    assert keys(first_image(page)) == [("2", "baseline"), ("1", "baseline")]


@pytest.mark.parametrize("key", [None, "copy"])
def test_releases_that_cannot_be_joined_stay_apart(key: str | None) -> None:
    """Without a join key, and with one that differs in each target."""
    page = a_page(
        [
            seen(a_release(target, 1, key and f"copy:{target.region}:ami-1", hours=hours))
            for target, hours in ((OHIO, 3), (IRELAND, 2), (TOKYO, 1))
        ]
    )
    image = first_image(page)

    assert [each["state"] for each in image["releases"]] == ["not_joined"] * 3
    assert [sum(lag is not None for lag in each["lag"]) for each in image["releases"]] == [1, 1, 1]
    assert by_region(page, image, image["current"]) == {TOKYO_R: 0, IRELAND_R: 1, OHIO_R: 2}
    assert image["state"] == {}


def test_only_the_two_newest_releases_have_all_ids() -> None:
    """Of older ones, only the ids of targets where they are current."""
    steps = [(f"release:{number}", RELEASE, 100 - number) for number in range(1, 5)]
    page = a_page([history_of(OHIO, *steps), history_of(TOKYO, *steps[:2])])
    image = first_image(page)
    regions = [page["targets"][each]["region"] for each in image["targets"]]
    ids = [each.get("ids") for each in image["releases"]]

    assert regions == [OHIO_R, TOKYO_R]
    assert ids == [f"{4:017x},", f"{3:017x},", f",{2:017x}", None]


def test_facts_and_previous_values_are_those_of_most_targets() -> None:
    """A fact that differs everywhere, such as the owner, is left out."""
    page = a_page(
        [
            seen(
                a_release(
                    target,
                    2,
                    facts={"agent": "1.2", "owner_id": owner, "ena": True, "gib": 1},
                    changed={"agent": before, "ena": True},
                )
            )
            for target, owner, before in (
                (OHIO, "1", "1.1"),
                (IRELAND, "2", "1.1"),
                (TOKYO, "3", "1.0"),
            )
        ]
    )
    (release,) = first_image(page)["releases"]

    assert release["facts"] == {"agent": "1.2", "ena": True, "gib": 1}
    assert release["was"] == {"agent": "1.1"}


def test_older_releases_have_only_the_facts_that_changed() -> None:
    """The newest two have all facts."""
    releases = [
        a_release(
            OHIO,
            number,
            f"release:{number}",
            hours=10 - number,
            facts={"agent": str(number), "os": "linux"},
            changed={"agent": str(number - 1)},
        )
        for number in range(1, 4)
    ]
    image = first_image(a_page([seen(*releases)]))

    assert [each.get("facts") for each in image["releases"]] == [
        {"agent": "3", "os": "linux"},
        {"agent": "2", "os": "linux"},
        {"agent": "1"},
    ]
    assert [each.get("was") for each in image["releases"]] == [
        {"agent": "2"},
        {"agent": "1"},
        {"agent": "0"},
    ]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/1", "https://example.org/1"),
        ("http://example.org/1", None),
        ("javascript:alert(1)", None),
        (None, None),
    ],
)
def test_notes_are_a_safe_link(url: str | None, shown: str | None) -> None:
    """Only https."""
    image = first_image(a_page([seen(a_release(notes_url=url))]))

    assert image["releases"][0].get("notes") == shown


def test_the_time_of_the_publisher_is_the_earliest() -> None:
    """A parameter changes at another time in each region."""
    found = [
        replace(release, about=replace(release.about, source_time=release.detected_at))
        for release in (a_release(OHIO, hours=3), a_release(TOKYO, hours=1))
    ]
    image = first_image(a_page([seen(each) for each in found]))

    assert image["releases"][0]["src"] == int(MOMENT.timestamp()) // 60 - 180


def test_a_release_without_key_and_name_has_its_id_as_key() -> None:
    """The AMI name is empty then."""
    release = a_release(OHIO, key="name:x")
    release = replace(
        release, observed=replace(release.observed, ami_name=None), about=About(join_key="name:x")
    )
    (entry,) = first_image(a_page([seen(release)]))["releases"]

    assert (entry["key"], entry["ami"]) == ("ami-00000000000000001", "")


def test_the_end_of_a_release_is_unknown_if_the_next_row_cannot_be_read() -> None:
    """Version 2 is missing between 1 and 3."""
    image = first_image(
        a_page(
            [
                seen(
                    a_release(OHIO, 1, "release:1", hours=9),
                    a_release(OHIO, 3, "release:3", hours=3),
                )
            ]
        )
    )

    assert [each["until"] for each in image["releases"]] == [[None], [None]]
    assert image["current"] == [0]


def test_nothing_is_current_if_the_newest_row_cannot_be_read() -> None:
    """The image row has a version of which there is no release."""
    found = seen(a_release(OHIO, 1, "release:1", hours=9))
    assert found.pair
    found = replace(found, pair=replace(found.pair, version=2), problems=("row 2",))
    image = first_image(a_page(named("al2023", found)))

    assert image["current"] == [None]
