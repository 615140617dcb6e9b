"""What an observation means for its pair: pure."""

from __future__ import annotations

from dataclasses import dataclass

from services.kernel.model import FilterLookup, Kind, Observation, Pair, Release


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The known image is still the current one."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An edited lookup still gives the known image.

    It has to be remembered, so that the next change counts as what it is, not as the edit's.
    """


@dataclass(frozen=True, slots=True)
class Changed:
    """The current image is another one."""

    release: Release


Decision = Unchanged | Confirmed | Changed


def edited(pair: Pair) -> bool:
    """Whether the lookup was edited, or watched anew, since it last gave the known image."""
    return pair.confirmed_digest != pair.lookup_digest


def decide(
    pair: Pair, observed: Observation, past: frozenset[str], *, detected_at: str, round_: str
) -> Decision:
    """What to commit, if anything; `past` holds the image ids of the pair's earlier releases."""
    if pair.known is None or observed.image_id != pair.known.image_id:
        release = Release(
            target=pair.target,
            image_name=pair.image_name,
            version=pair.version + 1,
            kind=_kind(pair, observed, past),
            observed=observed,
            previous_image_id=pair.known.image_id if pair.known else None,
            detected_at=detected_at,
            round=round_,
            lookup_digest=pair.lookup_digest,
        )
        return Changed(release)
    return Confirmed() if edited(pair) else Unchanged()


def _kind(pair: Pair, observed: Observation, past: frozenset[str]) -> Kind:
    if pair.known is None:
        return Kind.BASELINE
    if edited(pair):
        return Kind.RECONFIGURED
    if observed.image_id in past or _older_answer(pair, observed, pair.known):
        return Kind.ROLLBACK
    return Kind.RELEASE


def _older_answer(pair: Pair, observed: Observation, known: Observation) -> bool:
    """Whether a filter's newest image is older than the one it gave before, which was withdrawn."""
    if not isinstance(pair.lookup, FilterLookup):
        return False
    return (observed.creation_date or "") < (known.creation_date or "")
