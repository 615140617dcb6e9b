"""A new build of every image of a region at once, with less capacity than the writes need."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from benchmarks.laboratory import Laboratory
from benchmarks.mass_release import MassRelease, measure_mass_release

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SMALL = MassRelease(images=200, accounts=1, invocations=3, capacity=0.1)
"""800 write units for the commits, from a partition that takes 100 a second."""


def test_no_message_comes_back_and_nothing_is_written_twice(bench: Laboratory) -> None:
    """Throttled writes wait for capacity in the invocation; each event is published once."""
    found = measure_mass_release(bench, SMALL)

    assert found.refused["dynamodb.TransactWriteItems"] > 0
    assert (found.failed, found.dead_letters) == ([0], 0)
    commits = found.calls["dynamodb.TransactWriteItems"]
    assert commits - found.refused["dynamodb.TransactWriteItems"] == found.pairs
    # Image row, release row and mark of each pair, and the answers of each invocation.
    assert found.units["rows written"] == 3 * found.pairs + found.invocations
    assert (found.announced, found.published, found.pending) == (found.pairs, found.pairs, 0)
    assert json.loads(json.dumps(asdict(found)))["failed"] == [0]
