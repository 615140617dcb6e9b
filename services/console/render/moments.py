"""Times and durations for people."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def moment(time: datetime | None) -> str:
    """A time in UTC to the minute; `-` if it is unknown."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if time else "-"


def duration(seconds: int | None) -> str:
    """A duration in its two largest units, such as `3 d 4 h`; `-` if it is unknown."""
    if seconds is None:
        return "-"
    for number, (unit, size) in enumerate(_UNITS):
        if seconds >= size:
            count, rest = divmod(seconds, size)
            smaller = _UNITS[number + 1] if number + 1 < len(_UNITS) else None
            more = rest // smaller[1] if smaller else 0
            return f"{count} {unit} {more} {smaller[0]}" if smaller and more else f"{count} {unit}"
    return "0 s"
