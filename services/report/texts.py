"""Texts of the page: characters that are readable, links that are safe, times and numbers."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta

from services.report.minutes import EPOCH, minute

HOUR = 60
DAY = 24 * HOUR

_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def shown(text: object) -> str:
    r"""A text in which control, invisible and direction characters are readable, as `\u{202E}`."""
    return "".join(map(_shown, str(text)))


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    hidden = category[0] == "C" or (category[0] == "Z" and character != " ")
    if hidden or _INVISIBLE.match(character):
        return f"\\u{{{ord(character):X}}}"
    return character


def number(value: float) -> str:
    """A number with a comma for thousands."""
    return f"{value:,}"


def counted(value: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `2 images`."""
    return f"{number(value)} {noun if value == 1 else plural or noun + 's'}"


def hours(value: float) -> str:
    """A number of hours, without a fraction of zero."""
    return f"{value:g} h"


def span(minutes: int) -> str:
    """A length of time: `36 min`, `2.5 h`, `15 h`, `4 d`."""
    length = max(0, minutes)
    if length < HOUR:
        return f"{length} min"
    if length < 10 * HOUR:
        return f"{length / HOUR:.1f} h".replace(".0", "")
    if length < 2 * DAY:
        return f"{length // HOUR} h"
    return f"{number(length // DAY)} d"


def moment(text: str | None) -> str:
    """A time as `28 Nov 2026 15:02`; the text itself if it is no time."""
    try:
        found = datetime.fromisoformat(text or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return shown(text)
    return f"{found.day} {found:%b %Y %H:%M}"


def near(text: str, other: str) -> str:
    """A time near another one: `15:00` on the same day, `27 Nov 15:00` in the same year."""
    found, base = moment(text), moment(other)
    if found[:-5] == base[:-5]:
        return found[-5:]
    return found.replace(base[-10:-5], "", 1) if found[-10:-6] == base[-10:-6] else found


def at_minute(at: int | None, made_at: str) -> str:
    """A time in minutes since 1970 as `28 Nov 15:02`; nothing if it is unknown."""
    try:
        found = None if at is None else EPOCH + timedelta(minutes=at)
    except OverflowError:
        found = None
    if found is None:
        return ""
    year = "" if found.year == datetime.fromisoformat(made_at).year else f" {found.year}"
    return f"{found.day} {found:%b}{year} {found:%H:%M}"


def minute_of(text: str) -> int:
    """Minutes since 1970 of a time with `Z`."""
    return minute(datetime.fromisoformat(text))


def listed(names: list[str], limit: int) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - limit
    some = ", ".join(map(shown, names[:limit]))
    return some if rest <= 0 else f"{some} and {rest} more"


def sentence(text: str | None) -> str:
    """A text with a capital letter and a full stop; nothing if it is empty."""
    found = shown(text or "")
    if not found:
        return ""
    return found[0].upper() + found[1:] + ("" if found[-1] in ".!?" else ".")


def coded(text: str) -> list[tuple[str, bool]]:
    """The parts of a text, and whether each is code: what is between two backquotes."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return [(text, False)]
    return [(part, at % 2 == 1) for at, part in enumerate(parts) if part]
