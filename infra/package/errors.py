"""Why a package cannot be built."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class PackagingError(Exception):
    """The packages cannot be built; nothing was written, and the text says what to do."""


class StepFailedError(PackagingError):
    """A program that the build runs failed; its own words come first."""

    def __init__(self, program: Sequence[str], said: str, advice: str) -> None:
        lines = (said.strip(), f"{' '.join(program)} failed: {advice}")
        super().__init__("\n".join(line for line in lines if line))


class UnwritableError(PackagingError):
    """A package cannot be put where it was asked for."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path} cannot be written: {error.strerror}")
