"""Everything that the report page and the feed show: the rows of a deployment at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.history.observed import ImageInTarget
from services.history.rows import Snapshot


@dataclass(frozen=True, slots=True)
class Overview:
    """The image rows and round rows of all regions, and the last releases of each tracked pair.

    `images` has what is known about each tracked image in each of its targets, by region and
    account. `problems` has a sentence per release row that cannot be decoded.
    """

    snapshot: Snapshot
    images: Mapping[str, tuple[ImageInTarget, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
