"""The scheduler's view of the table: image rows, round rows, and its own note."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError
from tenacity import Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random

from services.kernel.errors import CallFailedError, Failure, MalformedError
from services.kernel.failures import condition_may_fail, hub
from services.kernel.keys import IMAGE_PREFIX, NOTE_KEY, ROUND_PREFIX, image_record, round_record
from services.kernel.model import Pair, State, Target, Window
from services.kernel.observability import Log
from services.kernel.records import LAST_NUMBER, decode_pair
from services.kernel.round_records import (
    Note,
    decode_noted_interval,
    decode_noted_regions,
    decode_noted_start,
    decode_window,
)
from services.kernel.table import from_item, query_rows, read_rows, to_item
from services.scheduler.compared import COMPARED, decode_compared
from services.scheduler.creation import Creation, RowCreation
from services.scheduler.image_update import configuration_update, stale_update
from services.scheduler.plan import Change
from services.scheduler.window_update import window_update

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")

_ROUND_ROW_ATTEMPTS = 5


def _conflicts(error: BaseException) -> bool:
    return (
        isinstance(error, ClientError)
        and error.response["Error"]["Code"] == "TransactionConflictException"
    )


# A lookup is committing the same row. This takes a moment, and botocore does not retry it.
_retry_conflicts = Retrying(
    retry=retry_if_exception(_conflicts),
    stop=stop_after_attempt(4),
    wait=wait_random(0.05, 0.5),
    reraise=True,
)


@dataclass(slots=True)
class RegionRows:
    """The rows of a region.

    `pairs` are the image rows that can be decoded, `numbers` the pair numbers of the others, by
    account and image name. `windows` are the round rows by account; None if one cannot be decoded.
    `unreadable` counts the rows of both kinds that cannot be decoded. `whole` is whether all
    attributes of the image rows were read.
    """

    pairs: list[Pair] = field(default_factory=list)
    numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    windows: dict[str, Window | None] = field(default_factory=dict)
    unreadable: int = 0
    whole: bool = False

    def has_doubt(self) -> bool:
        """Whether a pair had no outcome in the last window, or this is not known."""
        return any(window is None or window.missed for window in self.windows.values())

    def of(self, account_id: str) -> list[Pair]:
        """The pairs of an account."""
        return [pair for pair in self.pairs if pair.target.account_id == account_id]


class Inventory:
    """The reads and writes of image rows, round rows and the note that rounds need."""

    def __init__(self, client: DynamoDBClient, table: str, log: Log) -> None:
        self._client = client
        self._table = table
        self._log = log
        self._creation = RowCreation(client, table)
        self._prepared: dict[str, list[dict[str, Any]]] = {}

    def prepare(self, targets: Collection[Target]) -> None:
        """Read the round rows of targets, up to 100 in a call, for the next read of their regions.

        If the table is busy, each region reads its own round rows.

        Raises:
            HubBrokenError: the table cannot be used.
        """
        keys = [
            {"region": target.region, "record": round_record(target.account_id)}
            for target in targets
        ]
        try:
            rows = read_rows(self._client, self._table, keys, consistent=True)
        except CallFailedError:
            return
        self._prepared = {target.region: [] for target in targets}
        for row in rows:
            self._prepared[row["region"]].append(row)

    def read(self, region: str, *, whole: bool) -> RegionRows:
        """The image rows and round rows of a region, inactive pairs included.

        Unless `whole`, only the attributes are read that a round compares. The other attributes are
        read too if a pair had no outcome in the last window: its row can be damaged.

        An image row that cannot be decoded counts as missing, so its configuration is written again
        from the catalogue. Attributes that a lookup wrote are not repaired: if one of them is
        damaged, the row is logged in each round that reads it.
        """
        found = RegionRows()
        for row in self._round_rows(region):
            account_id = row["record"].removeprefix(ROUND_PREFIX)
            found.windows[account_id] = window = self._decoded(row, decode_window)
            found.unreadable += window is None
        found.whole = whole or found.has_doubt()
        attributes = () if found.whole else COMPARED
        decode = decode_pair if found.whole else partial(decode_compared, region)
        for row in query_rows(
            self._client, self._table, region, IMAGE_PREFIX, attributes=attributes
        ):
            pair = self._decoded(row, decode)
            if pair is not None:
                found.pairs.append(pair)
                continue
            found.unreadable += 1
            if numbered := _number(row):
                account_id, name, number = numbered
                found.numbers.setdefault(account_id, {})[name] = number
        return found

    def _round_rows(self, region: str) -> Iterable[dict[str, Any]]:
        prepared = self._prepared.pop(region, None)
        if prepared is not None:
            return prepared
        return query_rows(self._client, self._table, region, ROUND_PREFIX)

    def _decoded(self, row: dict[str, Any], decode: Callable[[dict[str, Any]], T]) -> T | None:
        try:
            return decode(row)
        except MalformedError as error:
            self._log.error("row malformed", extra={"problem": str(error)})
            return None

    def apply(self, change: Change) -> None:
        """Write a pair's configuration.

        Raises:
            CallFailedError: the table is busy, or lookups committed the row at each attempt.
            HubBrokenError: the table cannot be used.
        """
        self._write(change.pair, configuration_update(change))

    def create(self, pairs: Sequence[Pair]) -> Creation:
        """Create rows of a target in one transaction; see `RowCreation`."""
        return self._creation.create(pairs)

    def _write(self, pair: Pair, update: dict[str, Any]) -> None:
        key = {
            "region": pair.target.region,
            "record": image_record(pair.target.account_id, pair.image_name),
        }
        with hub(f"table {self._table}"), condition_may_fail():
            _retry_conflicts(
                self._client.update_item, TableName=self._table, Key=to_item(key), **update
            )

    def begin_round(
        self,
        target: Target,
        before: Window | None,
        advance: Callable[[Window], Window],
        enqueued: int,
        moment: datetime,
    ) -> Window:
        """Write the window that `advance` computes to the target's round row, and return it.

        `before` is the window that was read, or None if the row cannot be decoded; such a row is
        replaced. If lookups changed `answered` in the meantime, the row is read again.

        Raises:
            CallFailedError: the table is busy, or lookups changed the row at each attempt.
            HubBrokenError: the table cannot be used.
        """
        for _ in range(_ROUND_ROW_ATTEMPTS):
            after = advance(before or Window())
            if self._write_window(target, before, after, enqueued, moment):
                return after
            before = self._window(target)
        detail = f"the round row of {target} changed at each of {_ROUND_ROW_ATTEMPTS} attempts"
        raise CallFailedError(Failure.of(State.TRANSIENT, "RoundRowChanged", detail))

    def _window(self, target: Target) -> Window | None:
        key = {"region": target.region, "record": round_record(target.account_id)}
        with hub(f"table {self._table}"):
            answer = self._client.get_item(
                TableName=self._table, Key=to_item(key), ConsistentRead=True
            )
        return self._decoded(from_item(answer.get("Item", {})), decode_window)

    def _write_window(
        self, target: Target, before: Window | None, after: Window, enqueued: int, moment: datetime
    ) -> bool:
        """Write the row if it has not changed since it was read; returns whether it was written."""
        key = {"region": target.region, "record": round_record(target.account_id)}
        update = window_update(before, after, enqueued, moment)
        with hub(f"table {self._table}"):
            try:
                self._client.update_item(TableName=self._table, Key=to_item(key), **update)
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def mark_stale(self, pair: Pair, moment: datetime) -> None:
        """Write the state `stale`, unless the pair's status changed since it was read."""
        self._write(pair, stale_update(pair, moment))

    def note(self) -> Note:
        """The scheduler's note."""
        with hub(f"table {self._table}"):
            answer = self._client.get_item(
                TableName=self._table, Key=to_item(NOTE_KEY), ConsistentRead=True
            )
        row = from_item(answer.get("Item", {}))
        regions = self._decoded(row, decode_noted_regions) or frozenset()
        start = self._decoded(row, decode_noted_start)
        return Note(regions, start, self._decoded(row, decode_noted_interval))

    def start_next_at(self, region: str) -> None:
        """Store the region where the next round begins."""
        self._write_note("start", region)

    def remember(self, regions: Collection[str]) -> None:
        """Store the regions that can have active rows."""
        self._write_note("regions", sorted(regions))

    def keep_interval(self, minutes: int | None) -> None:
        """Store the longest time between two rounds; None removes it."""
        self._write_note("interval_minutes", minutes)

    def _write_note(self, name: str, value: object) -> None:
        update: dict[str, Any] = {"UpdateExpression": "REMOVE #name"}
        if value is not None:
            values = to_item({":value": value})
            update = {
                "UpdateExpression": "SET #name = :value",
                "ExpressionAttributeValues": values,
            }
        update["ExpressionAttributeNames"] = {"#name": name}
        with hub(f"table {self._table}"):
            self._client.update_item(TableName=self._table, Key=to_item(NOTE_KEY), **update)


def _number(row: Mapping[str, Any]) -> tuple[str, str, int] | None:
    """Account, image name and pair number of an undecodable image row, if these are valid."""
    match row["record"].split("#"), row.get("number"):
        case [_, account_id, name], int(number) if _is_pair_number(number):
            return account_id, name, number
        case _:
            return None


def _is_pair_number(number: int) -> bool:
    return 0 < number <= LAST_NUMBER and number is not True
