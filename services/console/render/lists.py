"""Lists for people: of a limited length, with the number of all."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 8


def some(texts: Sequence[str], shown: int = _SHOWN) -> str:
    """The first texts, and the number of the others."""
    if len(texts) <= shown + 1:
        return ", ".join(texts)
    return f"{', '.join(texts[:shown])} and {len(texts) - shown:,} more"
