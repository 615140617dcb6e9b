"""Explains the result of a lookup for people: pure. The service itself does not need it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kernel.model import (
    FilterLookup,
    Observation,
    OrderBy,
    Pair,
    ParameterLookup,
    ReleaseRule,
)
from services.kernel.release_key import release_key
from services.lookup.resolve import candidates, deprecated, excluded_by, order, parameter_image_id
from services.lookup.responses import (
    Ami,
    FilterEvidence,
    Finding,
    ParameterEvidence,
    ParameterValue,
)


class Verdict(StrEnum):
    """Why a candidate of a filter lookup is the current image, or is not."""

    NEWEST = "newest"
    """It is the newest candidate that is not deprecated."""
    NEWEST_DEPRECATED = "newest, but deprecated"
    """It is the newest candidate, and all are deprecated."""
    KNOWN = "known"
    """It is the known image, and no candidate that is not deprecated is newer."""
    OLDER = "older"
    """Another candidate is newer in the lookup's order."""
    DEPRECATED = "deprecated"
    """It is deprecated, and another candidate is not, or is the known image."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image that a filter lookup can select, with its release key and the verdict."""

    image: Ami
    release: str | None
    verdict: Verdict

    @property
    def chosen(self) -> bool:
        """Whether this is the current image."""
        return self.verdict in {Verdict.NEWEST, Verdict.NEWEST_DEPRECATED, Verdict.KNOWN}


@dataclass(frozen=True, slots=True)
class Excluded:
    """An image that matched the filters, and the wildcard of ExcludeNames that excludes it."""

    image: Ami
    pattern: str


@dataclass(frozen=True, slots=True)
class ParameterExplanation:
    """A parameter, its value, the image id in it, and the image as it is visible in the target.

    `value` is None if the parameter does not exist or was not read, `image_id` if the value is not
    an image id, and `image` if it is not visible or was not requested.
    """

    path: str
    value: ParameterValue | None
    image_id: str | None
    image: Ami | None


@dataclass(frozen=True, slots=True)
class FilterExplanation:
    """The candidates of a filter lookup, the newest first, and the images that are excluded.

    `pages` is the number of pages of the response, and `asked_again` is true if the known image was
    requested by its id.
    """

    candidates: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...]
    pages: int
    order_by: OrderBy
    asked_again: bool


Explanation = ParameterExplanation | FilterExplanation


def explained(
    pair: Pair, finding: Finding, rule: ReleaseRule | None, now: datetime
) -> Explanation | None:
    """Why the lookup of a pair has this result; None if no call returned anything."""
    match pair.lookup, finding.evidence:
        case ParameterLookup(path), ParameterEvidence(value, image):
            named = parameter_image_id(value.value) if value else None
            return ParameterExplanation(
                path, value, named if isinstance(named, str) else None, image
            )
        case FilterLookup() as lookup, FilterEvidence() as evidence:
            return _filters(pair, lookup, finding.answer, evidence, rule, now)
        case _:
            return None


def _filters(
    pair: Pair,
    lookup: FilterLookup,
    answer: object,
    evidence: FilterEvidence,
    rule: ReleaseRule | None,
    now: datetime,
) -> FilterExplanation:
    matched = {image.image_id: image for image in (*evidence.images, *evidence.again)}
    shown = candidates(lookup, matched.values())
    position = order(lookup)
    shown.sort(key=lambda image: position(image.observation()), reverse=True)
    pattern = (rule.pattern if rule else None) or lookup.pattern
    chosen = answer.image_id if isinstance(answer, Observation) else None
    known = pair.known.image_id if pair.known else None
    excluded = ((image, excluded_by(lookup, image)) for image in matched.values())
    return FilterExplanation(
        candidates=tuple(
            Candidate(image, release_key(pattern, image.name), _verdict(image, chosen, known, now))
            for image in shown
        ),
        excluded=tuple(Excluded(image, by) for image, by in excluded if by is not None),
        pages=evidence.pages,
        order_by=lookup.order_by,
        asked_again=bool(evidence.again),
    )


def _verdict(image: Ami, chosen: str | None, known: str | None, now: datetime) -> Verdict:
    is_deprecated = deprecated(image, now)
    if image.image_id == chosen == known:
        return Verdict.KNOWN
    if image.image_id == chosen:
        return Verdict.NEWEST_DEPRECATED if is_deprecated else Verdict.NEWEST
    return Verdict.DEPRECATED if is_deprecated else Verdict.OLDER
