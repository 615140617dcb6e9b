"""The rows of a table that the views are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from services.kernel.model import Target
from services.kernel.records import ImageRow
from services.kernel.round_records import Note, RoundRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """The rows that were read.

    `unreadable` has the problem of each row that cannot be decoded. `complete` is false if there
    are more rows than the limit.
    """

    found: tuple[T, ...] = ()
    unreadable: tuple[str, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class RegionRows:
    """The image rows and the round rows of a region."""

    region: str
    images: Rows[ImageRow] = Rows()
    rounds: Rows[RoundRow] = Rows()


@dataclass(frozen=True, slots=True, order=True)
class PendingKey:
    """A release that is not announced yet, as the index has it."""

    target: Target
    image_name: str
    version: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read at a moment.

    `every_region` is false if only some regions of the deployment were read.
    """

    moment: datetime
    note: Note
    regions: tuple[RegionRows, ...] = ()
    pending: Rows[PendingKey] = Rows()
    every_region: bool = True

    @property
    def complete(self) -> bool:
        """Whether all image rows were read."""
        return self.every_region and all(each.images.complete for each in self.regions)

    def active(self) -> list[ImageRow]:
        """The image rows of all pairs that are tracked."""
        return [row for each in self.regions for row in each.images.found if row.pair.active]

    def rounds(self) -> dict[Target, RoundRow]:
        """The round row of each target."""
        return {row.target: row for each in self.regions for row in each.rounds.found}

    def pending_versions(self) -> Mapping[tuple[Target, str], frozenset[int]]:
        """The versions of each pair that are not announced yet."""
        found: dict[tuple[Target, str], set[int]] = {}
        for key in self.pending.found:
            found.setdefault((key.target, key.image_name), set()).add(key.version)
        return {pair: frozenset(versions) for pair, versions in found.items()}
