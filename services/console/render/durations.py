"""Times and durations for people."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.console.render.writer import counted
from services.kernel.wire import timestamp

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def duration(length: timedelta) -> str:
    """A duration in its largest unit."""
    if length < _MINUTE:
        return "less than a minute"
    if length < 2 * _HOUR:
        return counted(int(length / _MINUTE), "minute")
    if length < 2 * _DAY:
        return counted(int(length / _HOUR), "hour")
    return counted(int(length / _DAY), "day")


def since(begin: datetime, moment: datetime) -> str:
    """A time without fractions of a second, and how long ago it was."""
    text = f"{timestamp(begin)[:19]}Z"
    return f"{text} ({duration(moment - begin)})" if begin <= moment else text
