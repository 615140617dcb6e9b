"""Token buckets of the services, per account and region, and of the table's partitions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from benchmarks.stub.counters import Call
from benchmarks.stub.responses import ServiceError


@dataclass(frozen=True, slots=True)
class Rate:
    """The size of a bucket, the tokens that it gets each second, and the error when it is empty."""

    size: float
    refill: float
    code: str
    status: int = 400


RATES: Mapping[str, Rate] = {
    "ssm": Rate(40, 40, "ThrottlingException"),
    "ec2": Rate(100, 20, "RequestLimitExceeded", 503),
}
PARTITION_READS = Rate(3000, 3000, "ThrottlingException")
PARTITION_WRITES = Rate(1000, 1000, "ThrottlingException")
"""What a partition serves each second, for a table on demand."""
NO_CAPACITY = (
    "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically "
    "scaling your table or index so please try again shortly."
)


class Throttles:
    """Refuses calls above a rate if it is on.

    Each partition of the table and of its index has buckets of its own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._on = False
        self._capacity = 1.0
        self._clock = clock
        self._buckets: dict[object, tuple[float, float]] = {}

    def limit(self, *, on: bool, capacity: float = 1.0) -> None:
        """Begin with full buckets; `capacity` is the part of the usual one that partitions have."""
        self._on = on
        self._capacity = capacity
        self._buckets.clear()

    def call(self, call: Call) -> None:
        """Count a call.

        Raises:
            ServiceError: the bucket of the service, account and region is empty.
        """
        rate = RATES.get(call.service)
        bucket = (call.service, call.account, call.region)
        if self._on and rate and not self._takes(bucket, rate, 1):
            raise ServiceError(rate.code, "Rate exceeded", rate.status)

    def read(self, partition: str, units: float) -> bool:
        """Count the units of a read, unless the partition has too few; whether it has enough."""
        rate = self._part(PARTITION_READS)
        return not self._on or self._takes(("read", partition), rate, units)

    def write(self, units: Mapping[str, float]) -> set[str]:
        """Count the units of a write by partition, unless one of them has too few.

        Returns those that have too few, so it is empty if the write is accepted.
        """
        if not self._on:
            return set()
        rate = self._part(PARTITION_WRITES)
        short = {name for name in units if self._left(("write", name), rate) < units[name]}
        if not short:
            for name, each in units.items():
                self._takes(("write", name), rate, each)
        return short

    def _part(self, rate: Rate) -> Rate:
        return replace(rate, size=rate.size * self._capacity, refill=rate.refill * self._capacity)

    def _left(self, bucket: object, rate: Rate) -> float:
        now = self._clock()
        left, before = self._buckets.get(bucket, (rate.size, now))
        left = min(rate.size, left + (now - before) * rate.refill)
        self._buckets[bucket] = left, now
        return left

    def _takes(self, bucket: object, rate: Rate, tokens: float) -> bool:
        left = self._left(bucket, rate)
        if left < tokens:
            return False
        self._buckets[bucket] = left - tokens, self._buckets[bucket][1]
        return True
