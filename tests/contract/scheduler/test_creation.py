"""Rows are created in transactions, over DynamoDB: nothing that exists is changed or lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.builders.scheduler import TARGET, a_pair, an_image, image_row, images
from support.fakes.log import FakeLog
from support.fakes.table import DynamoTable, Row

from services.embedded.aws.calls import ApiRequest
from services.embedded.aws.faults import Response, error_response
from services.embedded.aws.server import EmbeddedAws
from services.kernel.errors import HubBrokenError
from services.kernel.hub_session import HubSession
from services.kernel.keys import image_record
from services.kernel.model import Filter, FilterLookup, Image, Pair, State
from services.kernel.records import encode_configuration
from services.scheduler.inventory import Inventory
from services.scheduler.plan import Plan, plan
from services.scheduler.row_writer import RowWriter

RHEL = FilterLookup((Filter("name", ("RHEL-9.*", 'quoted "é"')),), owners=("309956199498",))


@pytest.fixture
def inventory(home: HubSession, table: DynamoTable, log: FakeLog) -> Inventory:
    """Build the adapter over the embedded DynamoDB."""
    return Inventory(home.client("dynamodb"), table.name, log)


def new_pairs(count: int) -> list[Pair]:
    """Build pairs as a first round plans them; every third one has filters."""
    tracked = [
        an_image(each.name, RHEL, family="rhel") if number % 3 == 0 else each
        for number, each in enumerate(images(count))
    ]
    return list(plan(TARGET, tracked, [], 20).active)


def created_row(pair: Pair) -> Row:
    """Build the row of a new pair."""
    record = image_record(pair.target.account_id, pair.image_name)
    return {"region": pair.target.region, "record": record, **encode_configuration(pair)}


def operations(aws: EmbeddedAws) -> list[str]:
    """Return the operations since the beginning of the test."""
    return [call.operation for call in aws.calls()]


def cancelled(codes: Sequence[str]) -> Response:
    """Build DynamoDB's response to a transaction that was cancelled for these reasons."""
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": f"Transaction cancelled [{', '.join(codes)}]",
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    headers = (("Content-Type", "application/x-amz-json-1.0"),)
    return Response(400, headers, json.dumps(body).encode())


Hook = Callable[[ApiRequest, Callable[[], Response | None]], Response | None]


def cancelling(code: str, *, row: int = 2, times: int = 100) -> Hook:
    """Build a hook that cancels transactions because of one row, as often as `times`."""
    left = [times]

    def hook(asked: ApiRequest, ask: Callable[[], Response | None]) -> Response | None:
        if asked.operation != "TransactWriteItems" or not left[0]:
            return ask()
        left[0] -= 1
        codes = ["None"] * len(json.loads(asked.body)["TransactItems"])
        codes[row] = code
        return cancelled(codes)

    return hook


def test_a_hundred_rows_are_created_in_one_call(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable
) -> None:
    """The rows are those that are written one by one, in all attributes."""
    pairs = new_pairs(100)
    found = inventory.create(pairs)
    assert (found.singly, found.failed, found.problem) == ([], [], None)
    assert operations(aws) == ["TransactWriteItems"]
    assert table.rows() == [created_row(pair) for pair in pairs]


def test_what_a_lookup_has_committed_since_the_read_is_unchanged(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable
) -> None:
    """Another run created the row, and its lookup committed an image before this run wrote."""
    pairs = new_pairs(100)
    committed = image_row(a_pair(images(100)[41], state="ok"))
    table.put(committed)
    found = inventory.create(pairs)
    assert (found.singly, found.failed) == ([pairs[41]], [])
    assert operations(aws)[-2:] == ["TransactWriteItems", "TransactWriteItems"]
    expected = [created_row(pair) for pair in pairs]
    expected[41] = committed
    assert table.rows() == expected


def test_two_schedulers_at_once_create_the_same_rows(
    inventory: Inventory, table: DynamoTable, log: FakeLog
) -> None:
    """Neither run has a problem, and the rows are those of one run."""
    planned = plan(TARGET, images(20), [], 20)
    barrier = threading.Barrier(2)

    def run(done: Plan) -> dict[str, str]:
        barrier.wait()
        return RowWriter(inventory, log).write(done)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, [planned, planned])) == [{}, {}]
    assert table.rows() == [created_row(pair) for pair in planned.active]


@pytest.mark.parametrize("code", ["ValidationError", "ConditionalCheckFailed", "NewReason"])
def test_a_row_that_cancels_the_transaction_is_written_alone(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable, code: str
) -> None:
    """One bad row of 100: the others are created without it, without a wait."""
    pairs = new_pairs(100)
    with aws.hook(cancelling(code, row=7, times=1)):
        found = inventory.create(pairs)
    assert (found.singly, found.failed) == ([pairs[7]], [])
    assert len(table.rows()) == 99


@pytest.mark.parametrize(
    "code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
)
def test_a_conflicting_or_throttled_transaction_is_repeated(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable, waits: list[float], code: str
) -> None:
    """All rows are created after short, random waits."""
    pairs = new_pairs(10)
    with aws.hook(cancelling(code, times=3)):
        found = inventory.create(pairs)
    assert (found.singly, found.failed, len(waits)) == ([], [], 3)
    assert all(0 < wait < 4 for wait in waits)
    assert len(table.rows()) == 10


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize(
    ("code", "expected"),
    [("TransactionConflict", State.TRANSIENT), ("ThrottlingError", State.THROTTLED)],
)
def test_rows_that_stay_throttled_are_failures(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable, code: str, expected: State
) -> None:
    """The failure is temporary, and the next round creates the rows."""
    pairs = new_pairs(10)
    with aws.hook(cancelling(code)):
        found = inventory.create(pairs)
    assert (found.singly, found.failed) == ([], pairs)
    assert found.problem is not None
    assert (found.problem.failure.state, found.problem.failure.code) == (expected, code)
    assert table.rows() == []
    assert inventory.create(pairs).failed == []


@pytest.mark.usefixtures("waits")
def test_a_throttled_call_is_repeated(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable
) -> None:
    """Also after botocore's own attempts, since a partition can be busy for seconds."""
    throttled = {"service": "dynamodb", "operation": "TransactWriteItems"}
    with aws.fault(**throttled, times=10) as fault:
        assert inventory.create(new_pairs(5)).failed == []
    assert aws.struck(fault) == 10
    assert len(table.rows()) == 5


@pytest.mark.usefixtures("waits")
def test_a_row_is_either_failed_or_written_alone(aws: EmbeddedAws, inventory: Inventory) -> None:
    """A row that cancelled the first transaction is not failed when the next one is throttled."""
    pairs = new_pairs(3)
    first = cancelling("ConditionalCheckFailed", times=1)

    def hook(asked: ApiRequest, _: Callable[[], Response | None]) -> Response | None:
        busy = error_response("dynamodb", "ThrottlingException", "Rate exceeded", 400)
        return first(asked, lambda: busy)

    with aws.hook(hook):
        found = inventory.create(pairs)
    assert (found.singly, found.failed) == ([pairs[2]], pairs[:2])


def test_a_refused_call_leaves_its_rows_to_be_written_alone(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable
) -> None:
    """One row can be the reason that DynamoDB refuses the whole call, for example its size."""
    pairs = new_pairs(3)
    with aws.fault(service="dynamodb", operation="TransactWriteItems", code="ValidationException"):
        found = inventory.create(pairs)
    assert (found.singly, found.failed, table.rows()) == (pairs, (), [])


def test_a_denied_transaction_is_a_broken_hub(aws: EmbeddedAws, inventory: Inventory) -> None:
    """The role lacks a permission, which ends the round."""
    denied = {"service": "dynamodb", "operation": "TransactWriteItems"}
    with (
        aws.fault(**denied, code="AccessDeniedException"),
        pytest.raises(HubBrokenError, match="cannot be used: AccessDeniedException"),
    ):
        inventory.create(new_pairs(2))


@pytest.mark.usefixtures("waits")
def test_a_lost_response_loses_no_row(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable
) -> None:
    """The repeated call has the same token, or finds the rows and leaves them to single writes."""
    pairs = new_pairs(5)
    with aws.fault(
        service="dynamodb",
        operation="TransactWriteItems",
        code="InternalServerError",
        status=500,
        when="after",
        times=1,
    ):
        found = inventory.create(pairs)
    assert found.failed == []
    assert table.rows() == [created_row(pair) for pair in pairs]


def test_images_with_any_text_are_created(inventory: Inventory, table: DynamoTable) -> None:
    """Names and lookups are stored as they are."""
    tracked = [
        Image("a.b_c-d", FilterLookup((Filter("name", ("\\*", '"', "日本")),), ("self",), ("*x",))),
        an_image("b", announce=[]),
    ]
    pairs = list(plan(TARGET, tracked, [], 20).active)
    inventory.create(pairs)
    assert table.rows() == [created_row(pair) for pair in pairs]
    assert inventory.read(TARGET.region, whole=True).pairs == pairs
