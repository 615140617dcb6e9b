"""Standard output and standard error as writers that escape text from outside."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

from rich.console import Console

from services.console.render.writer import Writer


def writer(*, err: bool = False) -> Writer:
    """A writer of standard output, or of standard error."""
    return Writer(Console(stderr=err, markup=False, highlight=False, emoji=False))


def accept_every_character() -> None:
    """Escape characters that the encoding of the output does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show on a terminal that the block takes time."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    if console.is_terminal:
        with console.status(text):
            yield
    else:
        yield
