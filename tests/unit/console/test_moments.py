"""Times and durations for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.console.render.moments import duration, moment


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (119, "1 min"),
        (3_600, "1 h"),
        (3_659, "1 h"),
        (3_660, "1 h 1 min"),
        (86_400, "1 d"),
        (86_460, "1 d"),
        (90_060, "1 d 1 h"),
        (400 * 86_400 + 7_200, "400 d 2 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: int | None, text: str) -> None:
    """The largest unit that it has, and the next smaller one."""
    assert duration(seconds) == text


def test_a_time_is_in_utc() -> None:
    """To the minute; an unknown one is a dash."""
    assert moment(datetime(2026, 11, 29, 7, 5, 59, tzinfo=UTC)) == "2026-11-29 07:05"
    assert moment(datetime(2026, 11, 29, 1, tzinfo=timezone(timedelta(hours=2)))) == (
        "2026-11-28 23:00"
    )
    assert moment(None) == "-"
