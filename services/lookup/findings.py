"""What the responses to a lookup mean for its pair: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.kernel.errors import Failure
from services.kernel.model import FilterLookup, Observation, Pair, State
from services.lookup.decide import edited
from services.lookup.resolve import (
    candidates,
    current,
    launchable,
    newest,
    parameter_image_id,
    with_image_id,
)
from services.lookup.responses import (
    Ami,
    FilterEvidence,
    Finding,
    Matches,
    ParameterEvidence,
    ParameterValue,
)


@dataclass(frozen=True, slots=True)
class Unseen:
    """A lookup whose list lacks the known image; `narrowed` requests that image by its id."""

    narrowed: FilterLookup
    known: Observation
    lookup: FilterLookup
    listed: FilterEvidence
    moment: datetime

    def finding(self, again: Matches | Failure) -> Finding:
        """The result, with the response to the request by id."""
        if isinstance(again, Failure):
            return Finding(again, self.listed)
        evidence = replace(self.listed, again=again.images)
        left = candidates(self.lookup, (*evidence.images, *again.images))
        answer = current(self.lookup, left, self.known, self.moment)
        return Finding(answer or newest(self.lookup, left, self.moment), evidence)


def listed(
    pair: Pair, lookup: FilterLookup, found: Matches | Failure, moment: datetime
) -> Finding | Unseen:
    """The pair's result, or how to request its known image, which the list lacks."""
    if isinstance(found, Failure):
        return Finding(found)
    left = candidates(lookup, found.images)
    evidence = FilterEvidence(found.images, pages=found.pages)
    if pair.known is None or edited(pair):
        return Finding(newest(lookup, left, moment), evidence)
    if answer := current(lookup, left, pair.known, moment):
        return Finding(answer, evidence)
    if narrowed := with_image_id(lookup, pair.known.image_id):
        return Unseen(narrowed, pair.known, lookup, evidence, moment)
    return Finding(newest(lookup, left, moment), evidence)


def named_image(
    path: str,
    value: ParameterValue | Failure | None,
    seen: Mapping[str, Ami | Failure | None],
) -> Finding | str:
    """The pair's result, or the id of an image that is not in `seen`."""
    if value is None:
        return Finding(_no_parameter(path), ParameterEvidence())
    if isinstance(value, Failure):
        return Finding(value)
    named = parameter_image_id(value.value)
    if isinstance(named, Failure):
        return Finding(named, ParameterEvidence(value))
    image = seen.get(named)
    if isinstance(image, Failure):
        return Finding(image, ParameterEvidence(value))
    answer = launchable(named, image)
    return (
        named if isinstance(answer, Failure) else Finding(answer, ParameterEvidence(value, image))
    )


def _no_parameter(path: str) -> Failure:
    detail = f"there is no parameter {path} here"
    return Failure.of(State.NOT_FOUND, "ParameterNotFound", detail)


def shown(
    pair: Pair, image_id: str, value: ParameterValue, visible: Ami | Failure | None
) -> Finding:
    """The pair's result, after the image that its parameter names was requested from EC2."""
    if isinstance(visible, Failure):
        return Finding(visible, ParameterEvidence(value))
    known = pair.known is not None and pair.known.image_id == image_id
    answer = launchable(image_id, visible, known=known)
    return Finding(answer, ParameterEvidence(value, visible))
