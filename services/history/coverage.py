"""Which accounts and regions can be looked up: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.history.advice import Advice, advice_for
from services.history.conditions import IMAGE_STATES, Condition, Finding, findings
from services.history.rows import Snapshot
from services.history.status import freshness, unreadable
from services.kernel.model import State


class Access(StrEnum):
    """Whether the lookups reach a target."""

    REACHABLE = "reachable"
    """At least one lookup was answered: it found an image, or that there is none."""
    DENIED = "denied"
    DISABLED = "disabled"
    UNKNOWN = "unknown"
    """No recent answer, for another reason or without one."""


@dataclass(frozen=True, slots=True)
class Covered:
    """A target, with its active pairs by condition; the account is None if no row can be read.

    `denied` is the number of pairs whose lookup is denied. `code`, `since` and `advice` are those
    of most pairs of a target that is not reachable.
    """

    region: str
    account_id: str | None
    access: Access
    pairs: int = 0
    answered: int = 0
    denied: int = 0
    state: State | None = None
    code: str | None = None
    detail: str | None = None
    since: datetime | None = None
    advice: Advice | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The answer of `coverage`: all targets, by account and region."""

    moment: datetime
    targets: tuple[Covered, ...]
    counts: Mapping[Access, int]
    unreadable: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every target is reachable and every row could be read."""
        reachable = all(each.access is Access.REACHABLE for each in self.targets)
        return bool(self.targets) and reachable and not self.unreadable


_NO_LOOKUP = Advice(
    "no lookup has ended yet", "wait for the first round; if it stays, run `ami-tracker status`"
)
_NO_ROWS = Advice(
    "no image row of the region can be read", "run `ami-tracker status`, which names the rows"
)
_OLD = Advice("rounds are missing, so the last answers are outdated", "run `ami-tracker status`")


def coverage(snapshot: Snapshot) -> Coverage:
    """The access to each target that has tracked images."""
    found = findings(snapshot)
    old = {each.region for each in freshness(snapshot, found) if each.is_old}
    groups: dict[tuple[str, str], list[Finding]] = {}
    for each in found:
        groups.setdefault((each.target.account_id, each.target.region), []).append(each)
    targets = [
        _covered(account, region, pairs, is_old=region in old)
        for (account, region), pairs in groups.items()
    ]
    targets += [
        Covered(each.region, None, Access.UNKNOWN, advice=_NO_ROWS)
        for each in snapshot.regions
        if each.region not in {target.region for target in targets} and not each.images.found
    ]
    counts = Counter(each.access for each in targets)
    return Coverage(
        snapshot.moment,
        tuple(sorted(targets, key=lambda each: (each.account_id or "", each.region))),
        {access: counts[access] for access in Access},
        unreadable(snapshot),
    )


def _covered(account: str, region: str, pairs: Sequence[Finding], *, is_old: bool) -> Covered:
    answered = sum(map(_is_answered, pairs))
    denied = [each for each in pairs if each.state is State.ACCESS_DENIED]
    disabled = [each for each in pairs if each.state is State.REGION_DISABLED]
    found = Covered(region, account, Access.REACHABLE, len(pairs), answered, len(denied))
    if answered and not is_old:
        return found
    if answered:
        return _because(found, Access.UNKNOWN, (), _OLD)
    if denied or disabled:
        access = Access.DENIED if len(denied) >= len(disabled) else Access.DISABLED
        return _because(found, access, denied if access is Access.DENIED else disabled)
    return _because(found, Access.UNKNOWN, [each for each in pairs if each.state] or pairs)


def _is_answered(finding: Finding) -> bool:
    """Whether the target answered the last lookup, which was not long ago."""
    known = {Condition.OK, Condition.PENDING, Condition.DEPRECATED}
    return finding.condition in known or (finding.is_failing and finding.state in IMAGE_STATES)


def _because(
    target: Covered, access: Access, pairs: Sequence[Finding], advice: Advice | None = None
) -> Covered:
    """The target with the reason that most of these pairs have."""
    reasons = Counter((each.state, each.code) for each in pairs)
    state, code = min(reasons, key=lambda r: (-reasons[r], str(r))) if reasons else (None, None)
    same = [each for each in pairs if (each.state, each.code) == (state, code)]
    since = [each.since for each in same if each.since]
    return replace(
        target,
        access=access,
        state=state,
        code=code,
        detail=next((each.row.detail for each in same if each.is_failing), None),
        since=min(since, default=None),
        advice=advice or (advice_for(state, code) if state else _NO_LOOKUP),
    )
