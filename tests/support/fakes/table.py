"""Direct access to the table's rows for tests, in memory or in DynamoDB."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from services.kernel.table import from_item, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Row = dict[str, Any]


class Table(Protocol):
    """Rows by region and record."""

    def put(self, row: Mapping[str, object]) -> None:
        """Write a whole row."""
        ...

    def row(self, region: str, record: str) -> Row | None:
        """Return the current row, or None."""
        ...

    def rows(self) -> list[Row]:
        """Return every row, sorted by key."""
        ...


class MemoryTable:
    """Rows in a dictionary; the methods return copies."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Row] = {}
        self.lock = threading.RLock()

    def put(self, row: Mapping[str, object]) -> None:
        """Write a whole row."""
        with self.lock:
            self._rows[str(row["region"]), str(row["record"])] = copy.deepcopy(dict(row))

    def row(self, region: str, record: str) -> Row | None:
        """Return the current row, or None."""
        with self.lock:
            return copy.deepcopy(self._rows.get((region, record)))

    def rows(self) -> list[Row]:
        """Return every row, sorted by key."""
        with self.lock:
            return [copy.deepcopy(self._rows[key]) for key in sorted(self._rows)]

    def change(self, region: str, record: str, **values: object) -> None:
        """Set attributes of a row, which is created where it is missing, as `UpdateItem` does."""
        with self.lock:
            before = self.row(region, record) or {"region": region, "record": record}
            self.put(before | values)

    def remove(self, region: str, record: str, *names: str) -> None:
        """Remove attributes from a row."""
        with self.lock:
            before = self.row(region, record) or {}
            self.put({name: value for name, value in before.items() if name not in names})


class DynamoTable:
    """Rows in a DynamoDB table, as an administrator reads and writes them."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self.name = name

    def put(self, row: Mapping[str, object]) -> None:
        """Write a whole row."""
        self._client.put_item(TableName=self.name, Item=to_item(row))

    def row(self, region: str, record: str) -> Row | None:
        """Return the current row, or None."""
        key = to_item({"region": region, "record": record})
        answer = self._client.get_item(TableName=self.name, Key=key, ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None

    def rows(self) -> list[Row]:
        """Return every row, sorted by key."""
        items = self._client.scan(TableName=self.name, ConsistentRead=True)["Items"]
        return sorted(map(from_item, items), key=lambda row: (row["region"], row["record"]))
