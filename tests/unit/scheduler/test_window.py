"""Stale pairs are exactly the pairs without an answer in two windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.scheduler import ACCOUNT, TARGET, a_catalogue, a_window, an_image, round_row
from support.fakes.log import FakeLog
from support.fakes.scheduler import FakeInventory, FakeQueue
from support.fakes.table import Row

from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, Failure, RegionsFailedError
from services.kernel.keys import image_record, round_record
from services.kernel.model import State, Window
from services.kernel.round_records import decode_window
from services.kernel.wire import timestamp
from services.scheduler.schedule import Scheduler
from services.scheduler.window import advance

BEGIN = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
STALE_AFTER = timedelta(minutes=90)
NAMES = ("a", "b", "c")


def round_at(minutes: float) -> str:
    """Return the name of the round that is scheduled this long after the first."""
    return (BEGIN + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- one round


def turned(before: Window, minutes: float, active: set[int], fresh: set[int]) -> Window:
    """Return the window after a round this long after the first."""
    now = BEGIN + timedelta(minutes=minutes)
    return advance(before, round_at(minutes), frozenset(active), frozenset(fresh), STALE_AFTER, now)


def test_the_first_round_begins_a_window() -> None:
    """No pair was requested before, so no pair is missed, whatever rows exist."""
    assert turned(Window(), 0, {1}, {2}) == a_window(answered={2})


@pytest.mark.parametrize("minutes", [-119, -1, 0, 5, 44.9])
def test_a_round_within_the_window_keeps_it(minutes: float) -> None:
    """New pairs count as answered, and the window's round never becomes an earlier one."""
    before = a_window(answered={1}, missed={2}, stale={3})
    after = turned(before, minutes, {1, 2, 3}, {4})
    expected = max(round_at(minutes), round_at(0))
    assert after == a_window(round_id=expected, answered={1, 4}, missed={2}, stale={3})


@pytest.mark.parametrize("minutes", [45, 46, 24 * 60])
def test_a_round_after_half_the_time_begins_the_next(minutes: float) -> None:
    """Unanswered pairs are missed, and stale if they were missed before."""
    before = a_window(answered={1}, missed={1, 2, 9}, stale={9})
    after = turned(before, minutes, {1, 2, 3}, {4})
    assert after == a_window(round_at(minutes), answered={4}, missed={2, 3}, stale={2})


def test_a_window_of_a_wrong_clock_ends_with_the_next_round() -> None:
    """The window's round is further in the future than any round may be."""
    before = a_window(round_at(121), answered={1}, missed={2})
    assert turned(before, 0, {1, 2}, set()).window == round_at(0)


# --- timelines with the whole scheduler


@dataclass
class Timeline:
    """Rounds and answers of one target, in minutes since the first round."""

    rows: FakeInventory = field(default_factory=FakeInventory)
    queue: FakeQueue = field(default_factory=FakeQueue)
    minute: float = 0.0
    windows: list[float] = field(default_factory=list)

    def round(
        self,
        minute: float,
        *names: str,
        regions: set[str] | None = None,
        dated: float | None = None,
    ) -> None:
        """Run a round with these images, or all three; `dated` is another scheduled time."""
        self.minute = minute
        tracked = [an_image(name) for name in names or NAMES]
        before = self.windows[-1:] and round_at(self.windows[-1])
        scheduler = Scheduler(
            self.rows, self.queue, FakeLog(), 100, lambda: BEGIN + timedelta(minutes=minute)
        )
        catalogue = a_catalogue(["eu-west-1", "us-east-1"], tracked)
        scheduled = minute if dated is None else dated
        scheduler.run(catalogue, round_at(scheduled), regions, Deadline.after(900))
        if before != self.window().window:
            self.windows.append(minute)

    def answer(self, *names: str, state: str = "ok") -> None:
        """End the lookups of these pairs, and write what the lookup function writes."""
        row = self.rows.table.row("eu-west-1", round_record(ACCOUNT))
        assert row is not None
        numbers = {self.row(name)["number"] for name in names}
        self.rows.table.put(row | {"answered": row.get("answered", frozenset()) | numbers})
        for name in names:
            row = self.row(name)
            if row.get("status", {}).get("state") != state:
                status = {"state": state, "since": timestamp(BEGIN)}
                self.rows.table.put(row | {"status": status})

    def row(self, name: str) -> Row:
        """Return a pair's row."""
        row = self.rows.table.row("eu-west-1", image_record(ACCOUNT, name))
        assert row is not None
        return row

    def window(self) -> Window:
        """Return the target's window, once a round has started one."""
        row = self.rows.table.row("eu-west-1", round_record(ACCOUNT))
        return decode_window(row) if row else Window()

    def stale(self) -> set[str]:
        """Return the images whose pairs are stale now."""
        unanswered = self.window().unanswered()
        rows = [row for row in self.rows.table.rows() if row["record"].startswith("image#")]
        return {
            row["image_name"]
            for row in rows
            if row["region"] == "eu-west-1" and row["active"] and row["number"] in unanswered
        }

    def marked(self) -> set[str]:
        """Return the images whose rows are marked as stale."""
        rows = [row for row in self.rows.table.rows() if row["region"] == "eu-west-1"]
        return {r["image_name"] for r in rows if r.get("status", {}).get("state") == "stale"}


def test_a_pair_without_an_answer_in_two_windows_is_stale() -> None:
    """A pair is stale after two to three windows; then its row is marked."""
    line = Timeline()
    found = []
    for minute in range(0, 360, 60):
        line.round(minute)
        line.answer("a", "b", *(["c"] if minute == 0 else []))
        found.append((line.stale(), line.marked()))
    nothing: set[str] = set()
    assert found == [(nothing, nothing)] * 3 + [({"c"}, {"c"})] * 3
    line.answer("c")
    assert (line.stale(), line.marked()) == (nothing, nothing)


def test_a_row_with_another_failure_keeps_it() -> None:
    """The row's own state has more information; the pair is stale nevertheless."""
    line = Timeline()
    line.round(0)
    line.answer("a", "b", "c", state="access_denied")
    for minute in (60, 120, 180):
        line.round(minute)
    assert (line.stale(), line.marked()) == (set(NAMES), set())


def test_a_queue_delay_above_the_interval_makes_no_pair_stale() -> None:
    """No pair is stale even if each answer comes a whole window after its request."""
    line = Timeline()
    for minute in range(0, 600, 60):
        line.round(minute)
        if minute:
            line.answer(*NAMES)
        assert line.stale() == set()


@pytest.mark.parametrize("always", [True, False], ids=["at once", "after the last run"])
def test_three_runs_in_five_minutes_are_one_window(*, always: bool) -> None:
    """A schedule that fires twice ends no window early."""
    line = Timeline()
    for minute in range(0, 300, 60):
        for run in (0, 2, 5):
            line.round(minute + run)
            if always or run == 5:
                line.answer(*NAMES)
        assert line.stale() == set()
    assert line.windows == [0, 60, 120, 180, 240]


@pytest.mark.parametrize("dated", [-60, -121, -2 * 24 * 60, -365 * 24 * 60])
def test_an_old_round_makes_no_pair_stale(dated: float) -> None:
    """An old round is run again by hand, or delivered late, between two others."""
    line = Timeline()
    line.round(0)
    line.answer(*NAMES)
    line.round(60)
    line.round(61, dated=dated)
    line.round(62)
    assert line.stale() == line.marked() == set()
    assert line.windows == [0, 60]


def test_a_round_of_another_region_changes_no_window() -> None:
    """A region that the round does not visit keeps its windows."""
    line = Timeline()
    line.round(0)
    line.answer(*NAMES)
    for minute in (60, 120, 180):
        line.round(minute, regions={"us-east-1"})
    line.round(240)
    assert (line.stale(), line.windows) == (set(), [0, 240])


def test_a_day_without_rounds_makes_no_pair_stale() -> None:
    """No lookup was requested, so the last answers count until the next round."""
    line = Timeline()
    line.round(0)
    line.answer(*NAMES)
    line.round(24 * 60)
    assert line.stale() == set()
    line.round(25 * 60)
    assert line.stale() == set()


@pytest.mark.parametrize("minutes", [60, 45])
def test_a_new_pair_has_two_whole_windows(minutes: int) -> None:
    """The other pairs are requested as usual."""
    line = Timeline()
    for number in range(3):
        line.round(number * minutes, "a", "b")
        line.answer("a", "b")
    line.round(3 * minutes + 10)
    for number in range(4, 6):
        line.answer("a", "b")
        line.round(number * minutes + 10)
        assert line.stale() == set()
    line.answer("a", "b")
    line.round(6 * minutes + 10)
    assert line.stale() == {"c"}


def test_a_reactivated_pair_is_not_stale() -> None:
    """Windows that it missed before its removal do not count."""
    line = Timeline()
    for minute in (0, 60, 120, 180):
        line.round(minute)
        line.answer("a", "b")
    assert line.stale() == {"c"}
    line.round(240, "a", "b")
    line.round(250)
    assert line.stale() == set()


def test_a_round_row_that_is_not_written_makes_no_pair_stale() -> None:
    """The previous window continues, with its answers."""
    line = Timeline()
    busy = CallFailedError(Failure.of(State.THROTTLED, "ThrottlingException", "Rate exceeded"))
    for minute in range(0, 480, 60):
        line.rows.unwritable = {"round row": busy} if minute in {120, 180} else {}
        if line.rows.unwritable:
            with pytest.raises(RegionsFailedError):
                line.round(minute)
        else:
            line.round(minute)
        line.answer(*NAMES)
        assert line.stale() == set()


def test_a_damaged_round_row_makes_no_pair_stale() -> None:
    """A new window starts with the next round."""
    line = Timeline()
    line.round(0)
    line.answer(*NAMES)
    line.rows.table.put(round_row(TARGET) | {"answered": "all", "missed": ["a"]})
    for minute in (60, 120):
        line.round(minute)
        assert line.stale() == set()


def test_at_most_five_hundred_rows_are_marked_in_a_round() -> None:
    """The other rows are marked in the next rounds; messages are sent before any mark."""
    names = tuple(f"image-{number:03d}" for number in range(600))
    line = Timeline()
    line.round(0, *names)
    line.answer(*names)
    for minute in (60, 120):
        line.round(minute, *names)
    line.round(180, *names)
    assert len(line.marked()) == 500
    line.round(185, *names)
    assert len(line.marked()) == 600


class _Unmarkable(FakeInventory):
    """A table that rejects marks."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.error = CallFailedError(Failure.of(state, "Code", "why"))
        self.tried = 0

    def mark_stale(self, *_: object) -> None:
        """Raise the failure of a mark."""
        self.tried += 1
        raise self.error


@pytest.mark.parametrize(("state", "tried"), [(State.THROTTLED, 1), (State.BAD_LOOKUP, 6)], ids=str)
def test_marks_that_fail_delay_no_region(state: State, tried: int) -> None:
    """A throttled table ends the marks of the round; a rejected row does not affect the others."""
    rows = _Unmarkable(state)
    line = Timeline(rows)
    line.round(0)
    for row in rows.table.rows():
        if row["record"].startswith("image#"):
            rows.table.put(row | {"status": {"state": "ok", "since": timestamp(BEGIN)}})
    line.round(60)
    line.round(120)
    line.queue.drain()
    rows.tried = 0

    with pytest.raises(RegionsFailedError) as caught:
        line.round(180)
    assert rows.tried == tried
    assert {len(found) for found in caught.value.problems.values()} == {1}
    assert len(line.queue.sent) == 6


actions = st.one_of(
    st.tuples(st.just("round"), st.integers(1, 150), st.sets(st.sampled_from(NAMES), min_size=1)),
    st.tuples(st.just("answer"), st.integers(0, 30), st.sets(st.sampled_from(NAMES), min_size=1)),
    st.tuples(st.just("elsewhere"), st.integers(1, 60), st.just({"a"})),
)


@given(st.lists(actions, max_size=40))
def test_exactly_unanswered_pairs_are_stale(
    steps: list[tuple[str, int, set[str]]],
) -> None:
    """Exactly unanswered pairs are stale, over any timeline of rounds, answers and changes.

    A stale pair had no answer for the whole time after which a pair is stale. A pair without an
    answer in three windows, during which it always existed, is stale.
    """
    line, minute = Timeline(), 0
    line.round(0)
    last, tracked = dict.fromkeys(NAMES, 0.0), set(NAMES)
    for kind, later, names in steps:
        minute += later
        if kind == "answer":
            for name in names & tracked:
                line.answer(name)
                last[name] = minute
        elif kind == "elsewhere":
            line.round(minute, *tracked, regions={"us-east-1"})
        else:
            line.round(minute, *names)
            last |= dict.fromkeys(names - tracked, float(minute))
            tracked = set(names)
        began = line.windows[-1]
        older = line.windows[-4:-3] if len(line.windows) > 3 else []
        for name in tracked:
            if name in line.stale():
                assert began - last[name] >= STALE_AFTER.total_seconds() / 60
            elif older:
                assert last[name] >= older[0]
        assert line.stale() <= tracked
