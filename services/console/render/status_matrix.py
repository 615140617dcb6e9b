"""The matrix of `ami-tracker status --matrix`: images and targets, in groups of columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.console.render.region_codes import region_code
from services.console.render.writer import Writer
from services.history.conditions import Condition, Finding
from services.kernel.model import Target

_WORDS = {
    Condition.FAILING: "FAIL",
    Condition.NEVER: "NEVER",
    Condition.WITHDRAWN: "GONE",
    Condition.STALE: "stale",
    Condition.UNKNOWN: "?",
    Condition.PENDING: "pend",
    Condition.DEPRECATED: "depr",
}
_LEGEND = (
    "A cell is the version of an image that is ok, or: FAIL the lookup fails, NEVER found nowhere, "
    "GONE withdrawn, stale, ? unknown, pend a release is not announced yet, depr deprecated, "
    "- not tracked."
)
_LONGEST_NAME = 39
_CELL = 5
_ACCOUNT_DIGITS = 4


def print_matrix(writer: Writer, found: Sequence[Finding]) -> None:
    """Print a row for each image; regions that do not fit into a line follow in another group."""
    cells = {(each.target, each.image_name): _cell(each) for each in found}
    targets = sorted({each.target for each in found}, key=lambda t: (t.region, t.account_id))
    names = sorted({each.image_name for each in found})
    if not names:
        return
    accounts = len({target.account_id for target in targets}) > 1
    width = min(_LONGEST_NAME, max(map(len, names)))
    cell = max(_CELL, *(len(region_code(target.region)) for target in targets))
    columns = max(1, (writer.width - width) // (cell + 1))
    for start in range(0, len(targets), columns):
        group = targets[start : start + columns]
        writer.line()
        for header in _headers(group, accounts=accounts):
            writer.line(_row("", width, header, cell), "bold")
        for name in names:
            row = [cells.get((target, name), "-") for target in group]
            if len(name) > width:
                writer.line(name)
            writer.line(_row("" if len(name) > width else name, width, row, cell))
        codes = dict.fromkeys(f"{region_code(t.region)} {t.region}" for t in group)
        writer.sentence(f"({', '.join(codes)})")
    writer.line()
    writer.sentence(_LEGEND)


def _headers(group: Sequence[Target], *, accounts: bool) -> Iterator[list[str]]:
    yield [region_code(target.region) for target in group]
    if accounts:
        yield [f"…{target.account_id[-_ACCOUNT_DIGITS:]}" for target in group]


def _row(name: str, width: int, cells: Sequence[str], cell: int) -> str:
    return " ".join([name.ljust(width), *(text.ljust(cell) for text in cells)]).rstrip()


def _cell(finding: Finding) -> str:
    return _WORDS.get(finding.condition, f"v{finding.row.pair.version}")
