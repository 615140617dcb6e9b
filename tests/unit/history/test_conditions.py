"""The times in rows, which can have any text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.history.conditions import time_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-29T01:00:00Z", datetime(2026, 11, 29, 1, tzinfo=UTC)),
        ("2026-11-29T01:00:00+02:00", datetime(2026, 11, 28, 23, tzinfo=UTC)),
        ("2026-11-29T01:00:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
    ],
)
def test_time_of_a_row(text: str | None, expected: datetime | None) -> None:
    """A text that is not a time in UTC's range is no time, and no error."""
    assert time_of(text) == expected
