"""Which pairs of a target go unanswered, from window to window: pure.

A window lasts at least half of the time after which a pair is stale, so a round that is repeated,
dated late or made for one region ends none too early. A pair is stale when it had no final outcome
in two windows, so an answer that comes one window late does no harm.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.kernel.model import Window

FURTHEST_AHEAD = timedelta(hours=2)
"""No round is accepted that is dated later than this from now."""


def advance(
    before: Window,
    round_id: str,
    active: frozenset[int],
    fresh: frozenset[int],
    stale_after: timedelta,
    now: datetime,
) -> Window:
    """The target's window as a round leaves it.

    `active` are the pairs that were active before the round's changes, `fresh` those that it
    created or reactivated: no lookup was requested yet, so they count as answered.
    """
    if not _begins(before, round_id, stale_after, now):
        latest = max(before.round or "", round_id)
        return replace(before, round=latest, answered=before.answered | fresh)
    missed = active - before.answered if before.window else frozenset()
    return Window(round_id, round_id, fresh, missed, missed & before.missed)


def _begins(before: Window, round_id: str, stale_after: timedelta, now: datetime) -> bool:
    """Whether the round begins a window: the one before it has lasted long enough.

    A window that is dated further ahead than any round may be was written by a wrong clock. A round
    of long ago that is run again is no reason to end a window.
    """
    if before.window is None:
        return True
    window = datetime.fromisoformat(before.window)
    return (
        datetime.fromisoformat(round_id) - window >= stale_after / 2
        or window - now > FURTHEST_AHEAD
    )
