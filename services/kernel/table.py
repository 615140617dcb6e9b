"""The table's rows: batch reads, queries, and conversion of DynamoDB's attribute values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
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
    client: DynamoDBClient,
    table: str,
    keys: Sequence[Mapping[str, str]],
    *,
    consistent: bool,
    attributes: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """The existing rows of these keys, in no order, up to 100 per call.

    With `attributes`, only these are read.

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
        wanted = {
            "Keys": [to_item(key) for key in some],
            "ConsistentRead": consistent,
            **projection(attributes),
        }
        with hub(f"table {table}"):
            left = until_done(get, {table: wanted})
        if left:
            detail = "the table returned unprocessed keys after every retry"
            raise CallFailedError(Failure.of(State.THROTTLED, "UnprocessedKeys", detail))
    return rows


def projection(attributes: Sequence[str] | None) -> dict[str, Any]:
    """The parameters of a read for these attributes; none for whole rows."""
    if attributes is None:
        return {}
    names = {f"#{name}": name for name in attributes}
    return {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}


def query_rows(
    client: DynamoDBClient,
    table: str,
    region: str,
    prefix: str,
    *,
    backwards: bool = False,
    page_size: int | None = None,
) -> Iterator[dict[str, Any]]:
    """A region's rows whose sort key begins with `prefix`, in key order, read consistently.

    A page is read when its first row is needed, so `page_size` limits the rows read unnecessarily.

    Raises:
        HubBrokenError: the table cannot be used.
        CallFailedError: it is busy.
    """
    with hub(f"table {table}"):
        pages = client.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="#region = :region AND begins_with(#record, :prefix)",
            ExpressionAttributeNames={"#region": "region", "#record": "record"},
            ExpressionAttributeValues=to_item({":region": region, ":prefix": prefix}),
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
