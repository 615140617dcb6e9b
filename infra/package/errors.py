"""Errors of building packages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class PackagingError(Exception):
    """The packages cannot be built; nothing was written, and the text contains what to do."""


class StepFailedError(PackagingError):
    """A program failed; the text contains its output and advice."""

    def __init__(self, program: Sequence[str], output: str, advice: str) -> None:
        lines = (output.strip(), f"{' '.join(program)} failed: {advice}")
        super().__init__("\n".join(line for line in lines if line))


class UnwritableError(PackagingError):
    """A package cannot be written."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path} cannot be written: {error.strerror}")
