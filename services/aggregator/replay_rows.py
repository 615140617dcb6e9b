"""The release rows of a replay: published, pending and closed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from services.aggregator.outbox import Key
from services.kernel.errors import MalformedError
from services.kernel.failures import condition_may_fail, hub
from services.kernel.model import Release
from services.kernel.observability import Log
from services.kernel.release_records import decode_release_row
from services.kernel.table import read_rows, to_item
from services.kernel.wire import timestamp

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class Absence(StrEnum):
    """Why a release cannot be published again."""

    NOT_FOUND = "not_found"
    """There is no row."""
    DAMAGED = "damaged"
    """The row cannot be decoded, or its content does not match its key."""
    NOT_ANNOUNCED = "not_announced"
    """It was never an event: its kind was not in `Announce` when it was committed."""


class ReplayRows:
    """The reads and writes of release rows that a replay needs."""

    def __init__(self, client: DynamoDBClient, table: str, log: Log) -> None:
        self._client = client
        self._table = table
        self._log = log

    def read(self, keys: Sequence[Key]) -> dict[Key, Release | Absence]:
        """The release of each key, or why it cannot be published again; read consistently.

        Raises:
            HubBrokenError: the table cannot be used.
            CallFailedError: it is busy.
        """
        wanted = [{"region": key.region, "record": key.record} for key in keys]
        rows = read_rows(self._client, self._table, wanted, consistent=True)
        found = {Key(row["region"], row["record"]): row for row in rows}
        return {
            key: self._decoded(found[key]) if key in found else Absence.NOT_FOUND for key in keys
        }

    def _decoded(self, row: Mapping[str, Any]) -> Release | Absence:
        try:
            return replayable(row)
        except Exception as error:  # noqa: BLE001 - an unexpected row must not affect others
            self._log.error("row malformed", extra={"problem": str(error)})
            return Absence.DAMAGED

    def mark(self, release: Release, message_id: str, moment: datetime) -> None:
        """Record when the release was published last, and its message id; nothing else changes.

        A pending row is marked as published. Any other row must be one that was an event.
        """
        key = Key.of(release)
        with hub(f"table {self._table}"), condition_may_fail():
            self._client.update_item(
                TableName=self._table,
                Key=to_item({"region": key.region, "record": key.record}),
                UpdateExpression="REMOVE pending SET published_at = :at, message_id = :id",
                ConditionExpression=(
                    "event_id = :event AND (attribute_exists(pending) "
                    "OR attribute_exists(published_at) OR attribute_exists(closed_at))"
                ),
                ExpressionAttributeValues=to_item(
                    {":at": timestamp(moment), ":id": message_id, ":event": release.event_id}
                ),
            )


def replayable(row: Mapping[str, Any]) -> Release | Absence:
    """The release in a row that is or was to be announced.

    Raises:
        MalformedError: the row does not match the schema or its key, or its event id or its
            pending region is not that of its content.
    """
    decoded = decode_release_row(row)
    release = decoded.release
    what = f"release {release.version} of {release.image_name} in {release.target}"
    if row["event_id"] != release.event_id:
        raise MalformedError(what, "its event_id is not that of its content")
    if decoded.pending and row["pending"] != release.target.region:
        raise MalformedError(what, f"pending is {row['pending']!r}, but must be its region")
    if decoded.pending or decoded.published_at or decoded.closed_at:
        return release
    return Absence.NOT_ANNOUNCED
