"""Causes: which pairs belong together, and their order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.builders.history import MOMENT, a_round_row, a_row, a_snapshot
from support.builders.scheduler import ACCOUNT, OTHER_ACCOUNT

from services.history.attention import Attention
from services.history.conditions import Condition, Urgency
from services.history.rows import PendingKey, RegionRows, Rows, Snapshot
from services.history.status import status
from services.kernel.model import State, Target
from services.kernel.records import ImageRow
from services.kernel.round_records import Note

R1, R2, R3 = "eu-west-1", "eu-west-2", "us-east-1"


def causes(*rows: ImageRow) -> tuple[Attention, ...]:
    """Return what needs attention, with a recent round in every target."""
    return status(a_snapshot(rows)).attention


def test_a_target_that_fails_is_one_cause() -> None:
    """Every pair fails or is stale, and one code is the most frequent."""
    names = ("a", "b", "c")
    failing = [a_row(name, R1, State.ACCESS_DENIED, "AccessDenied") for name in names]
    other = a_row("d", R1, State.ACCESS_DENIED, "UnauthorizedOperation")
    fine = [a_row(name, R2) for name in (*names, "d", "e")]

    [found] = causes(*failing, other, a_row("e", R1, State.STALE), *fine)

    assert (found.pairs, found.whole_targets, found.regions) == (5, True, (R1,))
    assert (found.state, found.code) == (State.ACCESS_DENIED, "AccessDenied")


def test_targets_of_one_account_are_one_cause() -> None:
    """Each account has its own role, so a denial in two accounts has two causes."""
    places = [(ACCOUNT, R1), (ACCOUNT, R2), (OTHER_ACCOUNT, R1)]
    rows = [
        a_row(name, region, State.ACCESS_DENIED, account=account)
        for account, region in places
        for name in "ab"
    ]

    found = causes(*rows)

    assert [(each.accounts, each.regions, each.pairs) for each in found] == [
        ((ACCOUNT,), (R1, R2), 4),
        ((OTHER_ACCOUNT,), (R1,), 2),
    ]


def test_a_target_with_two_causes_is_not_whole() -> None:
    """Then the pairs are grouped by state."""
    rows = [a_row("a", R1, State.ACCESS_DENIED), a_row("b", R1, State.THROTTLED)]

    found = causes(*rows)

    assert [(each.state, each.whole_targets) for each in found] == [
        (State.ACCESS_DENIED, False),
        (State.THROTTLED, False),
    ]


def test_an_image_that_fails_everywhere_is_one_cause() -> None:
    """Its siblings of other architectures belong to it; another image does not."""
    rows = [
        a_row(name, region, State.NOT_FOUND)
        for name in ("x-arm64", "x-x86_64", "y")
        for region in (R1, R2)
    ]
    fine = [a_row("z", region) for region in (R1, R2)]

    found = causes(*rows, *fine)

    assert [(each.image_names, each.pairs) for each in found] == [
        (("x-arm64", "x-x86_64"), 4),
        (("y",), 2),
    ]


def test_a_disabled_region_does_not_join_images() -> None:
    """In all other targets they fail, so each is a cause, as without that region."""
    rows = [a_row(name, R1, State.REGION_DISABLED) for name in "xyz"]
    rows += [a_row(name, region, State.NOT_FOUND) for name in "xy" for region in (R2, R3)]
    fine = [a_row("z", region) for region in (R2, R3)]

    found = causes(*rows, *fine)

    assert [(each.state, each.image_names) for each in found] == [
        (State.REGION_DISABLED, ("x", "y", "z")),
        (State.NOT_FOUND, ("x",)),
        (State.NOT_FOUND, ("y",)),
    ]


def test_images_that_are_missing_in_the_same_regions_are_one_cause() -> None:
    """A region has no images of a publisher, and others do."""
    rows = [a_row(n, R1, State.NOT_FOUND) for n in "abc"] + [a_row(n, R2) for n in "abc"]

    [found] = causes(*rows, a_row("d", R1), a_row("e", R2))

    assert (found.image_names, found.regions, found.pairs) == (("a", "b", "c"), (R1,), 3)


def test_an_image_alone_in_its_target_is_an_image_that_fails() -> None:
    """The target is not the cause, since no other image fails there."""
    [found] = causes(a_row("a-arm64", R1, State.NOT_FOUND), a_row("b", R2))

    assert found.whole_targets is False


def test_an_image_that_was_never_found() -> None:
    """It is that only if every target has no image for it, and all regions were read."""
    rows = [
        a_row("x", R1, State.NOT_FOUND, confirmed=False),
        a_row("x", R2, State.BAD_VALUE, confirmed=False),
        a_row("y", R1),
        a_row("y", R2),
    ]
    snapshot = a_snapshot(rows, every_region=False)

    [never] = causes(*rows)
    partial = status(snapshot).attention
    [throttled, *_] = causes(*rows[1:], a_row("x", R1, State.THROTTLED, confirmed=False))

    assert (never.condition, never.pairs) == (Condition.NEVER, 2)
    assert {each.condition for each in partial} == {Condition.FAILING}
    assert throttled.condition is Condition.FAILING


def test_stale_pairs_of_many_targets_are_one_cause() -> None:
    """The queue is slow, or lookups were lost."""
    rows = [a_row(name, r, number=n) for n, name in enumerate("abc", 1) for r in (R1, R2, R3)]
    snapshot = a_snapshot(rows, stale={Target(ACCOUNT, R1): {1, 2}, Target(ACCOUNT, R2): {3}})

    [found] = status(snapshot).attention

    assert (found.condition, found.pairs, found.targets) == (Condition.STALE, 3, 2)
    assert found.since == MOMENT - timedelta(minutes=5)


def test_the_earliest_time_counts() -> None:
    """A time that cannot be read is ignored."""
    early = datetime(2026, 11, 1, tzinfo=UTC)
    rows = [
        a_row("a", R1, State.THROTTLED, since="2026-11-02T00:00:00Z"),
        a_row("b", R1, State.THROTTLED, since="2026-11-01T00:00:00Z"),
        a_row("c", R1, State.THROTTLED, since="yesterday"),
        a_row("d", R1, State.THROTTLED, since="2026-10-01T00:00:00"),
    ]

    [found] = causes(*rows)

    assert found.since == early


def test_an_announcement_takes_some_time() -> None:
    """A release of this minute is ok; an older version that waits is not."""
    row = a_row("a", R1, changed_at=MOMENT - timedelta(minutes=1))
    old = a_row("b", R1, changed_at=MOMENT - timedelta(minutes=11))
    target = Target(ACCOUNT, R1)
    now = Rows((PendingKey(target, "a", 3), PendingKey(target, "b", 3)))
    before = Rows((PendingKey(target, "a", 2),))

    [found] = status(a_snapshot([row, old], pending=now)).attention
    [older] = status(a_snapshot([row, old], pending=before)).attention

    assert (found.image_names, found.since) == (("b",), old.changed_at)
    assert (older.image_names, older.since) == (("a",), None)


def test_a_note_is_healthy() -> None:
    """A deprecated image is shown, and nothing has to be done now."""
    found = status(a_snapshot([a_row("a", R1, deprecated=MOMENT - timedelta(days=1))]))

    assert [each.condition for each in found.attention] == [Condition.DEPRECATED]
    assert found.attention[0].urgency is Urgency.NOTE
    assert found.healthy


def test_the_worst_comes_first() -> None:
    """The order is that of the conditions, then the number of pairs."""
    rows = [
        a_row("a", R1, deprecated=MOMENT),
        a_row("b", R1, None),
        a_row("c", R1, State.NOT_LAUNCHABLE, "Withdrawn"),
        a_row("d", R1, State.NOT_FOUND, confirmed=False),
        a_row("e", R1, State.NOT_LAUNCHABLE, "NotLaunchable"),
        a_row("e", R2, State.NOT_LAUNCHABLE, "NotLaunchable"),
        a_row("f", R1, State.THROTTLED),
        a_row("z", R2),
    ]

    found = causes(*rows)

    assert [(each.condition.value, each.image_names) for each in found] == [
        ("failing", ("e",)),
        ("failing", ("f",)),
        ("never", ("d",)),
        ("withdrawn", ("c",)),
        ("unknown", ("b",)),
        ("deprecated", ("a",)),
    ]


def test_an_image_that_was_never_found_does_not_hide_its_target() -> None:
    """All other images of the target fail, so the target is one cause."""
    rows = [a_row(name, R1, State.THROTTLED) for name in "abc"]

    found = causes(*rows, a_row("typo", R1, State.NOT_FOUND, confirmed=False))

    assert [(each.condition, each.whole_targets, each.pairs) for each in found] == [
        (Condition.FAILING, True, 3),
        (Condition.NEVER, False, 1),
    ]


def test_new_images_of_a_stale_target() -> None:
    """Stale and unknown pairs have different causes."""
    found = causes(a_row("a", R1, State.STALE), a_row("b", R1, None))

    assert [each.condition for each in found] == [Condition.STALE, Condition.UNKNOWN]


@pytest.mark.parametrize(
    ("minutes", "interval", "expected"),
    [
        (44, 15, None),
        (45, 15, Urgency.WATCH),
        (24 * 60 - 1, 15, Urgency.WATCH),
        (24 * 60, 15, Urgency.ACT),
        (24 * 60, 720, None),
        (36 * 60, 720, Urgency.ACT),
        (24 * 60 - 1, None, None),
        (24 * 60, None, Urgency.ACT),
    ],
)
def test_rounds_that_are_missing(
    minutes: int, interval: int | None, expected: Urgency | None
) -> None:
    """Three missed rounds need attention, or a day if the interval is unknown."""
    row = a_row("a", R1)
    rounds = Rows((a_round_row(row.pair.target, minutes=minutes),))
    note = Note(frozenset({R1}), interval_minutes=interval)
    snapshot = Snapshot(MOMENT, note, (RegionRows(R1, Rows((row,)), rounds),))

    found = status(snapshot)

    assert [each.urgency for each in found.attention] == ([expected] if expected else [])
    assert found.healthy == (expected is None)
    assert found.freshness[0].missed == (minutes // interval if interval else None)


def test_a_read_that_was_cut_off() -> None:
    """The rest can be anything, so it is not healthy."""
    snapshot = a_snapshot([a_row("a", R1)])
    [region] = snapshot.regions
    cut = replace(region, images=replace(region.images, complete=False))

    found = status(replace(snapshot, regions=(cut,)))

    assert [each.condition for each in found.attention] == [Condition.INCOMPLETE]
    assert not found.healthy
