"""The request units that DynamoDB's requests consume, and the capacity that they need."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.stub.expressions import Item
from benchmarks.stub.responses import ServiceError
from benchmarks.stub.table import size_of
from benchmarks.stub.throttles import NO_CAPACITY, PARTITION_READS, PARTITION_WRITES, Throttles

_READ_UNIT = 4096
_WRITE_UNIT = 1024


class Meter:
    """Counts units by DynamoDB's rules, and refuses what a partition has no capacity for."""

    def __init__(self, units: dict[str, float], throttles: Throttles) -> None:
        self._units = units
        self._throttles = throttles

    def read(self, partition: str, size: int, *, consistent: bool) -> None:
        """Count a read.

        Raises:
            ServiceError: its partition has no capacity.
        """
        units = max(1, math.ceil(size / _READ_UNIT)) * (1 if consistent else 0.5)
        if not self._throttles.read(partition, units):
            raise ServiceError(PARTITION_READS.code, NO_CAPACITY, PARTITION_READS.status)
        self._units["read"] += units

    def write(self, item: Item, *, indexed: bool) -> None:
        """Count the write of an item; `indexed` if the index has it before or after.

        Raises:
            ServiceError: its partition has no capacity.
        """
        if any(self._take([_units(item, 1, indexed=indexed)])):
            raise ServiceError(PARTITION_WRITES.code, NO_CAPACITY, PARTITION_WRITES.status)

    def transaction(self, items: Iterable[tuple[Item, bool]]) -> list[bool]:
        """Count a transaction's items, unless one has no capacity; which of them have none."""
        return self._take([_units(item, 2, indexed=indexed) for item, indexed in items])

    def refused(self) -> None:
        """Count a write whose condition is not fulfilled: it is billed too."""
        self._units["write"] += 1

    def _take(self, units: Sequence[Counter[str]]) -> list[bool]:
        total = sum(units, Counter[str]())
        short = self._throttles.write(total)
        if not short:
            self._units["write"] += total.total()
            self._units["rows written"] += len(units)
        return [not short.isdisjoint(each) for each in units]


def _units(item: Item, factor: int, *, indexed: bool) -> Counter[str]:
    """The units by partition of the table and of the index, which has keys only."""
    region = item["region"]["S"]
    units = Counter({region: factor * max(1, math.ceil(size_of(item) / _WRITE_UNIT))})
    if indexed:
        units[f"pending {region}"] = 1
    return units
