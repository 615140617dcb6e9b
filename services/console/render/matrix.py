"""The matrix of images and targets: the current image of each pair, or why its lookup failed."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from services.history.views import Cell, Matrix

_ID_DIGITS = 5
"""Enough of an image id to distinguish it in a narrow column."""


def matrix_table(matrix: Matrix) -> Table:
    """A table with a row per target and a column per image: version, end of the id, or state.

    Names are not broken: five images with names of up to 16 characters fit into 80 columns.
    """
    table = Table(
        box=SIMPLE, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0), show_edge=False
    )
    for name in ("region", *matrix.images):
        table.add_column(name, no_wrap=True)
    for target, cells in matrix.rows:
        table.add_row(target.region, *map(_cell, cells))
    return table


def _cell(cell: Cell | None) -> Text:
    if cell is None:
        return Text("-", style="dim")
    text = Text()
    if cell.image_id:
        text.append(f"v{cell.version} …{cell.image_id[-_ID_DIGITS:]}")
    if cell.problem:
        text.append("\n" if text else "")
        text.append(cell.problem.replace("_", "\n"), style="yellow")
    return text
