"""A YAML file: its content, and the line of each value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.catalogue.problems import Problem, printable, shown

MAX_PROBLEMS = 100
"""Limit of the problems that are listed for one file."""
_LONGEST_KEY = 80  # characters of a key that a problem shows

Location = tuple[str | int, ...]
"""The keys and indexes that lead to a value, from the top of its file."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file's content, and the line of each value.

    `flagged` has the lines where the loader refused something; their values are not reliable.
    """

    file: str
    value: object
    lines: Mapping[Location, int]
    flagged: frozenset[int] = frozenset()

    def problem(self, location: Location, message: str) -> Problem:
        """A problem of the value at `location`, with its entry and field as spelt in the file."""
        entry = self._entry(location)
        field = location[2:] if entry else location
        return Problem(self.file, self.line(location), entry, _path(field), message)

    def line(self, location: Location) -> int:
        """The line of `location`, or of the nearest enclosing value that has one."""
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
    """The result of reading a file: its document, None if it is unusable, and its problems."""

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
