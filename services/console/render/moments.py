"""Times and durations for people."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def moment(time: datetime | None) -> str:
    """A time in UTC to the minute; `-` if it is unknown."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if time else "-"


def duration(seconds: int | None) -> str:
    """A duration in days, hours and minutes, the two largest of them; `-` if it is unknown."""
    if seconds is None:
        return "-"
    parts: list[str] = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or f"{seconds} s"


def since(begin: datetime, now: datetime) -> str:
    """A time, and how long ago it was."""
    text = f"{moment(begin)} UTC"
    return f"{text} ({duration(int((now - begin).total_seconds()))} ago)" if begin <= now else text
