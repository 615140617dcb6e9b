"""Reads the rows of one image in all targets, and pending releases; limits each read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from services.history.rows import PendingKey, Rows
from services.kernel.errors import MalformedError
from services.kernel.failures import hub
from services.kernel.keys import (
    IMAGE_PREFIX,
    ROUND_PREFIX,
    image_record,
    release_record,
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

    def pending(self, keys: Iterable[PendingKey]) -> Rows[ReleaseRow]:
        """The releases of these keys that are still pending: the index is eventually consistent."""
        places = [
            {
                "region": key.target.region,
                "record": release_record(key.target.account_id, key.image_name, key.version),
            }
            for key in keys
        ]
        rows = read_rows(self._client, self._table, places, consistent=True)
        found, problems = list[ReleaseRow](), list[str]()
        for row in rows:
            try:
                found += [decode_release_row(row)] if "pending" in row else []
            except MalformedError as error:
                problems.append(str(error))
        return Rows(tuple(found), tuple(problems))


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
