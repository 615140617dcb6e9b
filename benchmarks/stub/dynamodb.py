"""The operations of DynamoDB on the one table, with conditions and request units."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from os.path import commonprefix
from typing import Any

from msgspec.json import encode

from benchmarks.stub.expressions import Item, Value, condition, project, update
from benchmarks.stub.responses import ServiceError
from benchmarks.stub.table import Row, Table, size_of

_PAGE_BYTES = 1 << 20
_READ_UNIT = 4096
_WRITE_UNIT = 1024
_REFUSED = "ConditionalCheckFailed"

Request = Mapping[str, Any]


class DynamoDb:
    """The table, and the units that its requests consume.

    `write` is called with the partition and the units of each write before it is made; it can
    refuse the write.
    """

    def __init__(
        self, table: Table, units: dict[str, float], write: Callable[[str, float], None]
    ) -> None:
        self._table = table
        self._units = units
        self._write = write
        self._operations: Mapping[str, Callable[[Request], object]] = {
            "GetItem": self._get_item,
            "BatchGetItem": self._batch_get_item,
            "Query": self._query,
            "Scan": self._scan,
            "PutItem": self._put_item,
            "UpdateItem": self._update_item,
            "TransactWriteItems": self._transact_write_items,
            "BatchWriteItem": self._batch_write_item,
        }

    def answer(self, operation: str, request: Request) -> bytes:
        """The response to a request.

        Raises:
            ServiceError: a condition is not fulfilled, or the write was refused.
        """
        if operation not in self._operations:
            raise ServiceError("UnknownOperationException", operation)
        answer = self._operations[operation](request)
        return answer if isinstance(answer, bytes) else encode(answer)

    # --- reads

    def _get_item(self, request: Request) -> bytes:
        row = self._row(request["Key"])
        self._read([row.size if row else 0], consistent=request.get("ConsistentRead", False))
        return b'{"Item":%b}' % _shown(row, request) if row else b"{}"

    def _batch_get_item(self, request: Request) -> bytes:
        ((name, wanted),) = request["RequestItems"].items()
        keys = {(key["region"]["S"], key["record"]["S"]) for key in wanted["Keys"]}
        if len(keys) < len(wanted["Keys"]):
            raise ServiceError(
                "ValidationException", "Provided list of item keys contains duplicates"
            )
        rows = [row for key in wanted["Keys"] if (row := self._row(key))]
        missing = len(keys) - len(rows)
        sizes = [row.size for row in rows] + [0] * missing
        for size in sizes:  # each item is rounded up
            self._read([size], consistent=wanted.get("ConsistentRead", False))
        items = b",".join(_shown(row, wanted) for row in rows)
        return b'{"Responses":{"%b":[%b]},"UnprocessedKeys":{}}' % (name.encode(), items)

    def _query(self, request: Request) -> bytes:
        if "FilterExpression" in request:
            raise ServiceError("ValidationException", "the stub does not filter")
        values = request["ExpressionAttributeValues"]
        region, first, last = _key_condition(request["KeyConditionExpression"], values)
        prefix = commonprefix([first, last])  # noqa: RUF071 - of texts, not of paths
        if "IndexName" in request:
            keys = [
                key for key in self._table.pending if key[0] == region and key[1].startswith(prefix)
            ]
            return self._index_page(sorted(keys))
        start = request.get("ExclusiveStartKey", {}).get("record", {}).get("S")
        rows = self._table.range(
            region, prefix, start, backwards=not request.get("ScanIndexForward", True)
        )
        if first != last:
            rows = ((record, row) for record, row in rows if first <= record <= last)
        return self._page(request, region, rows)

    def _page(self, request: Request, region: str, rows: Iterable[tuple[str, Row]]) -> bytes:
        found: dict[str, Row] = {}
        tail, size, limit = b"", 0, request.get("Limit", math.inf)
        for record, row in rows:
            if size + row.size > _PAGE_BYTES or len(found) >= limit:
                last = {"region": {"S": region}, "record": {"S": next(reversed(found))}}
                tail = b',"LastEvaluatedKey":%b' % encode(last)
                break
            found[record] = row
            size += row.size
        self._read([size], consistent=request.get("ConsistentRead", False))
        items = b",".join(_shown(row, request) for row in found.values())
        return b'{"Items":[%b],"Count":%d,"ScannedCount":%d%b}' % (
            items,
            len(found),
            len(found),
            tail,
        )

    def _scan(self, request: Request) -> bytes:
        if "IndexName" not in request:
            raise ServiceError("ValidationException", "the stub scans only the index")
        return self._index_page(sorted(self._table.pending))

    def _index_page(self, keys: Iterable[tuple[str, str]]) -> bytes:
        items = [
            {"region": {"S": region}, "record": {"S": record}, "pending": {"S": region}}
            for region, record in keys
        ]
        self._read([sum(map(size_of, items))], consistent=False)
        return encode({"Items": items, "Count": len(items)})

    def _row(self, key: Item) -> Row | None:
        return self._table.get(key["region"]["S"], key["record"]["S"])

    def _read(self, sizes: Iterable[int], *, consistent: bool) -> None:
        units = max(1, math.ceil(sum(sizes) / _READ_UNIT))
        self._units["read"] += units if consistent else units / 2

    # --- writes

    def _put_item(self, request: Request) -> dict[str, object]:
        self._check(request, self._item(request["Item"]))
        self._store([request["Item"]])
        return {}

    def _update_item(self, request: Request) -> dict[str, object]:
        self._store([self._updated(request)])
        return {}

    def _updated(self, request: Request) -> Item:
        before = self._item(request["Key"])
        self._check(request, before)
        names = request.get("ExpressionAttributeNames", {})
        values = request.get("ExpressionAttributeValues", {})
        return update(before or dict(request["Key"]), request["UpdateExpression"], names, values)

    def _transact_write_items(self, request: Request) -> dict[str, object]:
        after: list[Item] = []
        reasons: list[dict[str, object]] = []
        for action in request["TransactItems"]:
            ((kind, write),) = action.items()
            try:
                if kind == "Put":
                    self._check(write, self._item(write["Item"]))
                    after.append(write["Item"])
                elif kind == "Update":
                    after.append(self._updated(write))
                else:
                    self._check(write, self._item(write["Key"]))
                reasons.append({"Code": "None"})
            except ServiceError as error:
                reasons.append({"Code": _REFUSED, "Message": error.message, **error.members})
        if any(reason["Code"] != "None" for reason in reasons):
            codes = ", ".join(str(reason["Code"]) for reason in reasons)
            message = (
                "Transaction cancelled, please refer cancellation reasons for specific reasons"
            )
            raise ServiceError(
                "TransactionCanceledException",
                f"{message} [{codes}]",
                members={"CancellationReasons": reasons},
            )
        self._store(after, factor=2)
        return {}

    def _batch_write_item(self, request: Request) -> dict[str, object]:
        ((_, writes),) = request["RequestItems"].items()
        self._store([write["PutRequest"]["Item"] for write in writes])
        return {"UnprocessedItems": {}}

    def _item(self, key: Item) -> Item:
        row = self._row(key)
        return row.item() if row else {}

    def _check(self, request: Request, before: Item) -> None:
        text = request.get("ConditionExpression")
        names: Mapping[str, str] = request.get("ExpressionAttributeNames", {})
        values: Mapping[str, Value] = request.get("ExpressionAttributeValues", {})
        if text is None or condition(text)(before, names, values):
            return
        self._units["write"] += 1  # a refused write is billed too
        shown = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and before
        members: dict[str, object] = {"Item": before} if shown else {}
        message = "The conditional request failed"
        raise ServiceError("ConditionalCheckFailedException", message, members=members)

    def _store(self, items: Sequence[Item], factor: int = 1) -> None:
        """Write all items, or none if the rate of a partition refuses one."""
        for item in items:
            units = self._write_units(item, factor)
            self._write(item["region"]["S"], units)
            self._units["write"] += units
        self._units["rows written"] += len(items)
        for item in items:
            self._table.put(item)

    def _write_units(self, item: Item, factor: int) -> int:
        units = factor * max(1, math.ceil(size_of(item) / _WRITE_UNIT))
        indexed = (item["region"]["S"], item["record"]["S"]) in self._table.pending
        return units + ("pending" in item or indexed)  # the index has keys only


def _shown(row: Row, request: Request) -> bytes:
    text = request.get("ProjectionExpression")
    if text is None:
        return row.text
    names = request.get("ExpressionAttributeNames", {})
    key = (text, *names.items())
    if key not in row.shown:
        row.shown[key] = encode(project(row.members(text), text, names))
    return row.shown[key]


def _key_condition(text: str, values: Mapping[str, Value]) -> tuple[str, str, str]:
    """The partition, and the first and the last record; equal if both are the prefix."""
    used = [values[name]["S"] for name in sorted(values, key=text.index)]
    match used:
        case [region] if "AND" not in text:
            return region, "", ""
        case [region, prefix] if "begins_with" in text:
            return region, prefix, prefix
        case [region, first, last] if "BETWEEN" in text:
            return region, first, last
    raise ServiceError("ValidationException", f"the stub does not know {text}")
