"""The history reader reads a bounded number of the rows that the services wrote."""

from __future__ import annotations

import pytest
from support.fakes.table import DynamoTable
from support.labs.laboratory import IRELAND, VIRGINIA, Lab

from services.history.reader import HistoryReader
from services.kernel.errors import HubBrokenError
from services.kernel.keys import image_record
from services.kernel.model import Kind, State


def reader_of(lab: Lab, max_rows: int = 100) -> HistoryReader:
    """Build a reader of the lab's table."""
    client = lab.aws.client("dynamodb", lab.hub.region)
    return HistoryReader(client, lab.hub.table_name, max_rows)


@pytest.fixture
def run(lab: Lab) -> Lab:
    """Run a lab in which one image has two versions and another image none."""
    lab.deploy(lab.image("a"), lab.image("missing"))
    lab.publish("a")
    lab.round()
    lab.publish("a", VIRGINIA)
    lab.round()
    return lab


def test_every_kind_of_row_is_read(run: Lab) -> None:
    """The reader returns images, releases, rounds and the note, with the state of each."""
    history = reader_of(run)
    images = history.images("us-east-1").found
    releases = history.releases(VIRGINIA, "a", 10).found
    (round_row,) = history.rounds("us-east-1").found

    assert [(row.pair.image_name, row.pair.version, row.pair.state) for row in images] == [
        ("a", 2, State.OK),
        ("missing", 0, State.NOT_FOUND),
    ]
    assert [(row.release.kind, bool(row.published_at), row.pending) for row in releases] == [
        (Kind.RELEASE, True, False),
        (Kind.BASELINE, False, False),
    ]
    assert round_row.target == VIRGINIA
    assert round_row.enqueued == 2
    assert history.note().regions == {"eu-central-1", "eu-west-1", "us-east-1"}


def test_reads_are_bounded(run: Lab) -> None:
    """The newest releases come first, and the reader reports that it omitted rows."""
    history = reader_of(run, max_rows=1)

    assert [r.release.version for r in history.releases(VIRGINIA, "a", 1).found] == [2]
    assert not history.releases(VIRGINIA, "a", 1).complete
    assert history.releases(VIRGINIA, "a", 2).complete
    assert len(history.images("us-east-1").found) == 1
    assert not history.images("us-east-1").complete


def test_a_row_that_cannot_be_decoded_is_named(run: Lab) -> None:
    """The reader names the row that it cannot decode and returns the others."""
    table = DynamoTable(run.aws.client("dynamodb", run.hub.region), run.hub.table_name)
    record = image_record(IRELAND.account_id, "a")
    (row,) = (r for r in run.pipeline.rows("eu-west-1", record) if r["record"] == record)
    table.put({**row, "version": "two"})

    rows = reader_of(run).images("eu-west-1")

    assert [each.pair.image_name for each in rows.found] == ["missing"]
    assert len(rows.unreadable) == 1
    assert record in rows.unreadable[0]


def test_a_missing_table_is_named(run: Lab) -> None:
    """The reader raises the same error for a missing table as the services."""
    client = run.aws.client("dynamodb", run.hub.region)

    with pytest.raises(HubBrokenError, match="table gone"):
        HistoryReader(client, "gone").images("us-east-1")


def test_reading_writes_nothing(run: Lab) -> None:
    """The reader makes queries and one get, and no other calls."""
    history, mark = reader_of(run), len(run.aws.calls(outside=True))
    history.images("us-east-1")
    history.releases(VIRGINIA, "a", 10)
    history.rounds("us-east-1")
    history.note()

    operations = {call.operation for call in run.aws.calls(outside=True)[mark:]}
    assert operations == {"Query", "GetItem"}
