"""The table's rows: batch reads, queries, and conversion of DynamoDB's attribute values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from services.kernel.errors import CallFailedError, Failure
from services.kernel.failures import hub
from services.kernel.model import State
from services.kernel.retry import batches, until_done

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_KEYS_PER_READ = 100  # dynamodb:BatchGetItem


def read_rows(
    client: DynamoDBClient, table: str, keys: Sequence[Mapping[str, str]], *, consistent: bool
) -> list[dict[str, Any]]:
    """The existing rows of these keys, in no order, up to 100 per call.

    Raises:
        HubBrokenError: the table cannot be used.
        CallFailedError: it is busy, or returned unprocessed keys after every retry.
    """
    rows: list[dict[str, Any]] = []

    def get(request: dict[str, Any]) -> dict[str, Any]:
        answer = client.batch_get_item(RequestItems=request)
        rows.extend(from_item(item) for item in answer["Responses"].get(table, []))
        return dict(answer.get("UnprocessedKeys", {}))

    for some in batches(keys, _KEYS_PER_READ):
        wanted = {"Keys": [to_item(key) for key in some], "ConsistentRead": consistent}
        with hub(f"table {table}"):
            left = until_done(get, {table: wanted})
        if left:
            detail = "the table returned unprocessed keys after every retry"
            raise CallFailedError(Failure.of(State.THROTTLED, "UnprocessedKeys", detail))
    return rows


def query_rows(
    client: DynamoDBClient,
    table: str,
    region: str,
    prefix: str,
    *,
    backwards: bool = False,
    page_size: int | None = None,
    attributes: Sequence[str] = (),
) -> Iterator[dict[str, Any]]:
    """A region's rows whose sort key begins with `prefix`, in key order, read consistently.

    A page is read when its first row is needed, so `page_size` limits the rows read unnecessarily.
    With `attributes`, such as `status.state`, the rows have only these.

    Raises:
        HubBrokenError: the table cannot be used.
        CallFailedError: it is busy.
    """
    paths = [path.split(".") for path in attributes]
    names = {"region", "record", *chain.from_iterable(paths)}
    shown = ", ".join(".".join(f"#{name}" for name in path) for path in paths)
    projection: dict[str, Any] = {"ProjectionExpression": shown} if shown else {}
    with hub(f"table {table}"):
        pages = client.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="#region = :region AND begins_with(#record, :prefix)",
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ExpressionAttributeValues=to_item({":region": region, ":prefix": prefix}),
            **projection,
            ConsistentRead=True,
            ScanIndexForward=not backwards,
            PaginationConfig={"PageSize": page_size} if page_size else {},
        )
        for page in pages:
            yield from map(from_item, page["Items"])


_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def to_item(row: Mapping[str, object]) -> dict[str, Any]:
    """A row as DynamoDB's attribute values."""
    return {key: _serializer.serialize(value) for key, value in row.items()}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """A row from DynamoDB's attribute values; numbers become `int`, sets `frozenset`."""
    return {key: _plain(_deserializer.deserialize(value)) for key, value in item.items()}


def _plain(value: object) -> object:
    match value:
        case Decimal():
            # No stored number has a fraction; rounding could make a foreign row look valid.
            return int(value) if value == value.to_integral_value() else float(value)
        case dict():
            return {key: _plain(member) for key, member in value.items()}
        case list():
            return [_plain(member) for member in value]
        case set():
            return frozenset(_plain(member) for member in value)
        case _:
            return value
