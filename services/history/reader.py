"""Reads image rows, release rows and round rows; writes nothing, and limits each read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from services.history.rows import PendingKey, RegionRows, Rows
from services.kernel.errors import MalformedError
from services.kernel.failures import hub
from services.kernel.keys import (
    IMAGE_PREFIX,
    NOTE_KEY,
    PENDING_INDEX,
    RELEASE_PREFIX,
    ROUND_PREFIX,
    release_record,
    releases_of,
)
from services.kernel.model import Target
from services.kernel.records import ImageRow, decode_image_row, name_of
from services.kernel.release_records import ReleaseRow, decode_release_row
from services.kernel.round_records import Note, RoundRow, decode_note, decode_round_row
from services.kernel.table import from_item, query_rows, read_rows, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

MAX_ROWS = 20_000
"""The most rows to read in a region: 1,000 images in 20 accounts."""
_ROWS_PER_PAGE = 1000

T = TypeVar("T")


class HistoryReader:
    """Reads the table of a deployment.

    Each method raises `HubBrokenError` if the table cannot be used, and `CallFailedError` if it is
    busy.
    """

    def __init__(self, client: DynamoDBClient, table: str, max_rows: int = MAX_ROWS) -> None:
        self._client = client
        self._table = table
        self._max_rows = max_rows

    def images(self, region: str) -> Rows[ImageRow]:
        """The image rows of a region, by account and image name."""
        return self._read(region, IMAGE_PREFIX, decode_image_row, self._max_rows)

    def rounds(self, region: str) -> Rows[RoundRow]:
        """The round rows of a region, by account."""
        return self._read(region, ROUND_PREFIX, decode_round_row, self._max_rows)

    def region(self, region: str) -> RegionRows:
        """The image rows and the round rows of a region."""
        return RegionRows(region, self.images(region), self.rounds(region))

    def pending_keys(self) -> Rows[PendingKey]:
        """The releases of all regions that are not announced yet.

        A region that was removed from the configuration can have such releases too, so the index
        is scanned. It contains only these releases.
        """
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            IndexName=PENDING_INDEX,
            PaginationConfig={"PageSize": min(self._max_rows + 1, _ROWS_PER_PAGE)},
        )
        with hub(f"the index {PENDING_INDEX} of table {self._table}"):
            items = (from_item(item) for page in pages for item in page["Items"])
            return _decoded(islice(items, self._max_rows + 1), _pending_key, self._max_rows)

    def releases(self, target: Target, image_name: str, limit: int) -> Rows[ReleaseRow]:
        """The last releases of a pair, newest first, at most `limit` rows."""
        prefix = releases_of(target.account_id, image_name)
        return self._read(target.region, prefix, decode_release_row, limit, backwards=True)

    def versions(
        self, target: Target, image_name: str, versions: Sequence[int]
    ) -> dict[int, ReleaseRow | None]:
        """The releases of these versions of a pair; None for a row that cannot be decoded.

        A version without a row is left out. Up to 100 versions are read with one call.
        """
        records = {release_record(target.account_id, image_name, n): n for n in versions}
        keys = [{"region": target.region, "record": record} for record in records]
        rows = read_rows(self._client, self._table, keys, consistent=True)
        decoded = {records[row["record"]]: _decoded([row], decode_release_row, 1) for row in rows}
        return {n: next(iter(rows.found), None) for n, rows in sorted(decoded.items())}

    def note(self) -> Note:
        """The scheduler's note.

        Raises:
            MalformedError: it does not match the schema.
        """
        with hub(f"table {self._table}"):
            answer = self._client.get_item(TableName=self._table, Key=to_item(NOTE_KEY))
        return decode_note(from_item(answer.get("Item", {})))

    def _read(
        self,
        region: str,
        prefix: str,
        decode: Callable[[Mapping[str, Any]], T],
        limit: int,
        *,
        backwards: bool = False,
    ) -> Rows[T]:
        rows = query_rows(
            self._client,
            self._table,
            region,
            prefix,
            backwards=backwards,
            page_size=min(limit + 1, _ROWS_PER_PAGE),
        )
        return _decoded(islice(rows, limit + 1), decode, limit)


def _decoded(
    rows: Iterable[Mapping[str, Any]], decode: Callable[[Mapping[str, Any]], T], limit: int
) -> Rows[T]:
    read = list(rows)
    found, unreadable = list[T](), list[str]()
    for row in read[:limit]:
        try:
            found.append(decode(row))
        except MalformedError as error:
            unreadable.append(str(error))
    return Rows(tuple(found), tuple(unreadable), complete=len(read) <= limit)


_RELEASE_KEY = re.compile(rf"{RELEASE_PREFIX}([0-9]{{12}})#([^#]+)#([0-9]{{8}})")


def _pending_key(row: Mapping[str, Any]) -> PendingKey:
    key = _RELEASE_KEY.fullmatch(str(row.get("record")))
    if key is None:
        raise MalformedError(name_of(row), "its key is not the key of a release")
    account_id, image_name, version = key.groups()
    return PendingKey(Target(account_id, str(row.get("region"))), image_name, int(version))
