"""The state of each pair on the page: that of status, or one that compares targets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders.overviews import HUB, a_page, an_overview, named, states_of
from support.builders.releases import IRELAND, MOMENT, OHIO, TOKYO, a_release, history_of, seen

from services.history.observed import ImageInTarget
from services.history.rows import PendingKey
from services.kernel.model import Kind, Release, State
from services.kernel.release_records import LastProblem, ReleaseRow
from services.report.data import page_data
from services.report.page_data import PageData

RELEASE, ROLLBACK, BASELINE = Kind.RELEASE, Kind.ROLLBACK, Kind.BASELINE
OLD, NEW = ("release:1", BASELINE, 500.0), ("release:2", RELEASE, 100.0)


def found(page: PageData) -> dict[str, str]:
    """Return the states of the only image."""
    (image,) = page["images"]
    return states_of(page, image)


def deprecated(image: ImageInTarget, hours: float) -> ImageInTarget:
    """Return the image with a deprecation time some hours ago."""
    assert image.pair
    assert image.pair.known
    time = MOMENT - timedelta(hours=hours)
    known = replace(image.pair.known, deprecation_time=time)
    return replace(image, pair=replace(image.pair, known=known))


@pytest.mark.parametrize(
    ("lag_hours", "state"), [(72, "lagging"), (99.9, "lagging"), (100, "behind"), (101, "behind")]
)
def test_a_target_without_the_newest_release_lags_or_is_behind(
    lag_hours: float, state: str
) -> None:
    """It lags if another target has had the release for longer than the limit."""
    page = a_page([history_of(OHIO, OLD, NEW), history_of(TOKYO, OLD)], lag_hours=lag_hours)

    assert found(page) == {TOKYO.region: state}
    ((place, since, code, detail, advice),) = page["images"][0]["state"].values()
    assert page["states"][place] == state
    assert (since, code, detail) == (int(MOMENT.timestamp()) // 60 - 6000, None, None)
    assert advice is not None
    assert "other regions" in page["advice"][advice][0]


def test_a_target_that_fails_is_not_behind() -> None:
    """Whether it has the release is unknown; the failure is its state."""
    old = seen(a_release(TOKYO, 1, *OLD[:2], hours=500), state=State.ACCESS_DENIED)
    page = a_page([history_of(OHIO, OLD, NEW), old])

    assert found(page) == {TOKYO.region: "failing"}


def test_a_target_that_has_a_later_release_is_not_behind() -> None:
    """Tokyo got the third release without the second."""
    newest = ("release:3", RELEASE, 90.0)
    page = a_page([history_of(OHIO, OLD, NEW, newest), history_of(TOKYO, OLD, newest)])

    assert found(page) == {}


@pytest.mark.parametrize(("days", "expected"), [(6.9, "rolledback"), (7, None)])
def test_a_rollback_is_shown_for_seven_days(days: float, expected: str | None) -> None:
    """Afterwards the pair is ok again."""
    steps = (OLD, ("release:2", RELEASE, 300.0), ("release:1", ROLLBACK, days * 24))
    page = a_page([history_of(OHIO, *steps)])

    assert found(page).get(OHIO.region) == expected


def test_a_target_without_a_release_that_was_rolled_back_is_ok() -> None:
    """It is not missing there."""
    steps = (OLD, NEW, ("release:1", ROLLBACK, 10.0))
    page = a_page([history_of(OHIO, *steps), history_of(TOKYO, OLD)])

    assert found(page) == {OHIO.region: "rolledback"}


def test_a_target_can_lack_a_release_before_the_one_that_was_rolled_back() -> None:
    """The newest release that was not rolled back is the one to compare with."""
    steps = (OLD, NEW, ("release:3", RELEASE, 50.0), ("release:2", ROLLBACK, 10.0))
    page = a_page([history_of(OHIO, *steps), history_of(TOKYO, OLD)])

    assert found(page) == {OHIO.region: "rolledback", TOKYO.region: "lagging"}


def test_the_worst_state_is_shown() -> None:
    """Lagging is worse than deprecated, and pending is worse than behind."""
    lacking = [history_of(OHIO, OLD, NEW), deprecated(history_of(TOKYO, OLD), 1)]

    assert found(a_page(lacking)) == {TOKYO.region: "lagging"}
    assert found(a_page(lacking, lag_hours=200)) == {TOKYO.region: "behind"}


def test_a_pending_release_has_the_answer_of_its_topic() -> None:
    """The code and the detail are those of the oldest pending release."""
    rows = [
        ReleaseRow(release, pending=True, last_problem=LastProblem("NotFound", detail, MOMENT))
        for release, detail in (
            (a_release(OHIO, 2, "release:2", hours=5), "second"),
            (a_release(OHIO, 1, "release:1", hours=9), "first"),
        )
    ]
    image = replace(seen(rows[1].release, rows[0].release), releases=tuple(rows))
    keys = [PendingKey(OHIO, "al2023", version) for version in (1, 2)]
    page = page_data(an_overview([image], pending=keys), hub=HUB, lag_hours=72)
    (state,) = page["images"][0]["state"].values()

    assert page["states"][state[0]] == "pending"
    assert (state[2], page["details"]) == ("NotFound", ["first"])
    assert (page["figures"]["pending"], page["figures"]["pending_since"]) == (
        2,
        int(MOMENT.timestamp()) // 60 - 540,
    )


def test_equal_details_and_advice_are_in_the_data_once() -> None:
    """Two pairs with one answer of AWS."""
    images = [seen(a_release(each), state=State.ACCESS_DENIED) for each in (OHIO, TOKYO)]
    details = {State.ACCESS_DENIED: ("AccessDenied", "not authorized")}
    page = page_data(an_overview(images, details=details), hub=HUB, lag_hours=72)

    assert page["details"] == ["not authorized"]
    assert len(page["advice"]) == 1
    assert {state[2:] for state in page["images"][0]["state"].values()} == {("AccessDenied", 0, 0)}


def test_deprecation_times_that_are_near_are_in_the_data() -> None:
    """Every public image has one in two years, which is no news."""
    images = [
        deprecated(seen(a_release(target)), hours)
        for target, hours in ((OHIO, 5), (IRELAND, -24 * 89), (TOKYO, -24 * 91))
    ]
    page = a_page(images)
    (image,) = page["images"]
    regions = [page["targets"][each]["region"] for each in image["targets"]]
    shown = {regions[int(at)] for at in image.get("deprecation", {})}

    assert shown == {OHIO.region, IRELAND.region}
    assert states_of(page, image) == {OHIO.region: "deprecated"}


def test_images_are_listed_by_family_and_targets_by_geography() -> None:
    """An image without a family comes into a family of its own."""
    releases: list[Release] = [a_release(each) for each in (TOKYO, IRELAND, OHIO)]
    page = a_page(
        named("b", seen(releases[0]), family="linux"),
        named("a", *map(seen, releases), family="linux"),
        named("z", seen(releases[1]), family=None),
        named("y", seen(releases[1]), family="base"),
    )

    assert [each["name"] for each in page["families"]] == ["base", "linux", "other images"]
    assert [(each["name"], each["family"]) for each in page["images"]] == [
        ("y", 0),
        ("a", 1),
        ("b", 1),
        ("z", 2),
    ]
    assert page["geographies"] == ["Americas", "Europe", "Asia Pacific"]
    assert [(each["place"], each["geo"]) for each in page["targets"]] == [
        ("Ohio", 0),
        ("Ireland", 1),
        ("Tokyo", 2),
    ]
    assert [each["targets"] for each in page["images"]] == [[1], [0, 1, 2], [2], [1]]
