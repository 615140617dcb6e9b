"""The script that restores the data of the page from its shorter form, run by Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from support.builders.large_overview import large_overview
from support.builders.overviews import HUB
from support.builders.random_overviews import overviews

import services.report
from services.history.overview import Overview
from services.report.compact import compact
from services.report.data import page_data
from services.report.page_data import PageData

_SCRIPT = Path(services.report.__file__).parent / "assets" / "expand.js"
_RUN = """
const data = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(data.map(expand)));
"""


def expanded(pages: list[PageData]) -> Any:  # noqa: ANN401 - JSON
    """Return what the script makes of the compact form of pages."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    done = subprocess.run(
        [node, "-e", _SCRIPT.read_text(encoding="utf-8") + _RUN],
        input=json.dumps([compact(each) for each in pages]),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return json.loads(done.stdout)


def as_json(pages: list[PageData]) -> Any:  # noqa: ANN401 - JSON
    """Return the pages as JSON has them: lists instead of tuples."""
    return json.loads(json.dumps(pages))


def test_the_script_restores_the_data_of_random_overviews() -> None:
    """Every value, and no other: gaps, equal times, hostile texts, facts such as `__proto__`."""
    pages: list[PageData] = []

    @given(overviews())
    def collect(overview: Overview) -> None:
        pages.append(page_data(overview, hub=HUB, lag_hours=72))

    collect()

    assert expanded(pages) == as_json(pages)


@pytest.mark.slow
def test_the_data_of_a_large_deployment_is_small() -> None:
    """Below 700 KB as ASCII, for 200 images in 34 regions with 10 releases each."""
    page = page_data(large_overview(), hub=HUB, lag_hours=72)
    text = json.dumps(compact(page), separators=(",", ":"))

    assert len(text) < 700_000
    assert expanded([page]) == as_json([page])
