"""What is wrong with the configuration, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.kernel.errors import AmiTrackerError

_SHOWN = 80


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: `line` is 0 where a file or folder as a whole is meant, texts may be empty."""

    file: str
    line: int
    entry: str
    field: str
    message: str

    @property
    def place(self) -> str:
        """Where the mistake is, as editors and terminals make it a link: `file:line`."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        parts = (self.place, self.entry, self.field, self.message)
        return ": ".join(part for part in parts if part)


class ConfigurationError(AmiTrackerError):
    """The configuration cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def shown(value: object) -> str:
    """A foreign value as a message may hold it: quoted, escaped and short."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
