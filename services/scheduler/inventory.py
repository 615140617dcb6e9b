"""The scheduler's view of the table: image rows, round rows, and its own note of where it was."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from tenacity import Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random

from services.kernel.aws import from_item, query_rows, to_item
from services.kernel.errors import MalformedError
from services.kernel.failures import condition_may_fail, hub
from services.kernel.model import Pair, Target
from services.kernel.observe import Log
from services.kernel.wire import (
    IMAGE_PREFIX,
    decode_pair,
    encode_configuration,
    image_record,
    round_record,
)
from services.scheduler.plan import Action, Change

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_NOTE = {"region": "*", "record": "scheduler"}
"""No region is called `*`, so the note meets nobody who reads a region's rows."""

_REQUIRED = {Action.REACTIVATE: False, Action.DEACTIVATE: True}
"""What `active` must still be: these two take a row from one state to the other, once."""


def _conflicts(error: BaseException) -> bool:
    return (
        isinstance(error, ClientError)
        and error.response["Error"]["Code"] == "TransactionConflictException"
    )


# A lookup is committing that very row; it is over in a moment, and botocore does not wait for it.
_past_commits = Retrying(
    retry=retry_if_exception(_conflicts),
    stop=stop_after_attempt(4),
    wait=wait_random(0.05, 0.5),
    reraise=True,
)


@dataclass(frozen=True, slots=True)
class Note:
    """What the scheduler remembers between rounds.

    `regions` are those that may hold active rows, so that a region which leaves the configuration
    is still visited once more; `start` is where the next round begins.
    """

    regions: frozenset[str] = frozenset()
    start: str | None = None


class Inventory:
    """Image rows as configured, round rows, and the note."""

    def __init__(self, client: DynamoDBClient, table: str, log: Log) -> None:
        self._client = client
        self._table = table
        self._log = log

    def pairs(self, region: str) -> list[Pair]:
        """Every pair that has a row in the region, inactive ones too.

        A row that cannot be read counts as missing, so it is configured anew from the catalogue.
        What is known in it is not mended: damaged there, it stays unreadable and logged each round.
        """
        rows = query_rows(self._client, self._table, region, IMAGE_PREFIX)
        return [pair for row in rows if (pair := self._decoded(row)) is not None]

    def _decoded(self, row: dict[str, Any]) -> Pair | None:
        try:
            return decode_pair(row)
        except MalformedError as error:
            self._log.error("row malformed", extra={"problem": str(error)})
            return None

    def apply(self, change: Change) -> None:
        """Write a pair's configuration; what is known of the pair stays as it is.

        A pair that comes back has its next answer taken as the answer to an edit: what was
        released while nobody looked is not news. One that is back already is left alone, since a
        lookup may have confirmed it since; so is one that is gone already.

        Raises:
            CallFailedError: the table is busy, or lookups kept committing that very row.
            HubBrokenError: the table cannot be used.
        """
        pair = change.pair
        if change.action is Action.DEACTIVATE:
            values: dict[str, object] = {"active": False}
        else:
            values = encode_configuration(pair)
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
        names = {f"#{name}": name for name in values}
        if change.action is Action.REACTIVATE:
            expression += " REMOVE confirmed_digest, #status"
            names["#status"] = "status"
        update: dict[str, Any] = {
            "UpdateExpression": expression,
            "ExpressionAttributeNames": names,
        }
        if change.action in _REQUIRED:
            values["before"] = _REQUIRED[change.action]
            update["ConditionExpression"] = "#active = :before"
        update["ExpressionAttributeValues"] = to_item({f":{n}": v for n, v in values.items()})
        self._write(pair, update)

    def _write(self, pair: Pair, update: dict[str, Any]) -> None:
        key = {
            "region": pair.target.region,
            "record": image_record(pair.target.account_id, pair.image_name),
        }
        with hub(f"table {self._table}"), condition_may_fail():
            _past_commits(
                self._client.update_item, TableName=self._table, Key=to_item(key), **update
            )

    def begin_round(self, target: Target, round_: str, enqueued: int, started_at: str) -> None:
        """Write the target's round row; a repeated or late round leaves the counters alone."""
        row = {
            "region": target.region,
            "record": round_record(target.account_id),
            "round": round_,
            "enqueued": enqueued,
            "checked": 0,
            "failed": 0,
            "started_at": started_at,
        }
        with hub(f"table {self._table}"), condition_may_fail():
            self._client.put_item(
                TableName=self._table,
                Item=to_item(row),
                ConditionExpression="attribute_not_exists(#round) OR #round < :round",
                ExpressionAttributeNames={"#round": "round"},
                ExpressionAttributeValues=to_item({":round": round_}),
            )

    def note(self) -> Note:
        """What the last round left for this one."""
        with hub(f"table {self._table}"):
            answer = self._client.get_item(
                TableName=self._table, Key=to_item(_NOTE), ConsistentRead=True
            )
        row = from_item(answer.get("Item", {}))
        return Note(frozenset(row.get("regions", ())), row.get("start"))

    def start_next_at(self, region: str) -> None:
        """Let the next round begin with this region."""
        self._remember("start", region)

    def remember(self, regions: Collection[str]) -> None:
        """Note which regions may hold active rows."""
        self._remember("regions", sorted(regions))

    def _remember(self, name: str, value: object) -> None:
        with hub(f"table {self._table}"):
            self._client.update_item(
                TableName=self._table,
                Key=to_item(_NOTE),
                UpdateExpression="SET #name = :value",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues=to_item({":value": value}),
            )
