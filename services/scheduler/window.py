"""Computes the pairs of a target without a final outcome, by window: pure.

A window lasts at least half of the time after which a pair is stale, so a round that is repeated,
dated late or run for one region does not end it too early. A pair is stale if it had no final
outcome in two windows, so an outcome that is one window late is not a problem.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.kernel.model import Window

FURTHEST_AHEAD = timedelta(hours=2)
"""The limit for the scheduled time of a round, from now."""


def advance(
    before: Window,
    round_id: str,
    active: frozenset[int],
    fresh: frozenset[int],
    stale_after: timedelta,
    now: datetime,
) -> Window:
    """The target's window after a round.

    `active` are the pairs that were active before the round's changes. `fresh` are pairs that the
    round created or reactivated: they had no lookup before, so they count as answered.
    """
    if not _begins(before, round_id, stale_after, now):
        latest = max(before.round or "", round_id)
        return replace(before, round=latest, answered=before.answered | fresh)
    missed = active - before.answered if before.window else frozenset()
    return Window(round_id, round_id, fresh, missed, missed & before.missed)


def _begins(before: Window, round_id: str, stale_after: timedelta, now: datetime) -> bool:
    """Whether the round begins a window, since the last one has lasted long enough.

    A window with a later time than the limit of rounds was written with a wrong clock, so it ends.
    An old round that is run again does not end a window.
    """
    if before.window is None:
        return True
    window = datetime.fromisoformat(before.window)
    return (
        datetime.fromisoformat(round_id) - window >= stale_after / 2
        or window - now > FURTHEST_AHEAD
    )
