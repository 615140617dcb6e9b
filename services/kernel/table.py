"""The table's rows: batch reads, queries, and conversion of DynamoDB's attribute values."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

from services.kernel.errors import CallFailedError, Failure
from services.kernel.failures import hub
from services.kernel.model import State
from services.kernel.retry import batches, until_done

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_KEYS_PER_READ = 100  # dynamodb:BatchGetItem
_NAMES = "ExpressionAttributeNames"


def read_rows(
    client: DynamoDBClient,
    table: str,
    keys: Sequence[Mapping[str, str]],
    *,
    consistent: bool,
    attributes: Sequence[str] = (),
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


def projection(attributes: Sequence[str]) -> dict[str, Any]:
    """The parameters of a read for attributes such as `status.state`; none for whole rows."""
    if not attributes:
        return {}
    paths = [path.split(".") for path in attributes]
    return {
        "ProjectionExpression": ", ".join(".".join(f"#{name}" for name in path) for path in paths),
        _NAMES: {f"#{name}": name for name in chain.from_iterable(paths)},
    }


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
    shown = projection(attributes)
    names = {"#region": "region", "#record": "record"} | shown.pop(_NAMES, {})
    with hub(f"table {table}"):
        pages = client.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="#region = :region AND begins_with(#record, :prefix)",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=to_item({":region": region, ":prefix": prefix}),
            **shown,
            ConsistentRead=True,
            ScanIndexForward=not backwards,
            PaginationConfig={"PageSize": page_size} if page_size else {},
        )
        for page in pages:
            yield from map(from_item, page["Items"])


def to_item(row: Mapping[str, object]) -> dict[str, Any]:
    """A row as DynamoDB's attribute values."""
    return {key: _attribute(value) for key, value in row.items()}


def _attribute(value: object) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": f"{value:d}"}
        case None:
            return {"NULL": True}
    return _collection(value)


def _collection(value: object) -> dict[str, Any]:
    match value:
        case Mapping():
            return {"M": to_item(value)}
        case list() | tuple():
            return {"L": [_attribute(member) for member in value]}
        case set() | frozenset() if all(isinstance(member, int) for member in value):
            return {"NS": [f"{member:d}" for member in value]}
        case set() | frozenset() if all(isinstance(member, str) for member in value):
            return {"SS": list(value)}
    message = f"a row has a value of the type {type(value).__name__}, which is never stored"
    raise TypeError(message)


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """A row from DynamoDB's attribute values; numbers become `int`, sets `frozenset`."""
    return {key: _plain(attribute) for key, attribute in item.items()}


def _plain(attribute: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the value of any kind
    for kind, value in attribute.items():
        if kind in _AS_THEY_ARE:
            return value
        if convert := _CONVERSIONS.get(kind):
            return convert(value)
    message = f"DynamoDB returned an attribute of an unknown type: {sorted(attribute)}"
    raise TypeError(message)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        value = Decimal(text)
    # No stored number has a fraction; rounding could make a foreign row look valid.
    return int(value) if value == value.to_integral_value() else float(value)


def _binary(value: bytes | str) -> bytes:
    """Bytes; in the packages, botocore returns attribute values as they are sent, in base64."""
    return value if isinstance(value, bytes) else b64decode(value)


_AS_THEY_ARE = frozenset({"S", "BOOL"})
_CONVERSIONS: Mapping[str, Callable[[Any], object]] = {
    "N": _number,
    "B": _binary,
    "M": from_item,
    "L": lambda values: [_plain(value) for value in values],
    "SS": frozenset,
    "NS": lambda texts: frozenset(map(_number, texts)),
    "BS": lambda values: frozenset(map(_binary, values)),
    "NULL": lambda _: None,
}
