"""How image rows are read: by a query where they are close together, else by their keys."""

from __future__ import annotations

import pytest
from support.builders.lookup import HERE, THERE, a_pair, an_observation, by_parameter
from support.fakes.lookup import RowsLab

from services.embedded.aws.server import EmbeddedAws
from services.kernel.model import Target

NAMES = [f"image-{number:03}" for number in range(120)]


@pytest.fixture
def lab(table_lab: RowsLab) -> RowsLab:
    """Return the adapter with 120 pairs in a target, and neighbours before and after them."""
    for name in NAMES:
        table_lab.backend.put(a_pair(name, known=an_observation(1)))
    for account_id in ("000000000000", "999999999999"):
        neighbour = Target(account_id, HERE.region)
        table_lab.backend.put(a_pair("other", target=neighbour))
    table_lab.backend.put(a_pair(NAMES[0], target=THERE))
    return table_lab


def read(lab: RowsLab, aws: EmbeddedAws, *names: str, consistent: bool = False) -> list[str]:
    """Read rows, check that they are complete, and return the operations."""
    mark = aws.mark()
    lookups = dict.fromkeys(names, by_parameter())
    found = lab.rows.read(HERE, names) if consistent else lab.rows.requested(HERE, lookups)
    present = {name: a_pair(name, known=an_observation(1)) for name in names if name in NAMES}
    assert found == present
    return [call.operation for call in aws.calls(mark) if call.service == "dynamodb"]


@pytest.mark.parametrize("count", [25, 100, 120])
def test_a_dense_batch_is_one_query(lab: RowsLab, aws: EmbeddedAws, count: int) -> None:
    """The rows of another account or region are not between the first and the last one."""
    assert read(lab, aws, *NAMES[:count]) == ["Query"]
    assert read(lab, aws, *NAMES[-count:]) == ["Query"]


def test_every_fourth_row_is_dense(lab: RowsLab, aws: EmbeddedAws) -> None:
    """A query of four rows is cheaper than one row by its key."""
    assert read(lab, aws, *NAMES[::4]) == ["Query"]


def test_few_rows_are_read_by_their_keys(lab: RowsLab, aws: EmbeddedAws) -> None:
    """A query could be in vain, and saves no call."""
    assert read(lab, aws, *NAMES[:24]) == ["BatchGetItem"]
    assert read(lab, aws) == []


def test_consistent_reads_are_made_by_keys(lab: RowsLab, aws: EmbeddedAws) -> None:
    """Only the rows in doubt are read that way."""
    assert read(lab, aws, *NAMES, consistent=True) == ["BatchGetItem"] * 2


def test_a_row_that_does_not_exist_is_absent(lab: RowsLab, aws: EmbeddedAws) -> None:
    """The caller reads it again consistently."""
    assert read(lab, aws, *NAMES[:30], "image-005-new", "zzz") == ["Query"]


def test_sparse_rows_are_read_by_their_keys(lab: RowsLab, aws: EmbeddedAws) -> None:
    """The first query finds out; later batches of the target do not try, unless they have more."""
    for name in NAMES[:24]:
        for number in range(10):
            lab.backend.put(a_pair(f"{name}-{number:02}"))
    sparse = [*NAMES[:24], NAMES[119]]
    assert read(lab, aws, *sparse) == ["Query", "BatchGetItem"]
    assert read(lab, aws, *sparse) == ["BatchGetItem"]
    assert read(lab, aws, *NAMES) == ["Query"]
