"""The last round, the verdict and the figures at the top of the page."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders.overviews import HUB, a_page, an_overview, named
from support.builders.releases import ACCOUNT, IRELAND, OHIO, TOKYO, a_release, history_of, seen

from services.history.observed import ImageInTarget
from services.history.overview import Overview
from services.history.rows import PendingKey, Rows
from services.kernel.model import Kind, State, Target, Window
from services.kernel.round_records import RoundRow
from services.report.data import page_data
from services.report.page_data import Figures, Verdict

RELEASE, ROLLBACK, BASELINE = Kind.RELEASE, Kind.ROLLBACK, Kind.BASELINE
OTHER = Target("222233334444", OHIO.region)
OLD = ("release:1", BASELINE, 900.0)


def figures(overview: Overview) -> Figures:
    """Return the figures of an overview."""
    return page_data(overview, hub=HUB, lag_hours=72)["figures"]


def verdict(overview: Overview, window: Window) -> Verdict:
    """Return the verdict of an overview in which every target has this window."""
    regions = tuple(
        replace(
            region, rounds=Rows(tuple(RoundRow(row.target, window) for row in region.rounds.found))
        )
        for region in overview.snapshot.regions
    )
    changed = replace(overview, snapshot=replace(overview.snapshot, regions=regions))
    return page_data(changed, hub=HUB, lag_hours=72)["verdict"]


def test_two_accounts_in_one_region_are_two_targets() -> None:
    """The region is counted once."""
    page = a_page([seen(a_release(each)) for each in (OHIO, OTHER)])

    assert [each["account"] for each in page["targets"]] == [ACCOUNT, OTHER.account_id]
    found = page["figures"]
    assert (found["images"], found["regions"], found["accounts"]) == (1, 1, 2)


def test_changes_are_the_releases_and_rollbacks_of_seven_days() -> None:
    """Of each image, once for all targets; a baseline is no change."""
    steps = (
        OLD,
        ("release:2", RELEASE, 169.0),
        ("release:3", RELEASE, 160.0),
        ("release:2", ROLLBACK, 9.0),
    )
    overview = an_overview(
        [history_of(OHIO, *steps), history_of(TOKYO, *steps)],
        named("web", history_of(OHIO, ("release:9", BASELINE, 5))),
    )

    assert figures(overview)["changes"] == 2


def test_the_time_to_all_regions_is_that_of_complete_rollouts() -> None:
    """Of the last 30 days; regions that cannot be reached are not counted."""

    def image(
        name: str, minutes: int, *, begin: float = 90, state: State = State.OK
    ) -> list[ImageInTarget]:
        steps = [OLD, ("release:2", RELEASE, begin)]
        last = ("release:2", RELEASE, begin - minutes / 60)
        denied = [seen(a_release(IRELAND, 1, *OLD[:2], hours=900), state=state)]
        pairs = [history_of(OHIO, *steps), history_of(TOKYO, OLD, last)]
        return named(name, *pairs, *(denied if state is not State.OK else []))

    overview = an_overview(
        image("a", 30),
        image("b", 60, state=State.ACCESS_DENIED),
        image("c", 90),
        image("long ago", 20, begin=721),
        named(
            "incomplete", history_of(OHIO, OLD, ("release:2", RELEASE, 90)), history_of(TOKYO, OLD)
        ),
        named("one target", history_of(OHIO, OLD, ("release:2", RELEASE, 90))),
    )
    found = figures(overview)

    assert (found["spread"], found["spread_median"], found["spread_p95"]) == (3, 60, 90)


def test_figures_that_are_unknown() -> None:
    """Nothing was released, nothing is pending."""
    found = figures(an_overview())

    assert found == {
        "images": 0,
        "regions": 0,
        "accounts": 0,
        "changes": 0,
        "spread": 0,
        "spread_median": None,
        "spread_p95": None,
        "pending": 0,
        "pending_since": None,
    }


def test_a_pending_release_whose_row_was_not_read_has_no_time() -> None:
    """It is counted."""
    overview = an_overview([seen(a_release(OHIO))], pending=[PendingKey(OHIO, "al2023", 9)])
    found = figures(overview)

    assert (found["pending"], found["pending_since"]) == (1, None)


@pytest.mark.parametrize(
    ("window", "confirmed"),
    [
        (Window("2026-11-28T23:55:00Z"), 1),
        (Window("2026-11-28T23:55:00Z", answered=frozenset({7})), 1),
        (Window("2026-11-28T23:55:00Z", missed=frozenset({7})), 0),
        (Window("2026-11-28T23:55:00Z", missed=frozenset({7}), answered=frozenset({7})), 1),
        (Window("2026-11-28T23:55:00Z", stale=frozenset({7})), 0),
    ],
)
def test_a_pair_is_confirmed_by_an_answer(window: Window, confirmed: int) -> None:
    """In this window or in the one before: a window that has just begun has no answers yet."""
    pair = seen(a_release(OHIO))
    assert pair.pair
    numbered = replace(pair, pair=replace(pair.pair, number=7))

    assert verdict(an_overview([numbered]), window)["confirmed"] == confirmed


def test_a_pair_that_fails_or_has_no_round_is_not_confirmed() -> None:
    """Its current image is not certain."""
    pairs = [seen(a_release(OHIO), state=State.NOT_FOUND), seen(a_release(TOKYO))]
    overview = an_overview(pairs, rounds=[OHIO])
    found = page_data(overview, hub=HUB, lag_hours=72)["verdict"]

    assert (found["confirmed"], found["pairs"]) == (0, 2)


def test_the_last_round_is_that_of_the_oldest_target() -> None:
    """With the number of rounds that did not take place, and the next one."""
    page = page_data(an_overview([seen(a_release(OHIO))], minutes=50), hub=HUB, lag_hours=72)

    assert page["round"] == {
        "at": "2026-11-28T23:10:00.000Z",
        "interval_minutes": 15,
        "next_at": "2026-11-29T00:10:00.000Z",
        "missed": 3,
    }


def test_a_deployment_without_a_round() -> None:
    """The interval is known from the scheduler's note."""
    page = page_data(an_overview([seen(a_release(OHIO))], rounds=[]), hub=HUB, lag_hours=72)

    assert page["round"] == {"at": None, "interval_minutes": 15, "next_at": None, "missed": None}
