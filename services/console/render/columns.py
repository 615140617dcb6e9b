"""Aligned columns whose last one is a name of any length."""

from __future__ import annotations

from collections.abc import Sequence

from services.catalogue.problems import printable
from services.console.render.writer import Writer

_GAP = "  "
_LONGEST = 200


def print_columns(writer: Writer, rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Print rows; a last cell that does not fit into the line is on a line of its own.

    A name is never broken, so that it can be copied.
    """
    shown = [[printable(cell, _LONGEST) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        begin = indent + _GAP.join(
            cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)
        )
        if len(begin) + len(_GAP) + len(row[-1]) <= writer.width:
            writer.line(f"{begin}{_GAP}{row[-1]}")
        else:
            writer.line(begin.rstrip())
            writer.line(f"{indent}{_GAP}{_GAP}{row[-1]}")
