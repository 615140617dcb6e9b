"""The modules of a function are imported without garbage collection, and then it is rare."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.kernel import startup

ROOT = Path(__file__).parents[3]
_PROGRAM = """
import gc, json, sys
import services.{function}.handler
print(json.dumps([list(sys.modules), gc.isenabled(), gc.get_freeze_count()]))
"""


@pytest.mark.parametrize("function", ["scheduler", "lookup", "aggregator", "publisher"])
def test_collection_begins_after_the_imports(function: str) -> None:
    """The module that disables it is the first one, and the handler enables it at the end."""
    found = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(function=function)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    modules, enabled, frozen = json.loads(found)
    ours = [name for name in modules if name.startswith("services.kernel.")]

    assert ours[0] == "services.kernel.startup"
    assert modules.index("services.kernel.startup") < modules.index("botocore")
    assert enabled
    assert frozen > 10_000


@pytest.fixture
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("_as_before")
def test_a_large_response_starts_no_search() -> None:
    """A thousand images with eighteen attributes are fewer than 20,000 objects."""
    startup.imported()
    gc.collect()
    before = gc.get_stats()[0]["collections"]

    images = [{name: [name] for name in range(18)} for _ in range(1_000)]

    assert len(images) == 1_000
    assert gc.get_stats()[0]["collections"] - before <= 1


@pytest.mark.usefixtures("_as_before")
def test_cycles_are_still_found() -> None:
    """An error keeps its traceback and its frames, which can be a cycle."""
    startup.imported()
    before = gc.get_stats()[0]["collected"]

    for _ in range(100_000):
        cycle: list[object] = []
        cycle.append(cycle)

    assert gc.get_stats()[0]["collected"] - before > 10_000
