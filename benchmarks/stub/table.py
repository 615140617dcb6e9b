"""The rows of the table, kept as JSON text: a query of many rows needs no encoding."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from msgspec import Raw
from msgspec.json import Decoder, decode, encode

from benchmarks.stub.expressions import Item, Value

_PENDING = "pending"
_MEMBERS: Decoder[Any] = Decoder(dict[str, Raw])
_AFTER_EVERY_KEY = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Row:
    """An item as JSON, and its size by DynamoDB's rules; `shown` has the projections so far."""

    text: bytes
    size: int
    shown: dict[object, bytes] = field(default_factory=dict, compare=False, repr=False)

    def item(self) -> Item:
        """The item."""
        decoded: Item = decode(self.text)
        return decoded

    def members(self, projection: str) -> Item:
        """The item for this projection, with its attributes as JSON text if that is enough."""
        return self.item() if "." in projection else _MEMBERS.decode(self.text)


@dataclass(slots=True)
class _Partition:
    rows: dict[str, Row] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)


class Table:
    """Rows by region and record, with the sparse index of pending releases.

    `inserted` has the keys of rows that did not exist before, as the stream's filter selects them.
    """

    def __init__(self) -> None:
        self._partitions: dict[str, _Partition] = {}
        self.pending: dict[tuple[str, str], None] = {}
        self.inserted: list[tuple[str, str]] = []

    def get(self, region: str, record: str) -> Row | None:
        """The row with this key."""
        partition = self._partitions.get(region)
        return partition.rows.get(record) if partition else None

    def put(self, item: Item) -> Row:
        """Write a whole row."""
        region, record = item["region"]["S"], item["record"]["S"]
        row = Row(encode(item), size_of(item))
        partition = self._partitions.setdefault(region, _Partition())
        if record not in partition.rows:
            insort(partition.order, record)
            if record.startswith("release#"):
                self.inserted.append((region, record))
        partition.rows[record] = row
        if _PENDING in item:
            self.pending[region, record] = None
        else:
            self.pending.pop((region, record), None)
        return row

    def range(
        self, region: str, prefix: str, after: str | None, *, backwards: bool
    ) -> Iterator[tuple[str, Row]]:
        """The rows whose record begins with `prefix`, beginning after a record."""
        partition = self._partitions.get(region, _Partition())
        first = bisect_left(partition.order, prefix)
        last = bisect_left(partition.order, prefix + _AFTER_EVERY_KEY)
        records = partition.order[first:last]
        if backwards:
            records.reverse()
        if after is not None:
            records = [r for r in records if (r < after if backwards else r > after)]
        return ((record, partition.rows[record]) for record in records)

    def rows(self) -> int:
        """The number of rows."""
        return sum(len(each.rows) for each in self._partitions.values())


def size_of(item: Item) -> int:
    """The size of an item: attribute names and values, without an index (DynamoDB's rules)."""
    return sum(len(name) + _size(value) for name, value in item.items())


def _size(value: Value) -> int:
    kind, content = next(iter(value.items()))
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return len(content) // 2 + 2
        case "SS" | "NS":
            return sum(_size({kind[0]: each}) for each in content)
        case "M":
            return 3 + sum(len(name) + _size(each) + 1 for name, each in content.items())
        case "L":
            return 3 + sum(_size(each) + 1 for each in content)
        case _:
            return 1
