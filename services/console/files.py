"""Files that the commands write."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import click

from services.console.exit_codes import EXIT_CONFIGURATION


class UnwritableError(click.ClickException):
    """A file cannot be written."""

    exit_code = EXIT_CONFIGURATION

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path} cannot be written: {error.strerror}")


def create_folder(path: Path) -> None:
    """Create a folder and the folders above it, if they are missing.

    Raises:
        UnwritableError: it cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableError(path, error) from error


def replace_file(path: Path, text: str) -> None:
    """Write a file completely or not at all.

    Raises:
        UnwritableError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):  # that it cannot be written can have the same reason
            draft.unlink()
        raise UnwritableError(path, error) from error
