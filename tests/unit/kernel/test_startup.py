"""The modules of a function are imported without garbage collection."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
