"""The aggregator's view of the table: committed releases that still have to be announced."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from services.kernel.errors import MalformedError
from services.kernel.failures import condition_may_fail, hub
from services.kernel.keys import IMAGE_PREFIX, PENDING_INDEX, release_record
from services.kernel.model import Release, Target
from services.kernel.observability import Log
from services.kernel.records import decode_pair, decode_release
from services.kernel.table import query_rows, read_rows, to_item
from services.kernel.wire import timestamp

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


_VERSION = re.compile(r"(?<=#)[0-9]{8}\Z")


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

    @property
    def image(self) -> str:
        """What the records of the same image's releases begin with."""
        return self.record[: len(self.record) - len(self._end())]

    @property
    def version(self) -> int:
        """The version at the end of the record; 0 if there is none as we write it."""
        return int(self._end() or 0)

    def predecessor(self) -> Key | None:
        """The key of the same image's release before this one; None when this is the first."""
        version = self.version
        return Key(self.region, f"{self.image}{version - 1:08d}") if version > 1 else None

    def _end(self) -> str:
        found = _VERSION.search(self.record)
        return found[0] if found else ""


@dataclass(frozen=True, slots=True)
class Found:
    """What was read of some keys.

    `releases` are still to be announced. `unreadable` are the keys of pending rows that cannot be
    announced as they are. `published` are the keys of rows that were published. Any other key has
    no row, or one that is not to be announced, or one that was closed.
    """

    releases: tuple[Release, ...] = ()
    unreadable: frozenset[Key] = frozenset()
    published: frozenset[Key] = frozenset()


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
                yield _keys(page["Items"])

    def pending_before(self, key: Key) -> list[Key]:
        """The keys in the pending index of the same image's earlier releases.

        Raises:
            HubBrokenError: the table cannot be used.
            CallFailedError: it is busy.
        """
        with hub(f"table {self._table}"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=PENDING_INDEX,
                KeyConditionExpression="#pending = :region AND begins_with(#record, :image)",
                ExpressionAttributeNames={"#pending": "pending", "#record": "record"},
                ExpressionAttributeValues=to_item({":region": key.region, ":image": key.image}),
            )
            found = [each for page in pages for each in _keys(page["Items"])]
        return [each for each in found if each.record < key.record]

    def read(self, keys: Sequence[Key]) -> Found:
        """What of `keys` is still to be announced; a row that cannot be decoded is logged.

        Raises:
            HubBrokenError: the table cannot be used.
            CallFailedError: it is busy.
        """
        unique = [{"region": key.region, "record": key.record} for key in dict.fromkeys(keys)]
        rows = read_rows(self._client, self._table, unique, consistent=True)
        pending = {_key(row): self._decoded(row) for row in rows if "pending" in row}
        return Found(
            releases=tuple(release for release in pending.values() if release is not None),
            unreadable=frozenset(key for key, release in pending.items() if release is None),
            published=frozenset(_key(row) for row in rows if _is_published(row)),
        )

    def _decoded(self, row: dict[str, Any]) -> Release | None:
        try:
            return pending_release(row)
        except Exception as error:  # noqa: BLE001 - an unexpected row affects no other
            self._log.error("row malformed", extra={"problem": str(error)})
            return None

    def mark(self, release: Release, message_id: str, moment: datetime) -> None:
        """Note that the release was published; the first write wins."""
        key = Key.of(release)
        with hub(f"table {self._table}"), condition_may_fail():
            self._client.update_item(
                TableName=self._table,
                Key=to_item({"region": key.region, "record": key.record}),
                UpdateExpression="REMOVE pending SET published_at = :at, message_id = :id",
                ConditionExpression="attribute_exists(pending)",
                ExpressionAttributeValues=to_item({":at": timestamp(moment), ":id": message_id}),
            )

    def close(self, release: Release, moment: datetime) -> None:
        """Note that a release will not be announced."""
        key = Key.of(release)
        with hub(f"table {self._table}"), condition_may_fail():
            self._client.update_item(
                TableName=self._table,
                Key=to_item({"region": key.region, "record": key.record}),
                UpdateExpression="REMOVE pending SET closed_at = :at",
                ConditionExpression="attribute_exists(pending)",
                ExpressionAttributeValues=to_item({":at": timestamp(moment)}),
            )

    def may_be_active(self, target: Target) -> bool:
        """Whether an image may be active in the target: a row that cannot be read counts as one.

        Raises:
            HubBrokenError: the table cannot be used.
            CallFailedError: it is busy.
        """
        prefix = f"{IMAGE_PREFIX}{target.account_id}#"
        rows = query_rows(self._client, self._table, target.region, prefix)
        return any(map(self._may_be_active, rows))

    def _may_be_active(self, row: Mapping[str, Any]) -> bool:
        try:
            return decode_pair(row).active
        except MalformedError as error:
            self._log.error("row malformed", extra={"problem": str(error)})
            return True


def _key(row: Mapping[str, Any]) -> Key:
    return Key(row["region"], row["record"])


def _keys(items: Iterable[Mapping[str, Any]]) -> list[Key]:
    """The keys of items of the index; what is not a key of ours cannot be read either."""
    found: list[Key] = []
    for item in items:
        match item:
            case {"region": {"S": str(region)}, "record": {"S": str(record)}}:
                found.append(Key(region, record))
            case _:
                pass
    return found


def _is_published(row: Mapping[str, Any]) -> bool:
    return "published_at" in row and "pending" not in row


def pending_release(row: Mapping[str, Any]) -> Release:
    """The release in a pending row.

    Raises:
        MalformedError: the row does not match the schema or its key, or it is in the index under
            another region than its own.
    """
    release = decode_release(row)
    if row["pending"] != release.target.region:
        what = f"release {release.version} of {release.image_name} in {release.target}"
        raise MalformedError(what, f"pending is {row['pending']!r}, but must be its region")
    return release
