"""A YAML file as it was read: its content, and the line of everything in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.catalogue.problems import Problem, printable, shown

MAX_PROBLEMS = 100
"""Problems that one file reports: more than anyone reads, few enough to answer at once."""
_LONGEST_KEY = 80  # characters of a key that a problem shows

Location = tuple[str | int, ...]
"""The keys and indexes that lead to a value, from the top of its file."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file's content, and the line of everything in it.

    `flagged` holds the lines on which something was refused, so what is there is not as meant.
    """

    file: str
    value: object
    lines: Mapping[Location, int]
    flagged: frozenset[int] = frozenset()

    def problem(self, location: Location, message: str) -> Problem:
        """A problem of the value at `location`, named as the file names it."""
        entry = self._entry(location)
        field = location[2:] if entry else location
        return Problem(self.file, self.line(location), entry, _path(field), message)

    def line(self, location: Location) -> int:
        """The line of `location`, or of the nearest thing around it that has one."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def _entry(self, location: Location) -> str:
        match location:
            case (str(group), int(index), *_):
                entries = self.value.get(group) if isinstance(self.value, dict) else None
                entry = entries[index] if isinstance(entries, list) else None
                name = entry.get("Name") if isinstance(entry, dict) else None
                return _label(name) if isinstance(name, str) and name else f"{group}[{index}]"
            case _:
                return ""


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What reading a file gave: its document, None where it cannot be used, and its problems."""

    document: Document | None
    problems: tuple[Problem, ...] = ()


def _label(name: str) -> str:
    return name if name.isprintable() and len(name) <= 128 else shown(name)  # noqa: PLR2004 - a name


def _path(location: Location) -> str:
    parts = (
        f"[{part}]" if isinstance(part, int) else f".{printable(part, _LONGEST_KEY)}"
        for part in location
    )
    return "".join(parts).removeprefix(".")
