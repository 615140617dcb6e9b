"""Token buckets of the services, per account and region, and of the table's partitions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
PARTITION_WRITES = Rate(1000, 1000, "ThrottlingException")


class Throttles:
    """Refuses calls above a rate if it is on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.on = False
        self._clock = clock
        self._buckets: dict[object, tuple[float, float]] = {}

    def call(self, call: Call) -> None:
        """Count a call.

        Raises:
            ServiceError: the bucket of the service, account and region is empty.
        """
        rate = RATES.get(call.service)
        if self.on and rate:
            self._take((call.service, call.account, call.region), rate, 1)

    def write(self, partition: str, units: float) -> None:
        """Count the units of a write.

        Raises:
            ServiceError: the bucket of the partition is empty.
        """
        if self.on:
            self._take(("partition", partition), PARTITION_WRITES, units)

    def _take(self, bucket: object, rate: Rate, tokens: float) -> None:
        now = self._clock()
        left, before = self._buckets.get(bucket, (rate.size, now))
        left = min(rate.size, left + (now - before) * rate.refill)
        if left < tokens:
            self._buckets[bucket] = left, now
            raise ServiceError(rate.code, "Rate exceeded", rate.status)
        self._buckets[bucket] = left - tokens, now
