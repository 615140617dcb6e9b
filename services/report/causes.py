"""What needs attention: the causes of `status`, and those that compare targets: pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.history.attention import Attention
from services.history.conditions import OF_PAIRS, Urgency
from services.history.names import family_of, labels
from services.kernel.model import Target
from services.report.commands import Commands
from services.report.minutes import minutes
from services.report.page_data import STATES, Cause
from services.report.pair_states import ADVICE, LAGGING, ROLLED_BACK, PairState

_URGENCY: Mapping[str, Urgency] = {LAGGING: Urgency.WATCH, ROLLED_BACK: Urgency.NOTE}
"""The states that are causes; `behind` is normal while a release spreads."""
_RANKS = {state: rank for rank, state in enumerate(STATES)}


@dataclass(frozen=True, slots=True)
class Known:
    """The places of images and targets in the lists of the page."""

    images: Mapping[str, int]
    targets: Mapping[Target, int]


def causes(
    status: Sequence[Attention], pairs: Iterable[PairState], places: Known, commands: Commands
) -> list[Cause]:
    """All causes: those of regions first, then by state, the worst first."""
    found = [(_rank(each), _of_status(each, places, commands)) for each in status]
    groups: dict[tuple[str, Hashable], list[PairState]] = defaultdict(list)
    for key, pair in _keyed([each for each in pairs if each.compared in _URGENCY]):
        groups[key].append(pair)
    for (state, _), members in groups.items():
        found.append((_RANKS[state], _of_rollout(state, members, places, commands)))
    return [cause for _, cause in sorted(found, key=_order)]


def _rank(entry: Attention) -> int:
    """The rank of the cause's state; a cause of regions, without pairs, comes first."""
    if entry.condition in OF_PAIRS:
        return _RANKS[entry.condition.value]
    return entry.condition.rank - len(STATES)


def _order(ranked: tuple[int, Cause]) -> tuple[object, ...]:
    rank, cause = ranked
    return (
        rank,
        -cause["pairs"],
        cause["names"],
        cause["regions"],
        cause["why"],
        cause["since"] or 0,
    )


def _of_status(entry: Attention, places: Known, commands: Commands) -> Cause:
    return _cause(
        Cause(
            state=entry.condition.value,
            urgency=entry.urgency.value,
            names=labels(entry.image_names),
            regions=list(entry.regions),
            accounts=list(entry.accounts),
            images=[],
            targets=[],
            whole_targets=entry.whole_targets,
            since=minutes(entry.since),
            pairs=entry.pairs,
            why=entry.reason,
            todo=entry.todo,
            detail=entry.detail,
            command=commands.of_cause(entry),
        ),
        entry.image_names,
        entry.where,
        places,
    )


def _cause(cause: Cause, names: Collection[str], where: Collection[Target], places: Known) -> Cause:
    """The cause with the places of its images and targets."""
    cause["images"] = sorted(places.images[name] for name in names)
    cause["targets"] = sorted(places.targets[target] for target in where)
    if cause["images"] and not cause["whole_targets"]:
        cause["link"] = places.images[min(names)]
    return cause


# --- causes that compare targets


def _keyed(
    pairs: Sequence[PairState],
) -> Iterable[tuple[tuple[str, Hashable], PairState]]:
    """The pairs with what makes their causes equal.

    One release of a family that is missing in the same targets is one cause. Architecture siblings
    are counted together, so the rest of a family does not fall apart if one of two has more.
    """
    where: dict[Hashable, set[Target]] = defaultdict(set)
    for pair in pairs:
        where[_sibling(pair)].add(pair.finding.target)
    for pair in pairs:
        family = pair.finding.row.pair.family or family_of(pair.finding.image_name)
        key = (family, pair.release, frozenset(where[_sibling(pair)]))
        yield (pair.compared or "", key), pair


def _sibling(pair: PairState) -> tuple[Hashable, ...]:
    return family_of(pair.finding.image_name), pair.compared, pair.release


def _of_rollout(state: str, pairs: Sequence[PairState], places: Known, commands: Commands) -> Cause:
    names = {each.finding.image_name for each in pairs}
    where = {each.finding.target for each in pairs}
    since = [each.compared_since for each in pairs if each.compared_since]
    releases = sorted({each.release for each in pairs if each.release})
    return _cause(
        Cause(
            state=state,
            urgency=_URGENCY[state].value,
            names=labels(names),
            regions=sorted({target.region for target in where}),
            accounts=sorted({target.account_id for target in where}),
            images=[],
            targets=[],
            whole_targets=False,
            since=minutes(_earliest(since)),
            pairs=len(pairs),
            why=ADVICE[state].reason,
            todo=ADVICE[state].todo,
            detail=f"{_DETAIL[state]} {', '.join(releases)}",
            command=commands.of_rollout(state, min(names), where),
        ),
        names,
        where,
        places,
    )


_DETAIL = {LAGGING: "the newest release is", ROLLED_BACK: "the current release is"}


def _earliest(times: Sequence[datetime]) -> datetime | None:
    return min(times, default=None)
