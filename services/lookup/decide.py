"""Decides what an observation changes for its pair: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.kernel.model import About, FilterLookup, Kind, Observation, Pair, Release
from services.lookup.resolve import order


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The known image is still the current one."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An edited lookup still finds the known image.

    This is stored, so the next change is not attributed to the edit.
    """


@dataclass(frozen=True, slots=True)
class Changed:
    """The current image is another one."""

    release: Release


Decision = Unchanged | Confirmed | Changed


def edited(pair: Pair) -> bool:
    """Whether the lookup was edited or reactivated since it last found the known image."""
    return pair.confirmed_digest != pair.lookup_digest


def decide(
    pair: Pair,
    observed: Observation,
    past: Sequence[Release],
    *,
    detected_at: datetime,
    round_id: str,
    about: About | None = None,
) -> Decision:
    """The change to commit, if any; `past` has the pair's last releases, oldest first.

    `about` describes the observed image, for the release row.
    """
    if pair.known is None or observed.image_id != pair.known.image_id:
        release = Release(
            target=pair.target,
            image_name=pair.image_name,
            version=pair.version + 1,
            kind=_kind(pair, observed, past),
            observed=observed,
            previous_image_id=pair.known.image_id if pair.known else None,
            detected_at=detected_at,
            round=round_id,
            lookup_digest=pair.lookup_digest,
            about=about or About(),
        )
        return Changed(release)
    return Confirmed() if edited(pair) else Unchanged()


def _kind(pair: Pair, observed: Observation, past: Sequence[Release]) -> Kind:
    if pair.known is None:
        return Kind.BASELINE
    if edited(pair):
        return Kind.RECONFIGURED
    back = _went_back(pair.known, observed, _comparable(pair, past))
    if back is None:
        back = _earlier(pair, observed, pair.known)
    return Kind.ROLLBACK if back else Kind.RELEASE


def _comparable(pair: Pair, past: Sequence[Release]) -> list[Release]:
    """The releases of the current lookup since the last baseline or reconfiguration."""
    starts = [n for n, each in enumerate(past) if each.kind in {Kind.BASELINE, Kind.RECONFIGURED}]
    since = past[starts[-1] :] if starts else past
    return [release for release in since if release.lookup_digest == pair.lookup_digest]


def _went_back(known: Observation, new: Observation, past: Sequence[Release]) -> bool | None:
    """Whether the new image was current before the known one; None if the history is unclear.

    The order in which images became current is the publisher's order only if all of them were
    releases. After a rollback, the next image can be older than one that was current before.
    """
    first: dict[str, int] = {}
    for position, release in enumerate(past):
        first.setdefault(release.observed.image_id, position)
    if not {known.image_id, new.image_id} <= first.keys():
        return None
    begin, end = sorted((first[known.image_id], first[new.image_id]))
    if any(release.kind is Kind.ROLLBACK for release in past[begin : end + 1]):
        return None
    return first[new.image_id] < first[known.image_id]


def _earlier(pair: Pair, new: Observation, known: Observation) -> bool:
    """Whether the new image is earlier: by date, or by the order of a filter lookup."""
    if isinstance(pair.lookup, FilterLookup):
        position = order(pair.lookup)
        return position(new) < position(known)
    if new.creation_date is None or known.creation_date is None:
        return False
    return new.creation_date < known.creation_date
