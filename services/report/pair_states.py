"""The state of each pair on the page: that of `status`, or one that compares targets: pure.

`status` looks at each pair alone. Whether a newer release is in other targets, and whether the
publisher went back, is known from the releases of an image in all its targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.history.advice import Advice, advice
from services.history.conditions import Condition, Finding
from services.history.observed import label_of
from services.history.rollouts import Outcome, Rollout, Standing
from services.kernel.model import Kind, State
from services.report.page_data import STATES
from services.report.tracked import Tracked

LAGGING, BEHIND, ROLLED_BACK = "lagging", "behind", "rolledback"
OF_ROLLOUTS = (LAGGING, ROLLED_BACK, BEHIND)
"""The states that `status` does not have."""
_RANKS = {state: rank for rank, state in enumerate(STATES)}
_NEWS = timedelta(days=7)
"""How long the state after a rollback is shown."""

ADVICE: Mapping[str, Advice] = {
    LAGGING: Advice(
        "the newest release of the image has been in other regions for longer than the limit",
        "run `ami-tracker rollout NAME`, which shows the times of all regions; if the publisher "
        "does not support the region any more, remove it from Regions of the entry",
    ),
    BEHIND: Advice(
        "the newest release of the image is in other regions, for less than the limit",
        "nothing yet; publishers release region by region",
    ),
    ROLLED_BACK: Advice(
        "the publisher went back to an earlier image in the last seven days",
        "find out what runs the image that was replaced; `ami-tracker history NAME` shows its id",
    ),
}


@dataclass(frozen=True, slots=True)
class PairState:
    """The state of a pair, and since when, if that is known.

    `compared` is one of `OF_ROLLOUTS`, also if `state` is a worse one, and `compared_since` its
    time. `release` is the label of the newest release if the pair lacks it, or of the one to which
    the publisher went back.
    """

    finding: Finding
    state: str
    since: datetime | None
    code: str | None = None
    detail: str | None = None
    compared: str | None = None
    compared_since: datetime | None = None
    release: str | None = None

    @property
    def advice(self) -> Advice:
        """The reason and what to do, as in `status`."""
        if self.state in ADVICE:
            return ADVICE[self.state]
        return advice(self.finding.condition, self.finding.state, self.finding.code)


@dataclass(frozen=True, slots=True)
class Compared:
    """A state that the comparison of targets gives."""

    state: str
    since: datetime
    release: str


def compared(image: Tracked, moment: datetime, lag_hours: float) -> dict[int, Compared]:
    """The pairs of an image that lack its newest release or were rolled back, by position."""
    found = _rolled_back(image, moment)
    newest = _newest(image)
    lag = newest.lag(moment) if newest else None
    if newest is None or lag is None:
        return found
    state = LAGGING if lag > timedelta(hours=lag_hours).total_seconds() else BEHIND
    lacking = {place.target for place in newest.places if place.standing is Standing.LACKS}
    for position, seen in enumerate(image.seen):
        if seen.target in lacking and not (position in found and state == BEHIND):
            found[position] = Compared(state, newest.first, newest.label)
    return found


def _newest(image: Tracked) -> Rollout | None:
    """The newest roll-out that the publisher did not roll back."""
    wanted = (
        each
        for each in image.rollouts.found
        if each.outcome not in {Outcome.ROLLED_BACK, Outcome.NOT_JOINED}
    )
    return next(wanted, None)


def _rolled_back(image: Tracked, moment: datetime) -> dict[int, Compared]:
    return {
        row.position: Compared(ROLLED_BACK, row.release.detected_at, label_of(row.release))
        for group in image.groups
        for row in group.rows
        if row.entry.current
        and row.release.kind is Kind.ROLLBACK
        and moment - row.release.detected_at < _NEWS
    }


def pair_state(finding: Finding, found: Compared | None, image: Tracked | None) -> PairState:
    """The state of a pair: the worse one of its condition and of the comparison."""
    condition = finding.condition.value
    code, detail = _answer(finding, image)
    if found is None:
        return PairState(finding, condition, finding.since, code, detail)
    more = (found.state, found.since, found.release)
    if _RANKS[condition] <= _RANKS[found.state]:
        return PairState(finding, condition, finding.since, code, detail, *more)
    return PairState(finding, found.state, found.since, None, None, *more)


def _answer(finding: Finding, image: Tracked | None) -> tuple[str | None, str | None]:
    """The code and the detail: of the lookup, or what the topic answered."""
    if finding.condition is Condition.PENDING and image is not None:
        problems = [
            row.last_problem
            for seen in image.seen
            if seen.target == finding.target
            for row in reversed(seen.releases)
            if row.pending and row.last_problem
        ]
        return (problems[0].code, problems[0].detail) if problems else (None, None)
    pair = finding.row.pair
    failed = finding.state is not State.OK and finding.state is pair.state
    return finding.code, finding.row.detail if failed else None
