"""The verdict, the last round and the figures at the top of the page: pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median_low

from services.history.conditions import Condition, Finding
from services.history.overview import Overview
from services.history.rollouts import Rollout, Standing
from services.history.status import Status
from services.kernel.wire import timestamp
from services.report.minutes import minutes
from services.report.page_data import Cause, Figures, Round, Verdict
from services.report.tracked import Tracked

_WEEK, _MONTH = timedelta(days=7), timedelta(days=30)
_ANSWERED = frozenset({Condition.OK, Condition.PENDING, Condition.DEPRECATED})
_PRESENT = frozenset({Standing.HAS, Standing.HAD, Standing.UNKNOWN})


def last_round(status: Status) -> Round:
    """The last round of the target whose last round is the oldest."""
    rounds = [each for each in status.freshness if each.last_round]
    oldest = min(rounds, key=lambda each: each.last_round or status.moment, default=None)
    interval = status.interval_minutes
    if oldest is None or oldest.last_round is None:
        return Round(at=None, interval_minutes=interval, next_at=None, missed=None)
    at, missed = oldest.last_round, oldest.missed
    next_at = at + timedelta(minutes=interval * ((missed or 0) + 1)) if interval else None
    return Round(
        at=timestamp(at),
        interval_minutes=interval,
        next_at=timestamp(next_at) if next_at else None,
        missed=missed,
    )


def verdict(causes: Sequence[Cause], overview: Overview, findings: Sequence[Finding]) -> Verdict:
    """The counts of causes and of confirmed pairs."""
    counts = Counter(each["urgency"] for each in causes)
    rounds = overview.snapshot.rounds()
    missed = {target: row.window.missed - row.window.answered for target, row in rounds.items()}
    confirmed = sum(
        each.condition in _ANSWERED and each.row.pair.number not in missed[each.target]
        for each in findings
        if each.target in missed
    )
    return Verdict(
        act=counts["act"],
        watch=counts["watch"],
        note=counts["note"],
        confirmed=confirmed,
        pairs=len(findings),
    )


def figures(overview: Overview, findings: Sequence[Finding], images: Sequence[Tracked]) -> Figures:
    """The figures of all images."""
    moment = overview.snapshot.moment
    spread = sorted(_spread(images, moment))
    return Figures(
        images=len({each.image_name for each in findings}),
        regions=len({each.target.region for each in findings}),
        accounts=len({each.target.account_id for each in findings}),
        changes=sum(_is_change(image, moment) for image in images),
        spread=len(spread),
        spread_median=median_low(spread) if spread else None,
        spread_p95=spread[math.ceil(len(spread) * 0.95) - 1] if spread else None,
        pending=len(overview.snapshot.pending.found),
        pending_since=minutes(_oldest_pending(overview)),
    )


def _is_change(image: Tracked, moment: datetime) -> int:
    """The number of releases and rollbacks of an image in the last seven days."""
    return sum(
        group.exact and moment - group.earliest.detected_at < _WEEK for group in image.groups
    )


def _spread(images: Iterable[Tracked], moment: datetime) -> Iterator[int]:
    """The minutes that each roll-out of the last 30 days needed to reach all regions.

    Regions that cannot be reached are not counted, and roll-outs whose begin is not known are left
    out.
    """
    for image in images:
        for rollout in image.rollouts.found:
            if rollout.exact and moment - rollout.first < _MONTH and _is_everywhere(rollout):
                times = [place.took for place in rollout.places if place.took is not None]
                if len(times) > 1:
                    yield max(times) // 60


def _is_everywhere(rollout: Rollout) -> bool:
    return all(place.standing in _PRESENT for place in rollout.places)


def _oldest_pending(overview: Overview) -> datetime | None:
    """Since when the oldest release is pending, as far as its row was read."""
    pending = {(key.target, key.image_name, key.version) for key in overview.snapshot.pending.found}
    times = (
        row.release.detected_at
        for name, image in overview.images.items()
        for seen in image
        for row in seen.releases
        if (seen.target, name, row.release.version) in pending
    )
    return min(times, default=None)
