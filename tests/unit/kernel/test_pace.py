"""The pace of writes to a region's rows: slower after throttling, faster after success."""

from __future__ import annotations

import pytest
from support.fakes.pace import VirtualPace

from services.kernel.pace import WritePace

REGION = "eu-west-1"


@pytest.fixture(name="time")
def virtual_time() -> VirtualPace:
    """Begin at some time."""
    return VirtualPace(seconds=1000.0)


@pytest.fixture(name="pace")
def begun_pace(time: VirtualPace) -> WritePace:
    """Begin without a throttled write."""
    return time.pace()


def throttle(pace: WritePace, times: int = 1) -> None:
    """Let this number of writes be throttled, one after the other."""
    for _ in range(times):
        begun = pace.turn(REGION, 60)
        assert begun is not None
        pace.slow_down(REGION, begun)


def test_nothing_waits_until_a_write_is_throttled(time: VirtualPace, pace: WritePace) -> None:
    """Every write has its turn at once."""
    assert [pace.turn(REGION) for _ in range(100)] == [1000.0] * 100
    assert time.waits == []


def test_each_throttled_write_doubles_the_time_up_to_a_limit(
    time: VirtualPace, pace: WritePace
) -> None:
    """The pace begins at 20 writes a second, and is at least one in two seconds."""
    throttle(pace, 8)

    assert time.waits == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0])


def test_writes_at_the_same_time_slow_down_once(time: VirtualPace, pace: WritePace) -> None:
    """Threads that were throttled together were all at the earlier pace."""
    begun = [pace.turn(REGION) for _ in range(5)]
    time.seconds += 0.01
    for each in begun:
        assert each is not None
        pace.slow_down(REGION, each)

    assert pace.turn(REGION, 60) == pytest.approx(1000.06)


def test_writes_that_succeed_restore_the_pace(time: VirtualPace, pace: WritePace) -> None:
    """Three writes double the pace, and some twenty end the waiting."""
    throttle(pace, 3)
    time.waits.clear()
    for _ in range(50):
        assert pace.turn(REGION, 60) is not None
        pace.speed_up(REGION)

    assert time.waits[4] == pytest.approx(0.1, rel=0.1)
    assert len(time.waits) < 25


def test_a_turn_that_is_too_far_away_is_not_taken(time: VirtualPace, pace: WritePace) -> None:
    """It stays free for a write that can wait longer."""
    throttle(pace, 3)
    time.waits.clear()

    assert pace.turn(REGION) is None
    assert pace.turn(REGION, 0.19) is None
    assert pace.turn(REGION, 0.21) == pytest.approx(time.seconds)
    assert time.waits == pytest.approx([0.2])


def test_waiting_ends_if_no_write_succeeds(time: VirtualPace, pace: WritePace) -> None:
    """After 20 seconds without a success only writes that need not wait get a turn."""
    with pytest.raises(AssertionError):
        throttle(pace, 100)

    assert sum(time.waits) == pytest.approx(20, abs=2.1)
    assert pace.turn(REGION, 60) is None
    time.seconds += 2
    assert pace.turn(REGION) == time.seconds
    pace.speed_up(REGION)
    assert pace.turn(REGION, 60) is not None


def test_each_region_has_a_pace(pace: WritePace) -> None:
    """Their rows are in different partitions."""
    throttle(pace)

    assert pace.turn(REGION) is None
    assert pace.turn("us-east-1") is not None


def test_an_old_pace_is_forgotten(time: VirtualPace, pace: WritePace) -> None:
    """A minute later, other invocations have ended."""
    throttle(pace, 8)
    time.seconds += 61

    assert pace.turn(REGION) == pace.turn(REGION) == time.seconds
