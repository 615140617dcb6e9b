"""Everything that the report page and the feed show: the rows of a deployment at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.history.observed import ImageInTarget
from services.history.rows import Snapshot


@dataclass(frozen=True, slots=True)
class Overview:
    """The image rows and round rows of all regions, and the last releases of each tracked pair.

    `images` has what is known about each tracked image in each of its targets, by region and
    account. `problems` has a sentence per release row that cannot be decoded; those of image rows
    and round rows are in the snapshot.
    """

    snapshot: Snapshot
    images: Mapping[str, tuple[ImageInTarget, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def overview(snapshot: Snapshot, seen: Iterable[tuple[str, ImageInTarget]]) -> Overview:
    """The overview of a snapshot; `seen` has the name and what is known of each tracked pair."""
    images: dict[str, list[ImageInTarget]] = {}
    for name, each in seen:
        images.setdefault(name, []).append(each)
    return Overview(
        snapshot,
        {name: tuple(sorted(images[name], key=_place)) for name in sorted(images)},
        tuple(
            problem for name in sorted(images) for each in images[name] for problem in each.problems
        ),
    )


def _place(seen: ImageInTarget) -> tuple[str, str]:
    return seen.target.region, seen.target.account_id
