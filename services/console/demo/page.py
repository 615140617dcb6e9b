"""The output of the demo, for terminals, files and pipes of any width."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from rich.box import SIMPLE
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table

from services.console.render.writer import Writer

NARROWEST, WIDEST = 80, 100
"""Columns: tables need at least 80, and lines of more than 100 are hard to read."""
_STYLE = r"\x1b\[[0-9;]*m"
_LINE_END = re.compile(rf"(?m)(?: |{_STYLE})+$")
_PLAIN: dict[str, Any] = {"theme": "ansi_light", "background_color": "default"}
"""The terminal's own colours, which are readable on any background."""


class Page:
    """Prints on a console, 80 to 100 columns wide and without blanks at the end of a line."""

    def __init__(self, console: Console) -> None:
        console.width = min(max(console.width, NARROWEST), WIDEST)
        self.console = console
        self._after_blank = False

    @classmethod
    def on(cls, file: IO[str]) -> Page:
        """A page on a terminal, or on a file or pipe."""
        return cls(Console(file=file, emoji=False))

    def title(self, text: str) -> None:
        """Begin a screen."""
        self._blank()
        self.show(Rule(f"[bold]{text}", align="left"))

    def say(self, text: str) -> None:
        """Print a paragraph with a blank line before and after it."""
        self._blank()
        self.show(f"{text}\n")

    def show(
        self, content: RenderableType, style: str | None = None, *, soft_wrap: bool = False
    ) -> None:
        """Print text or a table; names are not wrapped, nor are long lines with `soft_wrap`."""
        with self.console.capture() as capture:
            self.console.print(content, style=style, soft_wrap=soft_wrap)
        self._write(_LINE_END.sub(_without_blanks, capture.get()))

    def file(self, name: str, text: str, language: str) -> None:
        """Print a file of the configuration; its lines are not cut off."""
        self.show(f"  [bold]{name}[/]")
        content = Syntax("", language, **_PLAIN).highlight(text)
        content.rstrip()
        self.show(content, soft_wrap=True)
        self.show("")

    def verbatim(self, text: str) -> None:
        """Print text byte for byte on a line of its own, however long."""
        self._write(f"{text}\n")

    @contextmanager
    def answer(self, command: str) -> Iterator[Writer]:
        """Print a command line, and below it what the block writes, as wide as the page."""
        self._blank()
        self.show(f"[bold]$ ami-tracker {command}[/]")
        with self.console.capture() as capture:
            yield Writer(self.console, self.console.width)
        self._write(_LINE_END.sub(_without_blanks, capture.get()))

    def progress(self) -> Progress:
        """Progress bars, which are removed at the end; none on a file or pipe."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        quiet = not self.console.is_terminal
        return Progress(*columns, console=self.console, transient=True, disable=quiet)

    def _blank(self) -> None:
        """Print a blank line, unless the last line is blank."""
        if not self._after_blank:
            self._write("\n")

    def _write(self, text: str) -> None:
        self._after_blank = text == "\n" or text.endswith("\n\n")
        self.console.file.write(text)
        self.console.file.flush()


def table(*columns: str) -> Table:
    """An empty table; its cells are not wrapped."""
    empty = Table(
        box=SIMPLE, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), show_edge=False
    )
    for column in columns:
        empty.add_column(column, no_wrap=True)
    return empty


def _without_blanks(end: re.Match[str]) -> str:
    return "".join(re.findall(_STYLE, end[0]))
