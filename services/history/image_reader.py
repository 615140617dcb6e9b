"""Reads the rows of one image in all targets, and pending releases; limits each read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from services.kernel.errors import MalformedError
from services.kernel.failures import hub
from services.kernel.keys import (
    IMAGE_PREFIX,
    PENDING_INDEX,
    ROUND_PREFIX,
    image_record,
    releases_of,
)
from services.kernel.model import Pair, Target, Window
from services.kernel.records import decode_pair
from services.kernel.release_records import ReleaseRow, decode_release_row
from services.kernel.round_records import decode_window
from services.kernel.table import from_item, query_rows, read_rows, to_item
from services.kernel.wire import ACCOUNT_ID

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

MAX_TARGETS = 1000
"""The most targets of a region."""
MAX_NAMES = 1000
"""The most image rows of a region whose names are read, to suggest one."""

_ROWS_PER_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of rows; `complete` is false if there are more than the limit."""

    found: tuple[Mapping[str, str], ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class RoundOf:
    """The round row of a target; the window is None if the row cannot be decoded."""

    target: Target
    window: Window | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class PairOf:
    """The image row of a target; the pair is None if the row cannot be decoded."""

    target: Target
    pair: Pair | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ReleasesOf:
    """Release rows; `complete` is false if there are more, `problems` has a sentence per row."""

    rows: tuple[ReleaseRow, ...] = ()
    problems: tuple[str, ...] = ()
    complete: bool = True


class ImageReader:
    """Reads what the table has about one image.

    Each method raises `HubBrokenError` if the table cannot be used, and `CallFailedError` if it is
    busy.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def targets(self, region: str) -> list[RoundOf]:
        """The targets of a region: those with a round row."""
        rows = query_rows(self._client, self._table, region, ROUND_PREFIX, page_size=MAX_TARGETS)
        found = (_round(row) for row in islice(rows, MAX_TARGETS))
        return [each for each in found if each is not None]

    def pairs(self, targets: Sequence[Target], image_name: str) -> list[PairOf]:
        """The image rows of an image in these targets, 100 per call, in their order."""
        keys = [
            {"region": target.region, "record": image_record(target.account_id, image_name)}
            for target in targets
        ]
        rows = read_rows(self._client, self._table, keys, consistent=True)
        by_key = {(row["region"], row["record"]): row for row in rows}
        return [
            _pair(target, by_key[key["region"], key["record"]])
            for target, key in zip(targets, keys, strict=True)
            if (key["region"], key["record"]) in by_key
        ]

    def releases(self, target: Target, image_name: str, limit: int) -> ReleasesOf:
        """The last releases of a pair, newest first, at most `limit`; one call for up to 1,000."""
        prefix = releases_of(target.account_id, image_name)
        rows = query_rows(
            self._client,
            self._table,
            target.region,
            prefix,
            backwards=True,
            page_size=min(limit + 1, _ROWS_PER_PAGE),
        )
        return _releases(list(islice(rows, limit + 1)), limit)

    def names(self, region: str) -> frozenset[str]:
        """The image names of a region, from the keys of its first 1,000 image rows."""
        with hub(f"table {self._table}"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="#region = :region AND begins_with(#record, :prefix)",
                ExpressionAttributeNames={"#region": "region", "#record": "record"},
                ExpressionAttributeValues=to_item({":region": region, ":prefix": IMAGE_PREFIX}),
                ProjectionExpression="#record",
                PaginationConfig={"PageSize": MAX_NAMES, "MaxItems": MAX_NAMES},
            )
            items = (from_item(item) for page in pages for item in page["Items"])
            return frozenset(str(item["record"]).rpartition("#")[2] for item in items)

    def pending_keys(self, limit: int) -> Keys:
        """The keys of the pending releases of all regions, at most `limit`.

        A region that was removed from the configuration can have pending releases, so the sparse
        index is scanned.
        """
        with hub(f"index {PENDING_INDEX} of table {self._table}"):
            pages = self._client.get_paginator("scan").paginate(
                TableName=self._table,
                IndexName=PENDING_INDEX,
                PaginationConfig={"PageSize": min(limit + 1, _ROWS_PER_PAGE)},
            )
            items = (from_item(item) for page in pages for item in page["Items"])
            keys = [
                {"region": str(item["region"]), "record": str(item["record"])}
                for item in islice(items, limit + 1)
            ]
        return Keys(tuple(keys[:limit]), complete=len(keys) <= limit)

    def pending(self, keys: Keys) -> ReleasesOf:
        """The releases of these keys that are still pending: the index is eventually consistent."""
        rows = read_rows(self._client, self._table, keys.found, consistent=True)
        waiting = [row for row in rows if "pending" in row]
        return _releases(waiting, len(waiting))


def _round(row: Mapping[str, Any]) -> RoundOf | None:
    """The round row; None if its key is not the key of a target."""
    account_id = str(row["record"]).removeprefix(ROUND_PREFIX)
    if not re.match(ACCOUNT_ID, account_id):
        return None
    target = Target(account_id, str(row["region"]))
    try:
        return RoundOf(target, decode_window(row))
    except MalformedError as error:
        return RoundOf(target, None, str(error))


def _pair(target: Target, row: Mapping[str, Any]) -> PairOf:
    try:
        return PairOf(target, decode_pair(row))
    except MalformedError as error:
        return PairOf(target, None, str(error))


def _releases(rows: Sequence[Mapping[str, Any]], limit: int) -> ReleasesOf:
    found, problems = list[ReleaseRow](), list[str]()
    for row in rows[:limit]:
        try:
            found.append(decode_release_row(row))
        except MalformedError as error:
            problems.append(str(error))
    return ReleasesOf(tuple(found), tuple(problems), complete=len(rows) <= limit)
