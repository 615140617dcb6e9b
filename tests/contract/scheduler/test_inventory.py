"""The table as the scheduler uses it: which calls it costs, and what its failures mean."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from log_fakes import FakeLog
from scheduler_fakes import ROUND, TARGET, a_pair, an_image, image_row
from table_fakes import DynamoTable

from services.console.embedded.server import EmbeddedAws
from services.kernel.aws import Home
from services.kernel.errors import CallFailedError, HubBrokenError, State
from services.kernel.wire import image_record
from services.scheduler.inventory import Inventory
from services.scheduler.plan import Action, Change

REGION = TARGET.region
Use = Callable[[Inventory], object]
USES: dict[str, tuple[str, Use]] = {
    "pairs": ("Query", lambda rows: rows.pairs(REGION)),
    "apply": ("UpdateItem", lambda rows: rows.apply(Change(Action.CREATE, a_pair()))),
    "round": ("PutItem", lambda rows: rows.begin_round(TARGET, ROUND, 1, ROUND)),
    "note": ("GetItem", lambda rows: rows.note()),
    "start": ("UpdateItem", lambda rows: rows.start_next_at(REGION)),
    "remember": ("UpdateItem", lambda rows: rows.remember({REGION})),
}
CONFLICT = {
    "service": "dynamodb",
    "operation": "UpdateItem",
    "code": "TransactionConflictException",
}
uses = pytest.mark.parametrize(("operation", "use"), USES.values(), ids=USES)


@pytest.fixture
def inventory(home: Home, table: DynamoTable, log: FakeLog) -> Inventory:
    """The adapter over the embedded DynamoDB."""
    return Inventory(home.client("dynamodb"), table.name, log)


@uses
def test_each_use_is_one_call(
    aws: EmbeddedAws, inventory: Inventory, operation: str, use: Use
) -> None:
    """In the hub's region and account, on the hub's table."""
    use(inventory)
    assert [operation] == [call.operation for call in aws.calls()]


@uses
def test_a_missing_table_is_a_broken_hub(
    home: Home, log: FakeLog, operation: str, use: Use
) -> None:
    """The error names the table."""
    with pytest.raises(HubBrokenError, match="table nowhere cannot be used") as caught:
        use(Inventory(home.client("dynamodb"), "nowhere", log))
    assert operation in str(caught.value.__cause__)


@pytest.mark.usefixtures("waits")
@uses
def test_a_busy_table_is_a_passing_failure(
    aws: EmbeddedAws, inventory: Inventory, operation: str, use: Use
) -> None:
    """Another round may succeed."""
    with aws.fault(service="dynamodb", operation=operation), pytest.raises(CallFailedError):
        use(inventory)


@pytest.mark.parametrize("conflicts", [1, 3])
def test_a_row_that_a_lookup_commits_meanwhile_is_written_after_it(
    aws: EmbeddedAws,
    inventory: Inventory,
    table: DynamoTable,
    waits: list[float],
    conflicts: int,
) -> None:
    """The transaction is over in a moment; each wait is short, and no two need be alike."""
    with aws.fault(**CONFLICT, times=conflicts) as fault:
        inventory.apply(Change(Action.CREATE, a_pair()))
    assert conflicts == aws.struck(fault) == len(waits)
    assert all(0 < wait < 1 for wait in waits)
    assert [a_pair().image_name] == [row["image_name"] for row in table.rows()]


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("action", Action)
def test_a_row_that_stays_in_conflict_is_a_passing_failure(
    aws: EmbeddedAws, inventory: Inventory, action: Action
) -> None:
    """After three retries the region fails, and another round may succeed."""
    with aws.fault(**CONFLICT) as fault, pytest.raises(CallFailedError) as caught:
        inventory.apply(Change(action, a_pair()))
    assert aws.struck(fault) == 4
    assert caught.value.failure.state is State.TRANSIENT


def test_all_pages_of_a_region_are_read(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable
) -> None:
    """A page holds a megabyte at most."""
    names = [f"image-{number}" for number in range(4)]
    for name in names:
        table.put(image_row(a_pair(an_image(name))) | {"padding": "x" * 390_000})
    assert names == [pair.image_name for pair in inventory.pairs(REGION)]
    assert [call.operation for call in aws.calls()] == ["Query", "Query"]


def test_a_malformed_row_is_logged(inventory: Inventory, table: DynamoTable, log: FakeLog) -> None:
    """By its record, so that somebody can look at it."""
    table.put(image_row(a_pair()) | {"active": "yes"})
    assert inventory.pairs(REGION) == []
    (line,) = log.lines
    assert (line.level, line.event) == ("error", "row malformed")
    record = re.escape(image_record(TARGET.account_id, "al2023"))
    assert re.match(f"row {record} of {REGION} is malformed: ", str(line.fields["problem"]))
