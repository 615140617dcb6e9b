"""The matrix images x regions: what is current where, and what has no fresh answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from services.kernel.errors import State
from services.kernel.model import Pair, Target

_ID_DIGITS = 5
"""Enough of an image id to tell it from its neighbours in a narrow column."""


def matrix(targets: Sequence[Target], images: Sequence[str], pairs: Iterable[Pair]) -> Table:
    """A table with a row per target and a column per image: version, end of the id, or state.

    Names are not broken: five images with names of up to 16 characters fit into 80 columns.
    """
    known = {(pair.target, pair.image_name): pair for pair in pairs if pair.active}
    table = Table(
        box=SIMPLE, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0), show_edge=False
    )
    for name in ("region", *images):
        table.add_column(name, no_wrap=True)
    for target in targets:
        cells = [_cell(known.get((target, name))) for name in images]
        table.add_row(target.region, *cells)
    return table


def _cell(pair: Pair | None) -> Text:
    if pair is None:
        return Text("-", style="dim")
    text = Text()
    if pair.known is not None:
        text.append(f"v{pair.version} …{pair.known.image_id[-_ID_DIGITS:]}")
    if pair.state != State.OK:
        text.append("\n" if text else "")
        text.append((pair.state or "unknown").replace("_", "\n"), style="yellow")
    return text
