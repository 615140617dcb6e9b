"""A list of values without duplicates, and their places in it: pure."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

H = TypeVar("H", bound=Hashable)


class Places(Generic[H]):
    """Values in the order in which they are added; equal values have one place."""

    def __init__(self) -> None:
        self._places: dict[H, int] = {}

    def of(self, value: H) -> int:
        """The place of a value, which is added if it is new."""
        return self._places.setdefault(value, len(self._places))

    def all(self) -> list[H]:
        """All values."""
        return list(self._places)
