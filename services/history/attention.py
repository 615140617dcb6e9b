"""What needs attention: one entry per cause, not per pair: pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from services.history.advice import advice
from services.history.conditions import (
    ACCESS_STATES,
    BUSY_STATES,
    IMAGE_STATES,
    Condition,
    Finding,
    Urgency,
)
from services.history.names import family_of
from services.kernel.model import State, Target

H = TypeVar("H", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Attention:
    """A cause, its pairs, and what to do.

    `whole_targets` is true if every other pair of the targets has the same cause. `state`, `code`
    and `detail` are those of most pairs. `since` is the earliest time that is known. `where` has
    the targets. A cause of a region, such as missing rounds, has no pairs.
    """

    condition: Condition
    urgency: Urgency
    reason: str
    todo: str
    state: State | None = None
    code: str | None = None
    detail: str | None = None
    image_names: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    targets: int = 0
    pairs: int = 0
    whole_targets: bool = False
    since: datetime | None = None
    where: tuple[Target, ...] = ()


_URGENCY = {
    Condition.FAILING: Urgency.ACT,
    Condition.NEVER: Urgency.ACT,
    Condition.WITHDRAWN: Urgency.ACT,
    Condition.UNREADABLE: Urgency.ACT,
    Condition.DEPRECATED: Urgency.NOTE,
}
"""All others are `watch`."""


def urgency(condition: Condition) -> Urgency:
    """How soon a person has to do something about a condition."""
    return _URGENCY.get(condition, Urgency.WATCH)


def of_region(condition: Condition, regions: Collection[str], **more: object) -> Attention:
    """A cause of regions or of the table, without pairs."""
    found = advice(condition)
    values = {"urgency": urgency(condition), "regions": tuple(sorted(regions)), **more}
    return Attention(condition, reason=found.reason, todo=found.todo, **values)  # type: ignore[arg-type]


def attention(
    everything: Sequence[Finding], shown: Collection[str] | None = None
) -> list[Attention]:
    """The causes, the worst first; each pair that is not ok belongs to one of them.

    The causes are found from all pairs. `shown` limits the entries to these images.
    """
    causes: dict[_Cause, list[Finding]] = defaultdict(list)
    for finding, cause in _causes(everything):
        if shown is None or finding.image_name in shown:
            causes[cause].append(finding)
    entries = [_entry(cause, found) for cause, found in causes.items()]
    return sorted(entries, key=_order)


def _order(entry: Attention) -> tuple[object, ...]:
    return (entry.condition.rank, -entry.pairs, entry.image_names, entry.regions, entry.code or "")


@dataclass(frozen=True, slots=True)
class _Cause:
    """What makes two pairs have the same cause; `key` has what else must be equal."""

    condition: Condition
    whole_target: bool = False
    key: Hashable = None


def _causes(everything: Sequence[Finding]) -> Iterable[tuple[Finding, _Cause]]:
    whole = _whole_targets(everything)
    rest = []
    for finding in everything:
        if finding.condition is Condition.OK:
            continue
        if finding.target in whole and _can_be_of_target(finding):
            yield finding, whole[finding.target]
        else:
            rest.append(finding)
    everywhere = _failing_everywhere(each for each in everything if each.target not in whole)
    places: dict[Hashable, set[Target]] = defaultdict(set)
    for finding in rest:
        places[_sibling(finding)].add(finding.target)
    for finding in rest:
        yield finding, _cause(finding, everywhere, frozenset(places[_sibling(finding)]))


def _sibling(finding: Finding) -> tuple[Hashable, ...]:
    return (family_of(finding.image_name), finding.condition, finding.state)


def _cause(finding: Finding, everywhere: Collection[str], places: frozenset[Target]) -> _Cause:
    condition, family = finding.condition, family_of(finding.image_name)
    if condition is Condition.NEVER:
        return _Cause(condition, key=family)
    if finding.is_failing and finding.state in IMAGE_STATES:
        if finding.image_name in everywhere:
            return _Cause(condition, key=family)
        return _Cause(condition, key=(finding.state, places))
    if finding.is_failing and finding.state in ACCESS_STATES:
        return _Cause(condition, key=(finding.state, finding.code, places))
    return _Cause(condition, key=(finding.state, finding.code))


# --- targets and images that fail as a whole


def _can_be_of_target(finding: Finding) -> bool:
    return finding.condition in {
        Condition.FAILING,
        Condition.WITHDRAWN,
        Condition.STALE,
        Condition.UNKNOWN,
    }


def _whole_targets(everything: Iterable[Finding]) -> Mapping[Target, _Cause]:
    """The targets whose pairs all have one cause, apart from images that were never found."""
    targets: dict[Target, list[Finding]] = defaultdict(list)
    for finding in everything:
        if finding.condition is not Condition.NEVER:
            targets[finding.target].append(finding)
    found = {target: _common(target, pairs) for target, pairs in targets.items()}
    return {target: cause for target, cause in found.items() if cause}


def _common(target: Target, pairs: Sequence[Finding]) -> _Cause | None:
    if not all(map(_can_be_of_target, pairs)):
        return None
    rest = [pair for pair in pairs if pair.condition is not Condition.STALE]
    groups = {_group(pair.state) for pair in rest}
    if len(groups) > 1 or (groups and groups != {None} and _is_of_image(groups, pairs)):
        return None
    if groups == {None} and len(rest) < len(pairs):
        return None
    condition, state, code = _most_common(
        (pair.condition, pair.state, pair.code) for pair in rest or pairs
    )
    account = target.account_id if state in ACCESS_STATES else None
    return _Cause(condition, whole_target=True, key=(state, code, account))


def _is_of_image(groups: Collection[object], pairs: Collection[Finding]) -> bool:
    """Whether the cause is a single image, of which the target has no others."""
    return groups == {"image"} and len({family_of(pair.image_name) for pair in pairs}) == 1


def _group(state: State | None) -> str | None:
    if state is None:
        return None
    for name, states in (("image", IMAGE_STATES), ("access", ACCESS_STATES), ("busy", BUSY_STATES)):
        if state in states:
            return name
    return "other"


def _failing_everywhere(everything: Iterable[Finding]) -> frozenset[str]:
    """The images without a usable answer in each of their targets."""
    found: dict[str, bool] = {}
    for finding in everything:
        missing = finding.is_failing and finding.state in IMAGE_STATES
        found[finding.image_name] = missing and found.get(finding.image_name, True)
    return frozenset(name for name, missing in found.items() if missing)


# --- entries


def _entry(cause: _Cause, found: Sequence[Finding]) -> Attention:
    labelled = [each for each in found if each.condition is cause.condition] or found
    state, code = _most_common((each.state, each.code) for each in labelled)
    details = [
        each.row.detail
        for each in labelled
        if each.row.detail and (each.state, each.code) == (state, code) and each.is_failing
    ]
    since = [each.since for each in found if each.since]
    text = advice(cause.condition, state, code)
    targets = {each.target for each in found}
    return Attention(
        cause.condition,
        urgency(cause.condition),
        text.reason,
        text.todo,
        state=state,
        code=code,
        detail=_most_common(details) if details else None,
        image_names=tuple(sorted({each.image_name for each in found})),
        regions=tuple(sorted({target.region for target in targets})),
        accounts=tuple(sorted({target.account_id for target in targets})),
        targets=len(targets),
        pairs=len(found),
        whole_targets=cause.whole_target,
        since=min(since, default=None),
        where=tuple(sorted(targets)),
    )


def _most_common(values: Iterable[H]) -> H:
    """The most frequent value; of several, the first in the order of their texts."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], str(value)))
