"""Reads the image rows of a batch: by a query if they lie close together, else by their keys.

DynamoDB bills a read by key as 4 KB, and a query by the sum of its rows, which have less than 1 KB.
The scheduler sends the requests of a target in the order of its rows, so a batch usually has most
of the rows between its first and its last one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from services.kernel.errors import Failure, MalformedError
from services.kernel.failures import hub
from services.kernel.keys import image_record
from services.kernel.model import Lookup, Pair, State, Target
from services.kernel.records import DECIDING, decode_pair, decode_requested_pair
from services.kernel.table import from_item, projection, read_rows, to_item
from services.kernel.wire import lookup_digest

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_LEAST_ROWS = 25  # a query saves at most one call for fewer, and can be in vain
_ROWS_PER_WANTED = 4
"""Rows of a query for each wanted one, so that even a query without any is cheaper than keys."""
_NAMES = "ExpressionAttributeNames"


class PairRowReader:
    """Reads image rows; eventually consistent reads choose the cheaper way."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._rows_between: dict[Target, float] = {}

    def requested(self, target: Target, lookups: Mapping[str, Lookup]) -> dict[str, Pair | Failure]:
        """The pairs of these images whose row has this lookup; a damaged row is a failure.

        The lookup in a row is large, and equal to this one if the digests are, so it is not read.
        """
        records = {image_record(target.account_id, name): name for name in lookups}
        found: dict[str, Pair | Failure] = {}
        for row in self._read(target, records, DECIDING):
            name = records[row["record"]]
            lookup = lookups[name]
            if row.get("lookup_digest") == lookup_digest(lookup):
                row["region"] = target.region
                found[name] = _decoded(row, partial(decode_requested_pair, lookup=lookup))
        return found

    def consistent(self, target: Target, names: Sequence[str]) -> dict[str, Pair | Failure]:
        """The pairs of these images that have a row, read consistently and whole."""
        records = {image_record(target.account_id, name): name for name in names}
        keys = [{"region": target.region, "record": record} for record in sorted(records)]
        rows = read_rows(self._client, self._table, keys, consistent=True)
        return {records[row["record"]]: _decoded(row, decode_pair) for row in rows}

    def _read(
        self, target: Target, records: Collection[str], attributes: Sequence[str]
    ) -> list[dict[str, Any]]:
        """These attributes of the existing rows with these sort keys, in no order."""
        left, rows = sorted(records), list[dict[str, Any]]()
        if self._is_dense(target, len(left)):
            left, rows = self._query(target, left, projection(attributes))
        keys = [{"region": target.region, "record": record} for record in left]
        return rows + read_rows(
            self._client, self._table, keys, consistent=False, attributes=attributes
        )

    def _is_dense(self, target: Target, wanted: int) -> bool:
        between = self._rows_between.get(target, 0.0)
        return wanted >= _LEAST_ROWS and wanted * _ROWS_PER_WANTED >= between

    def _query(
        self, target: Target, records: Sequence[str], shown: Mapping[str, Any]
    ) -> tuple[list[str], list[dict[str, Any]]]:
        """The rows between the first and the last one, and the sort keys that are left.

        It ends where the rows are not close together, and remembers that.
        """
        wanted, rows, last = set(records), list[dict[str, Any]](), ""
        self._rows_between.pop(target, None)
        more = dict(shown)
        while True:
            page = self._page(target, records, more)
            hits = [item for item in page["Items"] if item["record"]["S"] in wanted]
            rows += map(from_item, hits)
            if not page.get("LastEvaluatedKey"):
                return [], rows
            more["ExclusiveStartKey"] = page["LastEvaluatedKey"]
            last = page["LastEvaluatedKey"]["record"]["S"]
            if len(page["Items"]) > _ROWS_PER_WANTED * len(hits):
                density = len(page["Items"]) / max(1, len(hits))
                self._rows_between[target] = density * len(records)
                return [record for record in records if record > last], rows

    def _page(
        self, target: Target, records: Sequence[str], more: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        names = {"#region": "region", "#record": "record"}
        values = {":region": target.region, ":first": records[0], ":last": records[-1]}
        with hub(f"table {self._table}"):
            return self._client.query(
                TableName=self._table,
                KeyConditionExpression="#region = :region AND #record BETWEEN :first AND :last",
                ExpressionAttributeValues=to_item(values),
                Limit=_ROWS_PER_WANTED * len(records),
                **{**more, _NAMES: names | more.get(_NAMES, {})},
            )


def _decoded(row: Mapping[str, Any], decode: Callable[[Mapping[str, Any]], Pair]) -> Pair | Failure:
    try:
        return decode(row)
    except MalformedError as error:
        return Failure.of(State.TRANSIENT, "MalformedRow", str(error))
