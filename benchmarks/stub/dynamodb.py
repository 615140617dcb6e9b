"""The operations of DynamoDB on the one table, with conditions and request units."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from os.path import commonprefix
from typing import Any

from msgspec.json import encode

from benchmarks.stub.expressions import Item, Value, condition, project, update
from benchmarks.stub.keys import key_condition
from benchmarks.stub.meter import Meter
from benchmarks.stub.responses import ServiceError
from benchmarks.stub.table import Row, Table, size_of
from benchmarks.stub.throttles import NO_CAPACITY, PARTITION_READS, Throttles

_PAGE_BYTES = 1 << 20
_REFUSED = "ConditionalCheckFailed"
_NO_CAPACITY_REASON: Mapping[str, object] = {"Code": "ThrottlingError", "Message": NO_CAPACITY}

Request = Mapping[str, Any]


class DynamoDb:
    """The table, and the units that its requests consume."""

    def __init__(self, table: Table, units: dict[str, float], throttles: Throttles) -> None:
        self._table = table
        self._meter = Meter(units, throttles)
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
        region, size = request["Key"]["region"]["S"], row.size if row else 0
        self._meter.read(region, size, consistent=request.get("ConsistentRead", False))
        return b'{"Item":%b}' % _shown(row, request) if row else b"{}"

    def _batch_get_item(self, request: Request) -> bytes:
        ((name, wanted),) = request["RequestItems"].items()
        keys = {(key["region"]["S"], key["record"]["S"]) for key in wanted["Keys"]}
        if len(keys) < len(wanted["Keys"]):
            raise ServiceError(
                "ValidationException", "Provided list of item keys contains duplicates"
            )
        rows: list[Row] = []
        unprocessed: list[Item] = []
        for key in wanted["Keys"]:  # the size of each item is rounded up
            row = self._row(key)
            try:
                self._meter.read(
                    key["region"]["S"],
                    row.size if row else 0,
                    consistent=wanted.get("ConsistentRead", False),
                )
            except ServiceError:
                unprocessed.append(key)
            else:
                rows += [row] if row else []
        if len(unprocessed) == len(keys):
            raise ServiceError(PARTITION_READS.code, NO_CAPACITY, PARTITION_READS.status)
        items = b",".join(_shown(row, wanted) for row in rows)
        left = encode({name: {**wanted, "Keys": unprocessed}} if unprocessed else {})
        return b'{"Responses":{"%b":[%b]},"UnprocessedKeys":%b}' % (name.encode(), items, left)

    def _query(self, request: Request) -> bytes:
        if "FilterExpression" in request:
            raise ServiceError("ValidationException", "the stub does not filter")
        values = request["ExpressionAttributeValues"]
        region, first, last = key_condition(request["KeyConditionExpression"], values)
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
        self._meter.read(region, size, consistent=request.get("ConsistentRead", False))
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
        self._meter.read("the index", sum(map(size_of, items)), consistent=False)
        return encode({"Items": items, "Count": len(items)})

    def _row(self, key: Item) -> Row | None:
        return self._table.get(key["region"]["S"], key["record"]["S"])

    # --- writes

    def _put_item(self, request: Request) -> dict[str, object]:
        self._check(request, self._item(request["Item"]))
        self._store(request["Item"])
        return {}

    def _update_item(self, request: Request) -> dict[str, object]:
        self._store(self._updated(request))
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
        if all(reason["Code"] == "None" for reason in reasons):
            refused = self._meter.transaction((each, self._is_indexed(each)) for each in after)
            reasons = [dict(_NO_CAPACITY_REASON) if each else {"Code": "None"} for each in refused]
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
        for item in after:
            self._table.put(item)
        return {}

    def _batch_write_item(self, request: Request) -> dict[str, object]:
        ((_, writes),) = request["RequestItems"].items()
        for write in writes:
            self._store(write["PutRequest"]["Item"])
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
        self._meter.refused()
        shown = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and before
        members: dict[str, object] = {"Item": before} if shown else {}
        message = "The conditional request failed"
        raise ServiceError("ConditionalCheckFailedException", message, members=members)

    def _store(self, item: Item) -> None:
        self._meter.write(item, indexed=self._is_indexed(item))
        self._table.put(item)

    def _is_indexed(self, item: Item) -> bool:
        """Whether the index has the item before or after a write."""
        key = (item["region"]["S"], item["record"]["S"])
        return "pending" in item or key in self._table.pending


def _shown(row: Row, request: Request) -> bytes:
    text = request.get("ProjectionExpression")
    if text is None:
        return row.text
    names = request.get("ExpressionAttributeNames", {})
    key = (text, *names.items())
    if key not in row.shown:
        row.shown[key] = encode(project(row.members(text), text, names))
    return row.shown[key]
