"""Pure views of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.kernel.model import Pair, State, Target


@dataclass(frozen=True, slots=True)
class Cell:
    """The known image of an active pair, with version 0 if it has none yet, and its problem.

    `problem` is None if the last lookup succeeded, and `unknown` if the pair has no state.
    """

    version: int
    image_id: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class Matrix:
    """Images and targets; a cell is None if the image is not tracked in the target."""

    images: tuple[str, ...]
    rows: tuple[tuple[Target, tuple[Cell | None, ...]], ...]


def matrix(targets: Sequence[Target], images: Sequence[str], pairs: Iterable[Pair]) -> Matrix:
    """The active pairs, with a row per target and a column per image."""
    cells = {(pair.target, pair.image_name): _cell(pair) for pair in pairs if pair.active}
    rows = tuple(
        (target, tuple(cells.get((target, name)) for name in images)) for target in targets
    )
    return Matrix(tuple(images), rows)


def _cell(pair: Pair) -> Cell:
    problem = None if pair.state == State.OK else pair.state or "unknown"
    return Cell(pair.version, pair.known.image_id if pair.known else "", problem)
