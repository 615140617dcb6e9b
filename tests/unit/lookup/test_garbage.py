"""Searches for reference cycles become rare, but do not end."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from services.lookup.garbage import search_rarely


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_a_large_response_starts_no_search() -> None:
    """A thousand images with eighteen attributes are fewer than 20,000 objects."""
    search_rarely()
    gc.collect()
    before = gc.get_stats()[0]["collections"]
    images = [{name: [name] for name in range(18)} for _ in range(1_000)]
    assert len(images) == 1_000
    assert gc.get_stats()[0]["collections"] - before <= 1


def test_cycles_are_still_found() -> None:
    """An error keeps its traceback and its frames, which can be a cycle."""
    search_rarely()
    before = gc.get_stats()[0]["collected"]
    for _ in range(100_000):
        cycle: list[object] = []
        cycle.append(cycle)
    assert gc.get_stats()[0]["collected"] - before > 10_000
    assert gc.get_freeze_count() > 0
