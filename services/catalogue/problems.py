"""Problems of the configuration, and where they are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from services.kernel.errors import AmiTrackerError

_SHOWN = 80
_LONGEST = {"file": 4096, "entry": 200, "field": 400, "message": 1000}

# Letters and marks that are printable in Unicode, but invisible in a terminal.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: `line` is 0 if it concerns a whole file or folder; texts can be empty.

    Every text can contain text from outside: each is escaped and capped, so a problem is one line.
    """

    file: str
    line: int
    entry: str
    field: str
    message: str

    def __post_init__(self) -> None:
        """Escape and cap each text."""
        for name, limit in _LONGEST.items():
            object.__setattr__(self, name, printable(getattr(self, name), limit))

    @property
    def place(self) -> str:
        """Where the mistake is, in the form that editors and terminals link: `file:line`."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        parts = (self.place, self.entry, self.field, self.message)
        return ": ".join(part for part in parts if part)


class ConfigurationError(AmiTrackerError):
    """The configuration is invalid; `problems` has every mistake.

    `warnings` has what is allowed but probably not intended.
    """

    def __init__(self, problems: Iterable[Problem], warnings: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        super().__init__("\n".join(map(str, self.problems)))


def shown(value: object, limit: int = _SHOWN) -> str:
    """A value from outside for a message: quoted, escaped and capped."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


def printable(text: str, limit: int) -> str:
    """A text for one line: invisible characters are escaped, and a long text is cut off."""
    seen = "".join(map(_escaped, text[: limit + 1]))
    return seen if len(seen) <= limit else f"{seen[:limit]}…"


def _escaped(character: str) -> str:
    if character.isprintable() and not _UNSEEN.match(character):
        return character
    return character.encode("unicode_escape").decode()
