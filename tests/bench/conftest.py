"""The packages and a stub of AWS, started once for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.aws.packages import ENVIRON, built_packages, interpreter, require_linux

from benchmarks.laboratory import Laboratory, laboratory

__all__ = ["built_packages"]


@pytest.fixture(scope="module", name="bench")
def started_laboratory(built_packages: Mapping[str, Path]) -> Iterator[Laboratory]:
    """Start a stub for the built packages."""
    require_linux()
    environ = {**ENVIRON, "RUNTIME_PYTHON": str(interpreter())}
    with laboratory(built_packages, environ) as running:
        yield running
