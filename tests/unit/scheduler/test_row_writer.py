"""The writes of a plan: which rows are created together, and which are written one by one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from support.builders.scheduler import TARGET, a_pair, an_image, image_row, images
from support.fakes.log import FakeLog
from support.fakes.scheduler import FakeInventory

from services.kernel.errors import CallFailedError, Failure, HubBrokenError
from services.kernel.model import Image, Pair, State
from services.scheduler.creation import Creation
from services.scheduler.plan import Change, plan
from services.scheduler.row_writer import RowWriter

BUSY = CallFailedError(Failure.of(State.THROTTLED, "ThrottlingError", "slow down"))


class Rows(FakeInventory):
    """The table in memory, with the number of rows of each creation and the single writes."""

    def __init__(self) -> None:
        super().__init__()
        self.created: list[int] = []
        self.applied: list[str] = []
        self.creation: Exception | None = None
        self.busy_rows: set[str] = set()

    def create(self, pairs: Sequence[Pair]) -> Creation:
        """Count the rows; fail those that are busy."""
        self.created.append(len(pairs))
        if self.creation is not None:
            raise self.creation
        failed = [pair for pair in pairs if pair.image_name in self.busy_rows]
        rest = super().create([pair for pair in pairs if pair not in failed])
        return Creation(rest.singly, failed, BUSY if failed else None)

    def apply(self, change: Change) -> None:
        """Note the image."""
        self.applied.append(change.pair.image_name)
        super().apply(change)


def write(
    rows: Rows, tracked: Sequence[Image], known: Sequence[Pair] = (), damaged: Sequence[str] = ()
) -> dict[str, str]:
    """Write the plan for these images and rows."""
    for pair in known:
        rows.table.put(image_row(pair))
    return RowWriter(rows, FakeLog()).write(plan(TARGET, tracked, known, 100), damaged)


@pytest.mark.parametrize(
    ("count", "created"), [(0, []), (2, [2]), (100, [100]), (101, [1, 100]), (250, [50, 100, 100])]
)
def test_new_rows_are_created_by_a_hundred(count: int, created: list[int]) -> None:
    """A transaction has at most 100 rows."""
    rows = Rows()
    assert write(rows, images(count)) == {}
    assert (sorted(rows.created), rows.applied) == (created, [])
    assert len(rows.table.rows()) == count


def test_a_single_new_row_needs_no_transaction() -> None:
    """A transaction takes twice the write units."""
    rows = Rows()
    write(rows, [an_image("new")])
    assert (rows.created, rows.applied) == ([], ["new"])


def test_rows_that_exist_are_written_one_by_one() -> None:
    """Edits and removals are conditional or partial updates, as before."""
    rows = Rows()
    known = [a_pair(an_image("edited"), number=1), a_pair(an_image("gone"), number=2)]
    edited = an_image("edited", an_image("other").lookup)
    assert write(rows, [edited, *images(3)], known) == {}
    assert (rows.created, sorted(rows.applied)) == ([3], ["edited", "gone"])


def test_a_row_that_cannot_be_decoded_is_not_created() -> None:
    """The row exists, so it would cancel a transaction in each round."""
    rows = Rows()
    rows.table.put(image_row(a_pair(images(3)[1])) | {"active": "yes"})
    assert write(rows, images(3), damaged=["image-0001"]) == {}
    assert (rows.created, rows.applied) == ([2], ["image-0001"])


def test_a_row_that_exists_now_keeps_its_known_image() -> None:
    """Its configuration is written, as that of any row that exists."""
    rows = Rows()
    committed = a_pair(images(3)[1], number=2)
    rows.table.put(image_row(committed))
    assert write(rows, images(3)) == {}
    assert rows.applied == ["image-0001"]
    assert rows.table.row(TARGET.region, image_row(committed)["record"]) == image_row(committed)


def test_the_problems_are_in_the_order_of_the_plan() -> None:
    """Throttled creations, and single writes that fail, are reported by image."""
    rows = Rows()
    rows.busy_rows = {"image-0150"}
    refused = CallFailedError(Failure.of(State.BAD_LOOKUP, "ValidationException", "too large"))
    rows.unwritable = {"image-0007": refused, "image-0201": TypeError("float")}
    assert list(write(rows, images(220)).items()) == [
        ("image-0007", f"image-0007: {refused}"),
        ("image-0150", f"image-0150: {BUSY}"),
        ("image-0201", "image-0201: TypeError"),
    ]
    assert len(rows.table.rows()) == 217


def test_an_unexpected_error_of_a_creation_affects_no_row() -> None:
    """All rows of the call are written one by one, so only the wrong one fails."""
    rows = Rows()
    rows.creation = TypeError("Float types are not supported")
    rows.unwritable = {"image-0001": rows.creation}
    assert list(write(rows, images(3))) == ["image-0001"]
    assert rows.applied == ["image-0000", "image-0001", "image-0002"]


def test_a_table_that_cannot_be_used_ends_the_round() -> None:
    """A denied transaction is a failure of all writes."""
    rows = Rows()
    rows.creation = HubBrokenError("table", Failure.of(State.ACCESS_DENIED, "AccessDenied", "no"))
    with pytest.raises(HubBrokenError):
        write(rows, images(3))
