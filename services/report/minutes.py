"""Times of the page as numbers: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Minute 0."""


def minutes(moment: datetime | None) -> int | None:
    """Minutes since 1970 in UTC, rounded down; None for None."""
    return None if moment is None else minute(moment)


def minute(moment: datetime) -> int:
    """Minutes since 1970 in UTC, rounded down."""
    return (moment - EPOCH) // timedelta(minutes=1)
