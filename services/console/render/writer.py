"""Writes text to a terminal or a pipe, without the effects that text from outside can have."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from services.catalogue.problems import printable
from services.kernel.wire import timestamp

_LONGEST = 20_000
_GAP = "  "


def counted(number: int, noun: str) -> str:
    """A number with its noun, which gets an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def moment(time: datetime) -> str:
    """A time to the second."""
    return f"{timestamp(time)[:19]}Z"


class Writer:
    """Lines of text: on a terminal, sentences are wrapped, and commands are not.

    Every text is escaped: control characters, marks that change the direction of text, and the
    markup of rich have no effect.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self.width = console.width if console.is_terminal else _LONGEST

    def line(self, text: str = "", style: str = "") -> None:
        """One line, which is never wrapped."""
        self._console.print(Text(printable(text, _LONGEST), style=style), soft_wrap=True)

    def sentence(self, text: str, indent: str = "", style: str = "") -> None:
        """A sentence; `indent` is the beginning of its first line."""
        shown = printable(text, _LONGEST)
        wrapped = textwrap.wrap(
            shown,
            self.width,
            initial_indent=indent,
            subsequent_indent=" " * len(indent),
            break_on_hyphens=False,
        )
        for line in wrapped or [indent]:
            self.line(line, style)

    def table(self, rows: Iterable[Sequence[str]], indent: str = "") -> None:
        """Aligned columns; the last one is not padded, and is wrapped on a terminal."""
        shown = [[printable(cell, _LONGEST) for cell in row] for row in rows]
        if not shown:
            return
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        for row in shown:
            padded = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
            self.sentence_or_line(indent + _GAP.join([*padded, ""]), row[-1])

    def sentence_or_line(self, begin: str, text: str) -> None:
        """A row: its last cell is wrapped below itself if there is room for it."""
        room = self.width - len(begin)
        lines = textwrap.wrap(text, room, break_on_hyphens=False) if room > len(_GAP) else [text]
        for number, line in enumerate(lines or [""]):
            self.line((begin if number == 0 else " " * len(begin)) + line)
