"""Texts for one line."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 60


def short(text: str, longest: int = _LONGEST) -> str:
    """A text on one line, truncated if it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def listed(names: Sequence[str], most: int) -> str:
    """Names separated by commas; if there are many, the first ones and the number of the others."""
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def plural(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
