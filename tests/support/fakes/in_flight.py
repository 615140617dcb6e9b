"""Calls into targets one after the other, for tests of their order."""

from __future__ import annotations

from services.lookup.in_flight import CallsInFlight


def one_at_a_time() -> CallsInFlight:
    """Return calls without helper threads and without pauses for the quota."""
    return CallsInFlight(helpers=0, sleep=lambda _: None)
