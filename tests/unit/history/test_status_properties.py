"""The status of random rows, compared with a simple model of the design's sentences."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from support.builders.history import MOMENT, a_round_row, a_row
from support.builders.scheduler import ACCOUNT, OTHER_ACCOUNT

from services.history.conditions import Condition, Urgency
from services.history.coverage import Access, coverage
from services.history.rows import PendingKey, RegionRows, Rows, Snapshot
from services.history.status import status
from services.kernel.model import State, Target
from services.kernel.records import ImageRow
from services.kernel.round_records import Note, RoundRow

REGIONS = ("eu-west-1", "eu-west-2", "us-east-1")
TARGETS = [Target(a, r) for a in (ACCOUNT, OTHER_ACCOUNT) for r in REGIONS]
NAMES = ("x-arm64", "x-x86_64", "y", "z")
FEW_STATES = (State.OK, State.OK, State.ACCESS_DENIED, State.NOT_FOUND, State.STALE, None)
NO_IMAGE = {"not_found", "bad_value", "bad_lookup", "not_launchable"}


@st.composite
def rows_of_target(
    draw: st.DrawFn, target: Target
) -> tuple[list[ImageRow], RoundRow | None, list[PendingKey]]:
    """Draw the rows of a target; often all have one state."""
    one = draw(st.sampled_from([*FEW_STATES, State.THROTTLED]))
    states = st.just(one) if draw(st.booleans()) else st.sampled_from([*State, *FEW_STATES])
    rows, pending = [], []
    for number, name in enumerate(NAMES, 1):
        if not draw(st.integers(0, 4)):
            continue
        state = draw(states)
        row = a_row(
            name,
            target.region,
            state,
            draw(st.sampled_from(["Withdrawn", "Other"])) if state else None,
            account=target.account_id,
            number=number,
            confirmed=draw(st.booleans()),
            active=bool(draw(st.integers(0, 5))),
            deprecated=draw(st.sampled_from([None, MOMENT, MOMENT + timedelta(seconds=1)])),
            changed_at=draw(st.sampled_from([None, MOMENT, MOMENT - timedelta(hours=1)])),
        )
        rows.append(row)
        if not draw(st.integers(0, 3)):
            pending.append(PendingKey(target, name, draw(st.sampled_from([2, 3]))))
    numbers = st.sets(st.integers(1, len(NAMES)))
    round_row = a_round_row(target, draw(numbers), draw(st.sampled_from([5, 44, 46, 3000])))
    window = replace(round_row.window, answered=frozenset(draw(numbers)))
    return rows, replace(round_row, window=window) if draw(st.integers(0, 5)) else None, pending


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Draw a table."""
    drawn = [draw(rows_of_target(target)) for target in TARGETS]
    by_region = {
        region: [each for t, each in zip(TARGETS, drawn, strict=True) if t.region == region]
        for region in REGIONS
    }
    return Snapshot(
        MOMENT,
        Note(frozenset(REGIONS), interval_minutes=draw(st.sampled_from([None, 15]))),
        tuple(
            RegionRows(
                region,
                Rows(tuple(row for rows, _, _ in found for row in rows)),
                Rows(tuple(each for _, each, _ in found if each)),
            )
            for region, found in by_region.items()
        ),
        Rows(tuple(key for _, _, pending in drawn for key in pending)),
        every_region=draw(st.booleans()),
    )


# --- the model: one pair at a time


def model(snapshot: Snapshot) -> dict[tuple[str, Target], str]:
    """Return the condition of each active pair."""
    rows = [row for region in snapshot.regions for row in region.images.found if row.pair.active]
    return {(row.pair.image_name, row.pair.target): condition(row, rows, snapshot) for row in rows}


def condition(row: ImageRow, rows: list[ImageRow], snapshot: Snapshot) -> str:
    """Return the condition of a pair."""
    pair = row.pair
    rounds = [r for region in snapshot.regions for r in region.rounds.found]
    mine = next((each for each in rounds if each.target == pair.target), None)
    if pair.state not in {None, "ok", "stale"}:
        same = [each.pair for each in rows if each.pair.image_name == pair.image_name]
        unanswered = all(
            each.state in NO_IMAGE and each.confirmed_digest != each.lookup_digest for each in same
        )
        if unanswered and snapshot.every_region:
            return "never"
        return (
            "withdrawn" if (pair.state, pair.code) == ("not_launchable", "Withdrawn") else "failing"
        )
    stale = mine is not None and pair.number in mine.window.stale
    if pair.state == "stale" or (stale and mine and pair.number not in mine.window.answered):
        return "stale"
    if pair.state is None or mine is None:
        return "unknown"
    waiting = [
        key.version
        for key in snapshot.pending.found
        if (key.image_name, key.target) == (pair.image_name, pair.target)
    ]
    just_now = row.changed_at == MOMENT and waiting == [pair.version]
    if waiting and not just_now:
        return "pending"
    time = pair.known.deprecation_time if pair.known else None
    return "deprecated" if time == MOMENT else "ok"


@given(snapshot=snapshots())
def test_conditions_and_counts(snapshot: Snapshot) -> None:
    """Every pair has the condition of the model, and the counts are those of the pairs."""
    found = status(snapshot)
    expected = model(snapshot)

    assert {(f.image_name, f.target): f.condition.value for f in found.findings} == expected
    assert {c.value: n for c, n in found.counts.items() if n} == Counter(expected.values())


@given(snapshot=snapshots())
def test_every_pair_that_is_not_ok_has_one_cause(snapshot: Snapshot) -> None:
    """The numbers of pairs add up, and each pair is where its cause says."""
    expected = model(snapshot)
    entries = [each for each in status(snapshot).attention if each.pairs]

    wrong = {pair for pair, condition in expected.items() if condition != "ok"}
    assert sum(entry.pairs for entry in entries) == len(wrong)
    for name, target in wrong:
        assert any(
            name in entry.image_names
            and target.region in entry.regions
            and target.account_id in entry.accounts
            for entry in entries
        )
    names = {name for name, _ in wrong}
    assert {name for entry in entries for name in entry.image_names} == names
    assert all(entry.condition is not Condition.OK for entry in entries)


@given(snapshot=snapshots(), name=st.sampled_from(NAMES))
def test_a_selection_has_the_same_causes(snapshot: Snapshot, name: str) -> None:
    """The pairs of one image belong to the same causes as without a selection."""
    expected = {pair: c for pair, c in model(snapshot).items() if pair[0] == name}
    everything, found = status(snapshot), status(snapshot, {name})

    assert {(f.image_name, f.target): f.condition.value for f in found.findings} == expected
    entries = [each for each in found.attention if each.pairs]
    assert sum(entry.pairs for entry in entries) == sum(c != "ok" for c in expected.values())
    assert {(e.condition, e.whole_targets) for e in entries} <= {
        (e.condition, e.whole_targets) for e in everything.attention if name in e.image_names
    }


@given(snapshot=snapshots())
def test_healthy_means_that_nothing_is_wrong(snapshot: Snapshot) -> None:
    """Only deprecated images are healthy, and rounds must not be missing."""
    found = status(snapshot)
    conditions = set(model(snapshot).values())
    interval = snapshot.note.interval_minutes
    limit = timedelta(hours=24) if interval is None else timedelta(minutes=3 * interval)
    active = {target for _, target in model(snapshot)}
    old = any(
        MOMENT - datetime.fromisoformat(str(each.window.round)) >= limit
        for region in snapshot.regions
        for each in region.rounds.found
        if each.target in active
    )

    assert found.healthy == (bool(conditions) and conditions <= {"ok", "deprecated"} and not old)
    assert all(entry.urgency is not Urgency.NOTE for entry in found.attention) or any(
        entry.condition is Condition.DEPRECATED for entry in found.attention
    )


@given(snapshot=snapshots())
def test_a_target_is_reachable_if_it_answered(snapshot: Snapshot) -> None:
    """Stale and unknown pairs are no answers, and every target is counted once."""
    answers = {"ok", "pending", "deprecated"}
    states = {
        (row.pair.image_name, row.pair.target): row.pair.state
        for region in snapshot.regions
        for row in region.images.found
    }
    answered = {
        pair[1]
        for pair, condition in model(snapshot).items()
        if condition in answers or states[pair] in NO_IMAGE
    }
    found = coverage(snapshot)

    reachable = {
        Target(each.account_id or "", each.region)
        for each in found.targets
        if each.access is Access.REACHABLE
    }
    assert reachable <= answered
    if all(not each.is_old for each in status(snapshot).freshness):
        assert reachable == answered
    assert sum(found.counts.values()) == len(found.targets)
    assert {t for _, t in model(snapshot)} <= {
        Target(each.account_id or "", each.region) for each in found.targets
    }
