"""The aggregator's view of the table: committed releases that are not announced yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from services.kernel.errors import Failure, MalformedError
from services.kernel.failures import condition_may_fail, hub
from services.kernel.keys import IMAGE_PREFIX, PENDING_INDEX, release_record
from services.kernel.model import Release, Target
from services.kernel.observability import Log
from services.kernel.records import decode_pair
from services.kernel.release_records import (
    decode_release,
    encode_last_problem,
    last_problem_code,
)
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
        """The key of a release's row."""
        target = release.target
        record = release_record(target.account_id, release.image_name, release.version)
        return cls(target.region, record)

    @property
    def image(self) -> str:
        """The prefix of the sort keys of the image's releases."""
        return self.record[: len(self.record) - len(self._end())]

    @property
    def version(self) -> int:
        """The version at the end of the sort key; 0 if it has none in the expected format."""
        return int(self._end() or 0)

    def predecessor(self) -> Key | None:
        """The key of the image's previous release; None for the first."""
        version = self.version
        return Key(self.region, f"{self.image}{version - 1:08d}") if version > 1 else None

    def _end(self) -> str:
        found = _VERSION.search(self.record)
        return found[0] if found else ""


@dataclass(frozen=True, slots=True)
class Found:
    """The result of reading some keys.

    `releases` are pending. `unreadable` are the keys of pending rows that cannot be decoded.
    `published` are the keys of published rows. Any other key has no row, or one that is not
    announced or was closed. `problems` has the code of the last problem of pending rows with one.
    """

    releases: tuple[Release, ...] = ()
    unreadable: frozenset[Key] = frozenset()
    published: frozenset[Key] = frozenset()
    problems: Mapping[Key, str] = field(default_factory=dict)


class Outbox:
    """The reads and writes of release rows that announcing needs."""

    def __init__(self, client: DynamoDBClient, table: str, log: Log) -> None:
        self._client = client
        self._table = table
        self._log = log

    def pending(self) -> Iterator[list[Key]]:
        """The keys in the pending index, page by page.

        The index is eventually consistent, so each key has to be read from the table before use.
        """
        with hub(f"table {self._table}"):
            pages = self._client.get_paginator("scan").paginate(
                TableName=self._table, IndexName=PENDING_INDEX
            )
            for page in pages:
                yield _keys(page["Items"])

    def pending_before(self, key: Key) -> list[Key]:
        """The keys of the image's earlier releases in the pending index.

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
        """The releases of `keys` that are pending; a row that cannot be decoded is logged.

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
            problems={
                _key(row): code
                for row in rows
                if "pending" in row and (code := last_problem_code(row))
            },
        )

    def _decoded(self, row: dict[str, Any]) -> Release | None:
        try:
            return pending_release(row)
        except Exception as error:  # noqa: BLE001 - an unexpected row must not affect others
            self._log.error("row malformed", extra={"problem": str(error)})
            return None

    def mark(self, release: Release, message_id: str, moment: datetime) -> None:
        """Mark the release as published; the first write wins."""
        key = Key.of(release)
        with hub(f"table {self._table}"), condition_may_fail():
            self._client.update_item(
                TableName=self._table,
                Key=to_item({"region": key.region, "record": key.record}),
                UpdateExpression="REMOVE pending SET published_at = :at, message_id = :id",
                ConditionExpression="attribute_exists(pending)",
                ExpressionAttributeValues=to_item({":at": timestamp(moment), ":id": message_id}),
            )

    def keep_problem(self, release: Release, problem: Failure, moment: datetime) -> None:
        """Record why a pending release was not accepted, if its last problem has another code."""
        key = Key.of(release)
        code = "#problem.#code"
        with hub(f"table {self._table}"), condition_may_fail():
            self._client.update_item(
                TableName=self._table,
                Key=to_item({"region": key.region, "record": key.record}),
                UpdateExpression="SET #problem = :problem",
                ConditionExpression="attribute_exists(pending) AND "
                f"(attribute_not_exists({code}) OR {code} <> :code)",
                ExpressionAttributeNames={"#problem": "last_problem", "#code": "code"},
                ExpressionAttributeValues=to_item(
                    {":problem": encode_last_problem(problem, moment), ":code": problem.code}
                ),
            )

    def close(self, release: Release, moment: datetime) -> None:
        """Mark a release as closed: it will not be announced."""
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
        """Whether an image can be active in the target; an undecodable row counts as active.

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
    """The keys of items in the index; items with an unexpected key are skipped."""
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
        MalformedError: the row does not match the schema or its key, or `pending` is not its
            region.
    """
    release = decode_release(row)
    if row["pending"] != release.target.region:
        what = f"release {release.version} of {release.image_name} in {release.target}"
        raise MalformedError(what, f"pending is {row['pending']!r}, but must be its region")
    return release
