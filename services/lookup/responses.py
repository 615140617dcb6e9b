"""What SSM and EC2 return about a lookup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.kernel.errors import Failure
from services.kernel.model import Observation

AVAILABLE = "available"


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """A parameter's value, its version, and the time of its last change; None if unknown."""

    value: str
    version: int | None = None
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ami:
    """An image: the attributes that select it, and all of them in `details`, as EC2 sent them."""

    image_id: str
    name: str | None = None
    creation_date: str = ""
    state: str = AVAILABLE
    deprecation_time: datetime | None = None
    details: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def observation(self) -> Observation:
        """The observation of this image."""
        return Observation(
            self.image_id, self.name, self.creation_date or None, self.deprecation_time
        )


@dataclass(frozen=True, slots=True)
class Matches:
    """The images that match a lookup's filters, and the number of pages that EC2 sent."""

    images: Sequence[Ami] = ()
    pages: int = 1


@dataclass(frozen=True, slots=True)
class ParameterEvidence:
    """Why a parameter's lookup has its result.

    `value` is None if the parameter does not exist or was not read. `image` is the image that it
    names as it is visible in the target, None if it is not visible or was not requested.
    """

    value: ParameterValue | None = None
    image: Ami | None = None


@dataclass(frozen=True, slots=True)
class FilterEvidence:
    """Why a filter lookup has its result.

    `images` are all images that matched the filters, and `again` is the known image if it had to be
    requested by its id.
    """

    images: Sequence[Ami] = ()
    again: Sequence[Ami] = ()
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """The image that a lookup found, or the failure; and why, if a call returned something."""

    answer: Observation | Failure
    evidence: ParameterEvidence | FilterEvidence | None = None

    def image(self) -> Ami | None:
        """The image that was found, as EC2 described it."""
        match self.evidence, self.answer:
            case ParameterEvidence(_, image), Observation():
                return image
            case FilterEvidence(images, again), Observation(image_id):
                found = (each for each in (*images, *again) if each.image_id == image_id)
                return next(found, None)
            case _:
                return None
