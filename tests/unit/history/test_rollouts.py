"""Roll-outs: which targets have a release, which lack it, how long it took, and how it ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders.releases import (
    ACCOUNT,
    IRELAND,
    MOMENT,
    OHIO,
    TOKYO,
    a_release,
    history_of,
    seen,
)

from services.history.observed import ImageInTarget
from services.history.rollouts import Outcome, Rollout, Standing, rollouts
from services.kernel.model import About, Kind, State, Target

HOUR = 3600
A, B, C = "release:1.0", "release:1.1", "release:1.2"
BASELINE, RELEASE, ROLLBACK, EDIT = Kind.BASELINE, Kind.RELEASE, Kind.ROLLBACK, Kind.RECONFIGURED


def newest(*image: ImageInTarget) -> Rollout:
    """Return the newest roll-out."""
    return rollouts(image, 5).found[0]


def standings(rollout: Rollout) -> dict[str, str]:
    """Return the standing of each region."""
    return {place.target.region: place.standing.value for place in rollout.places}


def took(rollout: Rollout) -> dict[str, int | None]:
    """Return the duration of each region."""
    return {place.target.region: place.took for place in rollout.places}


def failing(image: ImageInTarget, state: State | None = State.ACCESS_DENIED) -> ImageInTarget:
    """Return the image with a failed lookup."""
    assert image.pair
    return replace(image, pair=replace(image.pair, state=state))


# --- complete, incomplete, superseded


def test_every_target_has_it() -> None:
    """The duration of each target counts from the first."""
    found = newest(
        history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 10)),
        history_of(IRELAND, (A, BASELINE, 99), (B, RELEASE, 7)),
    )

    assert found.outcome is Outcome.COMPLETE
    assert took(found) == {OHIO.region: 0, IRELAND.region: 3 * HOUR}
    assert (found.first, found.exact) == (MOMENT - timedelta(hours=10), True)
    assert found.ended == MOMENT - timedelta(hours=7)
    assert found.lag(MOMENT) is None


def test_a_target_lacks_it() -> None:
    """It lags since the first target has the release."""
    found = newest(
        history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 10)),
        history_of(IRELAND, (A, BASELINE, 99)),
    )

    assert found.outcome is Outcome.INCOMPLETE
    assert standings(found) == {OHIO.region: "has", IRELAND.region: "lacks"}
    assert found.lag(MOMENT) == 10 * HOUR
    assert found.ended is None


def test_every_target_that_lacks_it_has_a_later_one() -> None:
    """It ends when the last of them gets the later one."""
    found = rollouts(
        [
            history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 50), (C, RELEASE, 10)),
            history_of(IRELAND, (A, BASELINE, 99), (C, RELEASE, 9)),
        ],
        5,
    ).found

    assert [(each.label, each.outcome.value) for each in found] == [
        ("1.2", "complete"),
        ("1.1", "superseded"),
        ("1.0", "complete"),
    ]
    assert standings(found[1]) == {OHIO.region: "had", IRELAND.region: "later"}
    assert found[1].ended == MOMENT - timedelta(hours=9)


def test_an_earlier_release_that_arrives_late_is_not_a_later_one() -> None:
    """A slow target gets 1.1 after 1.2 has begun elsewhere: it still lacks 1.2."""
    found = newest(
        history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 50), (C, RELEASE, 10)),
        history_of(IRELAND, (A, BASELINE, 99), (B, RELEASE, 5)),
    )

    assert (found.label, found.outcome) == ("1.2", Outcome.INCOMPLETE)
    assert standings(found)[IRELAND.region] == "lacks"


# --- targets that fail


@pytest.mark.parametrize("state", [*(s for s in State if s is not State.OK), None])
def test_a_failing_target_is_unknown(state: State | None) -> None:
    """It keeps the roll-out from being complete, and is not counted as lagging."""
    found = newest(
        history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 10)),
        failing(history_of(IRELAND, (A, BASELINE, 99)), state),
    )

    assert found.outcome is Outcome.INCOMPLETE
    assert standings(found)[IRELAND.region] == "unknown"
    assert found.places[1].trouble == (state.value if state else "never_looked_up")
    assert found.lag(MOMENT) is None


@pytest.mark.parametrize("settings", [{"stale": True}, {"problems": ("row 2 is malformed",)}])
def test_a_stale_or_damaged_target_is_unknown(settings: dict[str, object]) -> None:
    """An `ok` row is not enough."""
    found = newest(
        history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 10)),
        seen(a_release(IRELAND, 1, A, BASELINE, hours=99), **settings),  # type: ignore[arg-type]
    )

    assert standings(found)[IRELAND.region] == "unknown"


def test_a_failing_target_that_got_it_before_has_it() -> None:
    """Its release row is a fact."""
    found = newest(
        history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 10)),
        failing(history_of(IRELAND, (A, BASELINE, 99), (B, RELEASE, 9))),
    )

    assert found.outcome is Outcome.COMPLETE
    assert found.places[1].trouble == "access_denied"


def test_a_target_that_was_never_reached_is_unknown() -> None:
    """It has no release at all."""
    found = newest(history_of(OHIO, (A, BASELINE, 9)), seen(target=IRELAND, state=None))

    assert (found.outcome, found.count(Standing.UNKNOWN)) == (Outcome.INCOMPLETE, 1)


def test_a_target_that_is_no_longer_tracked_does_not_count() -> None:
    """Its releases still say when the roll-out began."""
    gone = history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 10))
    assert gone.pair
    gone = replace(gone, pair=replace(gone.pair, active=False))

    found = newest(gone, history_of(IRELAND, (A, BASELINE, 99), (B, RELEASE, 4)))

    assert (found.outcome, took(found)) == (Outcome.COMPLETE, {IRELAND.region: 6 * HOUR})
    assert newest(gone).outcome is Outcome.NOT_TRACKED


# --- rows without a roll-out time


@pytest.mark.parametrize("kind", [BASELINE, EDIT, ROLLBACK])
def test_a_first_sight_is_no_duration(kind: Kind) -> None:
    """A target that was added later has the release, and its time is not a roll-out time."""
    found = newest(
        history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 30)),
        history_of(IRELAND, (B, kind, 2)),
    )

    assert (found.outcome, took(found)) == (
        Outcome.COMPLETE,
        {OHIO.region: 0, IRELAND.region: None},
    )
    assert found.places[1].kind is kind
    assert found.ended == MOMENT - timedelta(hours=30)


def test_a_roll_out_that_began_before_the_first_lookup() -> None:
    """Some targets had it at once, so the durations of the others are minima."""
    found = newest(
        seen(a_release(OHIO, 1, B, BASELINE, hours=50, created="2026-11-20T00:00:00.000Z")),
        seen(
            a_release(IRELAND, 1, A, BASELINE, hours=49, created="2026-11-01T00:00:00.000Z"),
            a_release(IRELAND, 2, B, RELEASE, hours=40),
        ),
        seen(a_release(TOKYO, 1, A, BASELINE, hours=48, created="2026-11-01T00:00:00.000Z")),
    )

    assert (found.label, found.exact, found.outcome) == ("1.1", False, Outcome.INCOMPLETE)
    assert took(found) == {OHIO.region: None, IRELAND.region: 10 * HOUR, TOKYO.region: None}
    assert found.lag(MOMENT) == 50 * HOUR


def test_baselines_without_dates_do_not_lag() -> None:
    """Which of two images is newer is unknown, whichever was seen first."""
    found = rollouts(
        [history_of(OHIO, (A, BASELINE, 99)), history_of(IRELAND, (B, BASELINE, 98))], 5
    )

    assert [each.outcome for each in found.found] == [Outcome.INCOMPLETE] * 2
    assert [each.lag(MOMENT) for each in found.found] == [None, None]


@pytest.mark.parametrize("created", ["soon", "2026-11-20", "", "\x1b[31m"])
def test_a_creation_date_that_is_no_time_counts_as_unknown(created: str) -> None:
    """It comes from outside."""
    found = newest(seen(a_release(OHIO, 1, A, BASELINE, hours=9, created=created)))

    assert found.began is None


# --- rollbacks


def test_a_rollback_before_every_target_had_it() -> None:
    """The target that lacks it is not waiting for it."""
    found = newest(
        history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 90), (A, ROLLBACK, 80)),
        history_of(IRELAND, (A, BASELINE, 99)),
    )

    assert (found.label, found.outcome) == ("1.1", Outcome.ROLLED_BACK)
    assert standings(found) == {OHIO.region: "rolled_back", IRELAND.region: "lacks"}
    assert found.lag(MOMENT) is None


def test_a_rollback_does_not_claim_targets_that_were_not_reached() -> None:
    """A target that fails has what it had before."""
    image = [
        history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 90), (A, ROLLBACK, 80)),
        failing(history_of(IRELAND, (A, BASELINE, 99), (B, RELEASE, 90))),
        failing(history_of(TOKYO, (A, BASELINE, 99))),
    ]

    bad, good = rollouts(image, 5).found

    assert standings(bad) == {
        OHIO.region: "rolled_back",
        IRELAND.region: "has",
        TOKYO.region: "unknown",
    }
    assert standings(good) == {OHIO.region: "has", IRELAND.region: "had", TOKYO.region: "has"}


def test_a_release_after_a_rollback_is_the_same_roll_out() -> None:
    """1.1, back to 1.0, 1.1 again: 1.1 is current, and began when it was first seen."""
    found = newest(
        history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 90), (A, ROLLBACK, 80), (B, RELEASE, 70))
    )

    assert (found.label, standings(found)) == ("1.1", {OHIO.region: "has"})
    assert found.first == MOMENT - timedelta(hours=90)


# --- keys


def test_releases_without_a_key_cannot_be_joined() -> None:
    """They are listed, and one that was detected later is a later release."""
    unkeyed = replace(a_release(IRELAND, 2, None, hours=3), about=About())

    found = rollouts(
        [
            history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 10)),
            seen(a_release(IRELAND, 1, A, BASELINE, hours=99), unkeyed),
        ],
        5,
    )

    assert found.unjoined == (unkeyed,)
    assert [each.outcome for each in found.found] == [Outcome.SUPERSEDED, Outcome.COMPLETE]


def test_names_that_no_two_targets_share_cannot_be_joined() -> None:
    """Each region has AMI names of its own, so nothing lags."""
    image = [
        history_of(OHIO, ("name:use2-1", BASELINE, 99), ("name:use2-2", RELEASE, 98)),
        history_of(IRELAND, ("name:euw1-1", BASELINE, 99)),
    ]

    found = rollouts(image, 5).found

    assert {each.outcome for each in found} == {Outcome.NOT_JOINED}
    assert {each.lag(MOMENT) for each in found} == {None}


def test_one_shared_name_shows_that_names_can_be_joined() -> None:
    """Then a new name in one region is the begin of a roll-out."""
    image = [
        history_of(OHIO, ("name:x-1", BASELINE, 99), ("name:x-2", RELEASE, 98)),
        history_of(IRELAND, ("name:x-1", BASELINE, 99)),
    ]

    assert newest(*image).outcome is Outcome.INCOMPLETE


def test_copies_are_one_roll_out() -> None:
    """The original in its own region and a copy of it have the same key."""
    key = f"copy:{OHIO.region}:ami-1"

    found = newest(history_of(OHIO, (key, RELEASE, 9)), history_of(IRELAND, (key, RELEASE, 5)))

    assert (found.outcome, found.label) == (Outcome.COMPLETE, f"al2023-ami-{1}")


def test_only_the_last_roll_outs() -> None:
    """Older ones, and releases that were not read, are announced by `more`."""
    image = history_of(OHIO, (A, BASELINE, 9), (B, RELEASE, 8), (C, RELEASE, 7))

    assert [each.label for each in rollouts([image], 2).found] == ["1.2", "1.1"]
    assert rollouts([image], 2).more
    assert not rollouts([image], 3).more
    assert rollouts([replace(image, complete=False)], 3).more


def test_the_same_region_in_two_accounts_is_two_targets() -> None:
    """Only one of them lacks the release."""
    other = Target("444455556666", OHIO.region)

    found = newest(
        history_of(OHIO, (A, BASELINE, 99), (B, RELEASE, 10)), history_of(other, (A, BASELINE, 99))
    )

    assert [(p.target.account_id, p.standing.value) for p in found.places] == [
        (ACCOUNT, "has"),
        ("444455556666", "lacks"),
    ]


def test_an_image_without_releases_has_no_roll_outs() -> None:
    """Nothing was found yet."""
    assert rollouts([seen(target=OHIO, state=None)], 5).found == ()
