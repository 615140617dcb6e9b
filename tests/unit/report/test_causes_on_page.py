"""What needs attention on the page: one row for each cause, with a command that exists."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace

import pytest
from support.builders.large_overview import large_overview
from support.builders.overviews import HUB, a_page, an_overview, cause_of, named
from support.builders.releases import IRELAND, MOMENT, OHIO, TOKYO, a_release, history_of, seen

from services.console.cli import main
from services.history.observed import ImageInTarget
from services.history.overview import Overview
from services.history.rows import PendingKey, Rows
from services.kernel.model import Kind, State, Target
from services.report.data import page_data
from services.report.page_data import Cause, PageData

RELEASE, ROLLBACK, BASELINE = Kind.RELEASE, Kind.ROLLBACK, Kind.BASELINE
OLD, NEW = ("release:1", BASELINE, 500.0), ("release:2", RELEASE, 100.0)
BACK = ("release:1", ROLLBACK, 10.0)
MINUTE = int(MOMENT.timestamp()) // 60


def failing(targets: Iterable[Target], state: State) -> list[ImageInTarget]:
    """Return an image that fails in some targets."""
    return [seen(a_release(target, hours=500), state=state) for target in targets]


def regions_of(page: PageData, cause: Cause) -> set[str]:
    """Return the regions of the targets of a cause."""
    return {page["targets"][place]["region"] for place in cause["targets"]}


def test_a_release_that_lags_is_one_cause() -> None:
    """Siblings and other images of the family that lack the release in the same targets."""
    lacking = [history_of(OHIO, OLD, NEW), history_of(IRELAND, OLD), history_of(TOKYO, OLD)]
    page = a_page(
        named("eks-1-x86_64", *lacking[:2]),
        named("eks-1-arm64", lacking[0], lacking[2]),
        named("eks-2-x86_64", *lacking),
        named("web", *lacking, family="golden"),
    )
    first, second = (each for each in page["attention"] if each["state"] == "lagging")

    assert first == {
        "state": "lagging",
        "urgency": "watch",
        "names": ["eks-1 (arm64, x86_64)", "eks-2-x86_64"],
        "regions": ["ap-northeast-1", "eu-west-1"],
        "accounts": ["111122223333"],
        "images": [1, 2, 3],
        "targets": [1, 2],
        "whole_targets": False,
        "since": MINUTE - 6000,
        "pairs": 4,
        "why": first["why"],
        "todo": first["todo"],
        "detail": "the newest release is 2",
        "command": "ami-tracker rollout eks-1-arm64",
        "link": 1,
    }
    assert second["names"] == ["web"]
    assert page["verdict"] | {"confirmed": 0} == {
        "act": 0,
        "watch": 2,
        "note": 0,
        "confirmed": 0,
        "pairs": 10,
    }


def test_behind_is_no_cause() -> None:
    """A release that spreads is normal."""
    page = a_page([history_of(OHIO, OLD, NEW), history_of(TOKYO, OLD)], lag_hours=1000)

    assert page["attention"] == []


def test_a_rollback_is_one_cause() -> None:
    """A note: the publisher went back, and the tracker works."""
    page = a_page(
        named("web-x86_64", history_of(OHIO, OLD, NEW, BACK)),
        named("web-arm64", history_of(OHIO, OLD, NEW, BACK), history_of(TOKYO, OLD, NEW, BACK)),
    )
    cause = cause_of(page, "rolledback")

    assert (cause["urgency"], cause["names"]) == ("note", ["web (arm64, x86_64)"])
    assert (cause["pairs"], regions_of(page, cause)) == (3, {OHIO.region, TOKYO.region})
    assert cause["since"] == MINUTE - 600
    assert cause["detail"] == "the current release is 1"
    assert cause["command"] == "ami-tracker history web-arm64 --regions ap-northeast-1,us-east-2"


def test_a_target_that_fails_as_a_whole_is_one_cause() -> None:
    """It is not repeated for each image, and its row names no image to look at first."""
    images = [
        named(name, *failing([TOKYO], State.ACCESS_DENIED), seen(a_release(OHIO, hours=500)))
        for name in ("a", "b", "c")
    ]
    cause = cause_of(a_page(*images), "failing")

    assert (cause["whole_targets"], cause["pairs"]) == (True, 3)
    assert (cause["regions"], "link" in cause) == ([TOKYO.region], False)
    assert cause["command"] == "ami-tracker coverage --regions ap-northeast-1"


@pytest.mark.parametrize(
    ("state", "command"),
    [
        (State.NOT_FOUND, "ami-tracker lookup a --regions ap-northeast-1"),
        (State.ACCESS_DENIED, "ami-tracker lookup a --regions ap-northeast-1"),
        (State.STALE, "ami-tracker status a --regions ap-northeast-1"),
    ],
)
def test_the_command_of_a_cause_of_an_image(state: State, command: str) -> None:
    """The image fails in one of two targets, and another image does not."""
    fine = [seen(a_release(OHIO, hours=500))]
    page = a_page(
        named("a", *failing([TOKYO], state), *fine),
        named("b", seen(a_release(TOKYO, hours=500)), *fine),
    )

    assert [each["command"] for each in page["attention"]] == [command]


def test_commands_name_a_table_that_is_not_the_default() -> None:
    """The options are those of the commands; `lookup` does not read the table."""
    hub = {**HUB, "table": "my table"}
    overview = an_overview([history_of(OHIO, OLD, NEW), history_of(TOKYO, OLD)])
    page = page_data(overview, hub=hub, lag_hours=72)  # type: ignore[arg-type]

    assert cause_of(page, "lagging")["command"] == "ami-tracker rollout al2023 --table 'my table'"


def commands(overview: Overview) -> set[str]:
    """Return the commands of all causes."""
    return {each["command"] for each in page_data(overview, hub=HUB, lag_hours=72)["attention"]}


def test_every_command_exists_with_its_options() -> None:
    """The command line accepts the commands of every kind of cause."""
    overview = large_overview(60, 34, 3)
    snapshot = replace(overview.snapshot, pending=Rows((), ("row",), complete=False))
    empty = replace(overview.snapshot, regions=())
    found = commands(overview) | commands(Overview(snapshot)) | commands(Overview(empty))

    assert {each.split()[1] for each in found} == {
        "coverage",
        "history",
        "lookup",
        "pending",
        "rollout",
        "status",
    }
    for line in found:
        _, name, *arguments = shlex.split(line)
        main.commands[name].make_context(name, arguments)  # raises if an option does not exist


def test_causes_of_regions_come_first_and_name_no_image() -> None:
    """Rows that cannot be decoded, missing rounds."""
    overview = an_overview([seen(a_release(OHIO, hours=500))], minutes=60 * 30)
    region = overview.snapshot.regions[0]
    damaged = replace(region, images=replace(region.images, unreadable=("row x",)))
    overview = replace(overview, snapshot=replace(overview.snapshot, regions=(damaged,)))
    page = page_data(overview, hub=HUB, lag_hours=72)
    shown = [(each["state"], each["urgency"], each["images"]) for each in page["attention"]]

    assert shown == [("rounds missed", "act", []), ("unreadable", "act", [])]
    assert page["problems"] == ["row x"]
    assert page["round"]["missed"] == 120
    assert page["round"]["next_at"] == "2026-11-29T00:15:00.000Z"


def test_causes_are_ordered_by_state_and_size() -> None:
    """The worst first; of one state, the one with the most pairs."""
    page = page_data(large_overview(60, 34, 3), hub=HUB, lag_hours=72)
    ranks = [page["states"].index(each["state"]) for each in page["attention"]]

    assert ranks == sorted(ranks)
    assert len(page["attention"]) < 15


def test_a_pending_pair_that_lags_is_in_both_causes() -> None:
    """The pending cause is that of status; the cell shows the worse state."""
    overview = an_overview(
        [history_of(OHIO, OLD, NEW), history_of(TOKYO, OLD)],
        pending=[PendingKey(TOKYO, "al2023", 1)],
    )
    page = page_data(overview, hub=HUB, lag_hours=72)

    assert [each["state"] for each in page["attention"]] == ["lagging", "pending"]
    assert regions_of(page, cause_of(page, "pending")) == {TOKYO.region}
