"""The adapter over DynamoDB only: the number of calls, and failures."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from support.builders.scheduler import TARGET, a_pair, a_window, an_image, image_row, round_row
from support.fakes.log import FakeLog
from support.fakes.table import DynamoTable, Row

from services.embedded.aws.server import EmbeddedAws
from services.kernel.errors import CallFailedError, HubBrokenError
from services.kernel.hub_session import HubSession
from services.kernel.keys import image_record
from services.kernel.model import State, Target, Window
from services.kernel.round_records import Note
from services.scheduler.inventory import Inventory
from services.scheduler.plan import Action, Change

REGION = TARGET.region
MOMENT = datetime(2026, 11, 22, 7, 0, 1, tzinfo=UTC)
Use = Callable[[Inventory], object]
USES: dict[str, tuple[str, Use]] = {
    "apply": ("UpdateItem", lambda rows: rows.apply(Change(Action.CREATE, a_pair()))),
    "round": (
        "UpdateItem",
        lambda rows: rows.begin_round(TARGET, Window(), lambda _: a_window(), 1, MOMENT),
    ),
    "mark": ("UpdateItem", lambda rows: rows.mark_stale(a_pair(state="ok"), MOMENT)),
    "note": ("GetItem", lambda rows: rows.note()),
    "start": ("UpdateItem", lambda rows: rows.start_next_at(REGION)),
    "remember": ("UpdateItem", lambda rows: rows.remember({REGION})),
    "interval": ("UpdateItem", lambda rows: rows.keep_interval(60)),
    "no interval": ("UpdateItem", lambda rows: rows.keep_interval(None)),
}
CONFLICT = {
    "service": "dynamodb",
    "operation": "UpdateItem",
    "code": "TransactionConflictException",
}
uses = pytest.mark.parametrize(("operation", "use"), USES.values(), ids=USES)


@pytest.fixture
def inventory(home: HubSession, table: DynamoTable, log: FakeLog) -> Inventory:
    """Build the adapter over the embedded DynamoDB."""
    return Inventory(home.client("dynamodb"), table.name, log)


@uses
def test_each_use_is_one_call(
    aws: EmbeddedAws, inventory: Inventory, operation: str, use: Use
) -> None:
    """Each use takes one call, in the hub's region and account, on the hub's table."""
    use(inventory)
    assert [call.operation for call in aws.calls()] == [operation]


def test_a_region_is_two_queries(aws: EmbeddedAws, inventory: Inventory) -> None:
    """One query reads the image rows, one the round rows of all accounts."""
    inventory.read(REGION, whole=True)
    assert [call.operation for call in aws.calls()] == ["Query", "Query"]


def test_prepared_round_rows_are_read_at_once(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable
) -> None:
    """The round rows of all targets are one call; the next read of a region needs one query."""
    here, there = TARGET, Target("999988887777", "ap-south-1")
    table.put(round_row(here, a_window()))

    inventory.prepare([here, there])
    found = [inventory.read(target.region, whole=True) for target in (here, there)]

    assert [call.operation for call in aws.calls()] == ["BatchGetItem", "Query", "Query"]
    assert [each.windows for each in found] == [{here.account_id: a_window()}, {}]


def test_prepared_round_rows_serve_one_read(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable
) -> None:
    """The second read of a region in a round sees what was written since the first one."""
    inventory.prepare([TARGET])
    inventory.read(REGION, whole=False)
    table.put(round_row(TARGET, a_window()))

    assert inventory.read(REGION, whole=True).windows == {TARGET.account_id: a_window()}
    operations = [call.operation for call in aws.calls()]
    assert operations == ["BatchGetItem", "Query", "Query", "Query"]


@pytest.mark.usefixtures("waits")
def test_each_region_reads_its_round_rows_if_the_table_was_busy(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable
) -> None:
    """A throttled first read does not end the round."""
    table.put(round_row(TARGET, a_window()))
    with aws.fault(service="dynamodb", operation="BatchGetItem"):
        inventory.prepare([TARGET])

    assert inventory.read(REGION, whole=True).windows == {TARGET.account_id: a_window()}


@uses
def test_a_missing_table_is_a_broken_hub(
    home: HubSession, log: FakeLog, operation: str, use: Use
) -> None:
    """The error names the missing table."""
    with pytest.raises(HubBrokenError, match="table nowhere cannot be used") as caught:
        use(Inventory(home.client("dynamodb"), "nowhere", log))
    assert operation in str(caught.value.__cause__)


@pytest.mark.usefixtures("waits")
@uses
def test_a_throttled_table_is_a_temporary_failure(
    aws: EmbeddedAws, inventory: Inventory, operation: str, use: Use
) -> None:
    """A throttled call fails, and a later round may succeed."""
    with aws.fault(service="dynamodb", operation=operation), pytest.raises(CallFailedError):
        use(inventory)


@pytest.mark.parametrize("conflicts", [1, 3])
def test_a_write_in_conflict_with_a_commit_is_repeated(
    aws: EmbeddedAws,
    inventory: Inventory,
    table: DynamoTable,
    waits: list[float],
    conflicts: int,
) -> None:
    """The write is repeated after short, random waits until the other transaction ends."""
    with aws.fault(**CONFLICT, times=conflicts) as fault:
        inventory.apply(Change(Action.CREATE, a_pair()))
    assert conflicts == aws.struck(fault) == len(waits)
    assert all(0 < wait < 1 for wait in waits)
    assert [row["image_name"] for row in table.rows()] == [a_pair().image_name]


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("action", Action)
def test_a_row_that_stays_in_conflict_is_a_temporary_failure(
    aws: EmbeddedAws, inventory: Inventory, action: Action
) -> None:
    """After three retries the region fails, and a later round may succeed."""
    with aws.fault(**CONFLICT) as fault, pytest.raises(CallFailedError) as caught:
        inventory.apply(Change(action, a_pair()))
    assert aws.struck(fault) == 4
    assert caught.value.failure.state is State.TRANSIENT


def test_all_pages_of_a_region_are_read(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable
) -> None:
    """A page holds at most one megabyte."""
    names = [f"image-{number}" for number in range(4)]
    for name in names:
        table.put(image_row(a_pair(an_image(name))) | {"padding": "x" * 390_000})
    assert [pair.image_name for pair in inventory.read(REGION, whole=True).pairs] == names
    assert [call.operation for call in aws.calls()] == ["Query"] * 3


def test_a_malformed_row_is_logged(inventory: Inventory, table: DynamoTable, log: FakeLog) -> None:
    """The log names the record of a malformed row."""
    table.put(image_row(a_pair()) | {"active": "yes"})
    assert inventory.read(REGION, whole=True).pairs == []
    (line,) = log.lines
    assert (line.level, line.event) == ("error", "row malformed")
    record = re.escape(image_record(TARGET.account_id, "al2023"))
    assert re.match(f"row {record} of {REGION} is malformed: ", str(line.fields["problem"]))


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("operation", ["Query", "GetItem"])
def test_a_throttled_read_is_a_temporary_failure(
    aws: EmbeddedAws, inventory: Inventory, table: DynamoTable, operation: str
) -> None:
    """A throttled read of a region, or of a changed round row, is a temporary failure."""
    table.put(round_row())

    def use() -> None:
        inventory.read(REGION, whole=True)
        inventory.begin_round(TARGET, Window(), lambda _: a_window(), 1, MOMENT)

    with aws.fault(service="dynamodb", operation=operation), pytest.raises(CallFailedError):
        use()


def test_a_round_row_that_always_changes_is_left_unchanged(
    inventory: Inventory, table: DynamoTable
) -> None:
    """After five attempts the round row is left unchanged, and the target's messages are sent."""
    attempts = []

    def turn(before: Window) -> Window:
        attempts.append(before)
        table.put(round_row(window=a_window(answered={len(attempts)})))
        return a_window("2026-11-22T09:00:00Z")

    with pytest.raises(CallFailedError, match="changed at each of 5 attempts"):
        inventory.begin_round(TARGET, Window(), turn, 1, MOMENT)
    assert len(attempts) == 5


def test_a_thousand_pairs_fit_into_a_small_round_row(
    inventory: Inventory, table: DynamoTable
) -> None:
    """The row takes at most 4 write units, which are 4,096 bytes by DynamoDB's rules.

    A number takes a byte, and one more for each two digits; an attribute takes its name's bytes.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    window = a_window(answered=range(1, 1001))
    inventory.begin_round(TARGET, Window(), lambda _: window, 1000, MOMENT)
    (row,) = table.rows()
    numbers = sum(1 + math.ceil(len(str(number)) / 2) for number in row.pop("answered"))
    rest = sum(len(name) + len(str(value)) for name, value in row.items())
    assert 3 + len("answered") + numbers + rest <= 4096


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ({"regions": "eu-west-1"}, Note(frozenset(), "us-east-1")),
        ({"regions": 7}, Note(frozenset(), "us-east-1")),
        ({"regions": ["eu-west-1", 7]}, Note(frozenset(), "us-east-1")),
        ({"start": 7}, Note(frozenset({"eu-west-1"}))),
        ({"interval_minutes": "60"}, Note(frozenset({"eu-west-1"}), "us-east-1")),
        ({"interval_minutes": 0}, Note(frozenset({"eu-west-1"}), "us-east-1")),
        ({"interval_minutes": True}, Note(frozenset({"eu-west-1"}), "us-east-1")),
    ],
    ids=str,
)
def test_a_damaged_note_fails_no_round(
    inventory: Inventory, table: DynamoTable, log: FakeLog, damage: Row, found: Note
) -> None:
    """Damaged attributes of the note count as missing, are logged, and are written again."""
    note = {"region": "*", "record": "scheduler", "regions": ["eu-west-1"], "start": "us-east-1"}
    table.put(note | damage)

    assert inventory.note() == found
    assert log.events("error") == ["row malformed"]

    inventory.remember({"eu-west-1"})
    inventory.start_next_at("us-east-1")
    inventory.keep_interval(60)
    assert inventory.note() == Note(frozenset({"eu-west-1"}), "us-east-1", 60)


def test_a_damaged_number_is_ignored(inventory: Inventory, table: DynamoTable) -> None:
    """A damaged number is ignored, because numbers above it could not be written."""
    table.put(image_row(a_pair(number=3)) | {"number": 10**38 - 1})

    assert inventory.read(TARGET.region, whole=True).numbers == {}
