"""The aggregator's view of the table: committed releases that still have to be announced."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from services.kernel.aws import read_rows, to_item
from services.kernel.errors import MalformedError
from services.kernel.failures import condition_may_fail, hub
from services.kernel.model import Release
from services.kernel.observe import Log
from services.kernel.runtime import timestamp
from services.kernel.wire import PENDING_INDEX, decode_release, release_record

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


_VERSION = re.compile(r"#([0-9]{8})\Z")


@dataclass(frozen=True, slots=True)
class Key:
    """A release row's key."""

    region: str
    record: str

    @classmethod
    def of(cls, release: Release) -> Key:
        """The key of the row that holds a release."""
        target = release.target
        record = release_record(target.account_id, release.image_name, release.version)
        return cls(target.region, record)

    def predecessor(self) -> Key | None:
        """The key of the same image's release before this one; None when this is the first."""
        found = _VERSION.search(self.record)
        version = int(found[1]) if found else 0
        if found is None or version <= 1:
            return None
        return Key(self.region, f"{self.record[: found.start()]}#{version - 1:08d}")


@dataclass(frozen=True, slots=True)
class Found:
    """Releases that are still to be announced, and how many rows of such ones make no sense."""

    releases: tuple[Release, ...] = ()
    unreadable: int = 0


class Outbox:
    """Release rows, as far as announcing touches them."""

    def __init__(self, client: DynamoDBClient, table: str, log: Log) -> None:
        self._client = client
        self._table = table
        self._log = log

    def pending(self) -> Iterator[list[Key]]:
        """The keys in the pending index, a page at a time: what has to be announced, and no more.

        The index lags behind the table by moments, so each key has to be read before it counts.
        """
        with hub(f"table {self._table}"):
            pages = self._client.get_paginator("scan").paginate(
                TableName=self._table, IndexName=PENDING_INDEX
            )
            for page in pages:
                yield [Key(item["region"]["S"], item["record"]["S"]) for item in page["Items"]]

    def read(self, keys: Sequence[Key]) -> Found:
        """What of `keys` is still to be announced; a row that makes no sense is logged.

        Raises:
            HubBrokenError: the table cannot be used.
            CallFailedError: it is busy.
        """
        unique = [{"region": key.region, "record": key.record} for key in dict.fromkeys(keys)]
        rows = read_rows(self._client, self._table, unique, consistent=True)
        found = [self._decoded(row) for row in rows if "pending" in row]
        return Found(tuple(each for each in found if each is not None), found.count(None))

    def _decoded(self, row: dict[str, Any]) -> Release | None:
        try:
            return _dated(decode_release(row))
        except MalformedError as error:
            self._log.error("row malformed", extra={"problem": str(error)})
            return None

    def mark(self, release: Release, message_id: str, moment: datetime) -> None:
        """Note that the release was published; whoever noted it first stays."""
        key = Key.of(release)
        with hub(f"table {self._table}"), condition_may_fail():
            self._client.update_item(
                TableName=self._table,
                Key=to_item({"region": key.region, "record": key.record}),
                UpdateExpression="REMOVE pending SET published_at = :at, message_id = :id",
                ConditionExpression="attribute_exists(pending)",
                ExpressionAttributeValues=to_item({":at": timestamp(moment), ":id": message_id}),
            )


def _dated(release: Release) -> Release:
    """The release, if it can be told how old it is."""
    try:
        aware = datetime.fromisoformat(release.detected_at).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        what = f"release {release.version} of {release.image_name} in {release.target}"
        raise MalformedError(what, f"detected_at is {release.detected_at!r}, but must be a time")
    return release
