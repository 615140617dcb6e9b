"""Several processes that write to one partition, each at its own pace, in virtual time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from support.fakes.virtual_time import VirtualTime

from services.kernel.pace import WritePace

REGION = "eu-west-1"
WRITE_SECONDS = 0.02
"""The time of a transaction in the hub's region."""
TIMEOUT_SECONDS = 115.0


@dataclass(slots=True)
class Partition:
    """A token bucket of writes, with the capacity of a second at once."""

    time: VirtualTime
    a_second: float
    refused: int = 0
    written: int = 0
    _left: float = field(init=False)
    _moment: float = 0.0

    def __post_init__(self) -> None:
        self._left = self.a_second

    def write(self) -> bool:
        """Accept a write, or refuse it for lack of capacity."""
        now = self.time.seconds
        self._left = min(self.a_second, self._left + (now - self._moment) * self.a_second)
        self._moment = now
        if self._left < 1:
            self.refused += 1
            return False
        self._left -= 1
        self.written += 1
        return True


def run(partition: Partition, processes: int, writes: int) -> None:
    """Let each process make its writes, one after the other, until its time-out."""
    time, chance = partition.time, random.Random(20261122)  # noqa: S311 - a repeatable run

    def process() -> None:
        pace = WritePace(lambda: time.seconds, time.sleep, lambda: chance.uniform(0.5, 1.5))
        left = writes
        while left:
            begun = pace.turn(REGION, TIMEOUT_SECONDS - time.seconds)
            if begun is None:
                return
            time.sleep(WRITE_SECONDS)
            if partition.write():
                pace.speed_up(REGION)
                left -= 1
            else:
                pace.slow_down(REGION, begun)

    for _ in range(processes):
        time.start(process)
    time.run()


@pytest.mark.parametrize(
    ("a_second", "processes", "writes", "most_refused"),
    [
        (250.0, 10, 1000, 0.05),  # the capacity of a partition for transactions of four units
        (250.0, 19, 1000, 0.1),
        (50.0, 10, 400, 0.1),
        (12.5, 10, 100, 0.4),
        (2.5, 10, 20, 1.5),
    ],
)
def test_processes_share_a_partition_within_the_time_out(
    a_second: float, processes: int, writes: int, most_refused: float
) -> None:
    """They use most of its capacity, and few of their writes are refused."""
    partition = Partition(VirtualTime(), a_second)

    run(partition, processes, writes)

    assert partition.written == processes * writes
    assert partition.refused <= most_refused * partition.written
    assert partition.written / partition.time.seconds > 0.7 * a_second
