"""Which measurements a run makes."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.mass_release import MassRelease
from benchmarks.measure import Case
from benchmarks.world import World

STEADY = Case(10_000)
"""The round that the goals are stated for: 294 images in each of 34 regions."""
STEADY_TLS = Case(10_000, tls=True)
QUICK = Case(1000)

GROWTH: Sequence[Case] = (
    Case(1000),
    STEADY,
    Case(100_000),
    Case(1000, accounts=5),
    Case(10_000, accounts=5),
    Case(100_000, accounts=5),
)
OTHERS: Sequence[Case] = (
    Case(10_000, family=50),
    Case(10_000, batches="polled"),
    Case(10_000, batches="shuffled"),
    Case(10_000, accounts=5, batches="polled"),
    Case(10_000, accounts=5, batches="shuffled"),
    Case(10_000, batches="shuffled", tls=True),
    Case(10_000, changed=1),
    Case(10_000, first=True),
)
LARGEST_FIRST = World(1000, accounts=5)
"""The largest first round that is considered: 170,000 pairs."""
MASS_RELEASE = MassRelease(images=1000, capacity=0.2)
SAMPLES = {"naive": 100, "single": 500, "images": 500}
"""Pairs of the ways that the functions are compared with: a new client per call needs long."""
