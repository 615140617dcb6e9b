"""Counts of failing, stale, undecodable and never found pairs, from the rows of a target."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from support.builders.scheduler import OTHER_ACCOUNT, TARGET, a_pair, a_window, an_image

from services.kernel.model import Pair, State, Target, Window
from services.scheduler.health import Cause, Health, cause

OTHER = Target(OTHER_ACCOUNT, "us-east-1")
IMAGE_STATES = ("not_found", "bad_value", "bad_lookup", "not_launchable")


def health_of(*pairs: Pair, window: Window | None = None) -> Health:
    """Return the health of pairs, all in the window of their target."""
    health = Health()
    for target in dict.fromkeys(pair.target for pair in pairs):
        ours = [pair for pair in pairs if pair.target == target]
        health.add_target(target, ours, window or Window())
    return health


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, None),
        ("ok", None),
        ("stale", None),
        *[(state, Cause.THROTTLING) for state in ("throttled", "transient", "late", "overtaken")],
        *[(state, Cause.ACCESS) for state in ("credentials", "region_disabled", "access_denied")],
        *[(state, Cause.IMAGE) for state in IMAGE_STATES],
        ("unclassified", Cause.OTHER),
    ],
)
def test_every_state_has_one_cause_or_none(state: str | None, expected: Cause | None) -> None:
    """`ok`, `stale` and the state of a pair that was never looked up do not count as failing."""
    assert cause(State(state) if state else None) is expected


def test_no_state_is_missing() -> None:
    """Only `unclassified` has the cause `other`."""
    assert [state for state in State if cause(state) is Cause.OTHER] == [State.UNCLASSIFIED]


def test_active_pairs_are_counted_by_cause() -> None:
    """An inactive pair with a failure does not count."""
    states = ["ok", "throttled", "access_denied", "access_denied", None]
    pairs = [a_pair(an_image(f"image-{n}"), state=state) for n, state in enumerate(states)]
    gone = a_pair(an_image("gone"), state="not_found", active=False)
    (found,) = health_of(*pairs, gone).targets

    assert (found.target, found.pairs, found.is_failing) == (TARGET, 5, False)
    assert found.failing == Counter({Cause.THROTTLING: 1, Cause.ACCESS: 2})


def test_a_pair_is_stale_by_its_window() -> None:
    """A pair in `stale` and not in `answered` counts as stale, whatever its row's state is."""
    pairs = [a_pair(an_image(f"image-{n}"), state="ok", number=n) for n in (1, 2, 3)]
    (found,) = health_of(*pairs, window=a_window(answered={2}, stale={1, 2, 9})).targets

    assert (found.stale, found.failing.total(), found.is_failing) == (1, 0, False)


@pytest.mark.parametrize(
    ("states", "stale", "failing"),
    [
        (["access_denied", "throttled"], set(), True),
        (["access_denied", "ok"], set(), False),
        (["access_denied", "ok"], {2}, True),
        (["ok", "ok"], {1, 2}, True),
        (["stale", "access_denied"], set(), True),
        ([None, "access_denied"], set(), False),
        ([None, None], set(), False),
    ],
)
def test_a_target_fails_when_all_its_pairs_fail_or_are_stale(
    *, states: list[str | None], stale: set[int], failing: bool
) -> None:
    """A target with one pair that is `ok` or new does not fail."""
    pairs = [
        a_pair(an_image(f"image-{n}"), state=state, number=n) for n, state in enumerate(states, 1)
    ]
    (found,) = health_of(*pairs, window=a_window(stale=stale)).targets

    assert found.is_failing == failing


def test_a_target_without_active_pairs_is_not_counted() -> None:
    """A target without active pairs is not counted and cannot fail."""
    assert health_of(a_pair(active=False, state="not_found")).targets == []


def unfound(state: str = "not_found", target: Target = TARGET) -> Pair:
    """Build a pair whose lookup never found an image."""
    return a_pair(an_image("typo"), target, known=None, version=0, state=state)


@pytest.mark.parametrize("state", IMAGE_STATES)
def test_an_image_that_no_target_has_is_reported(state: str) -> None:
    """An image is reported for each of the four states of a lookup without a usable result."""
    fine = a_pair(state="ok")

    assert health_of(unfound(), unfound(state, OTHER), fine).never_found == ["typo"]


def test_an_edit_that_finds_nothing_is_reported() -> None:
    """The image id of the lookup before the edit is not a result of the present one."""
    edited = replace(a_pair(an_image("typo"), state="not_found"), confirmed_digest="before")

    assert health_of(edited, unfound(target=OTHER)).never_found == ["typo"]


@pytest.mark.parametrize(
    "other",
    [
        unfound("access_denied", OTHER),
        unfound("throttled", OTHER),
        unfound("unclassified", OTHER),
        replace(unfound(target=OTHER), state=None),
        a_pair(an_image("typo"), OTHER, state="ok"),
        a_pair(an_image("typo"), OTHER, state="not_launchable"),
    ],
    ids=lambda pair: str(pair.state),
)
@pytest.mark.parametrize("first", [True, False])
def test_an_image_that_may_exist_somewhere_is_not_reported(*, other: Pair, first: bool) -> None:
    """One target that has the image, or could not be called, prevents the report, in any order."""
    pairs = [other, unfound()] if first else [unfound(), other]

    assert health_of(*pairs).never_found == []


def test_an_inactive_target_does_not_hide_a_wrong_lookup() -> None:
    """An image id in a target where the image is no longer tracked does not count."""
    gone = a_pair(an_image("typo"), OTHER, state="ok", active=False)

    assert health_of(unfound(), gone).never_found == ["typo"]


def test_unreadable_rows_are_counted_by_region() -> None:
    """A region without such rows is counted as a region that was read."""
    health = Health()
    health.add_region("eu-west-1", 2)
    health.add_region("us-east-1", 0)

    assert (health.regions, health.unreadable.total()) == ({"eu-west-1", "us-east-1"}, 2)
