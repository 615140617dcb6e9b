"""Texts that fit on a line."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 60


def short(text: str, longest: int = _LONGEST) -> str:
    """A text on one line, cut where it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def listed(names: Sequence[str], most: int) -> str:
    """Names with commas between; of many, the first and the number of the others."""
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def plural(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
