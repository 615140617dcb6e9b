"""A new build of every image of one region at once: whether all rows are written and announced.

All rows of a region are in one partition of the table, which has a limited write capacity. Several
invocations of the lookup commit at the same time, and the aggregator marks what they committed.
Messages that fail are delivered again, until the queue would move them to the dead-letter queue.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue

from benchmarks.batches import polled, sqs_event, stream_event
from benchmarks.function import Function, Invocation
from benchmarks.laboratory import Laboratory
from benchmarks.rounds import rounds
from benchmarks.stub.throttles import PARTITION_WRITES
from benchmarks.world import World

MOST_RECEIVES = 5
"""The `maxReceiveCount` of the queue."""
LOOKUP_SECONDS = 120
AGGREGATOR_SECONDS = 240
_STREAM_BATCH = 100
_STREAM_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class MassRelease:
    """Images and accounts of one region, and the part of its usual capacity that DynamoDB has.

    This machine commits more slowly than the functions on Lambda, so that a part shows more.
    """

    images: int
    accounts: int = 1
    invocations: int = 5
    capacity: float = 1.0
    latency_seconds: float = 0.01

    @property
    def world(self) -> World:
        """The images and accounts in one region."""
        return World(self.images, self.accounts, regions=1)

    def __str__(self) -> str:
        return (
            f"{self.images:,} images, {self.accounts} acc., {self.invocations} invocations, "
            f"{self.capacity * PARTITION_WRITES.refill:,.0f} units/s"
        )


@dataclass(slots=True)
class Result:
    """What happened: `failed` has the messages that failed after each receive.

    `longest_seconds` is the longest invocation of the lookup. `pending` are the releases that the
    stream left to the sweep, `published` the copies that topics accepted.
    """

    pairs: int
    invocations: int = 0
    failed: list[int] = field(default_factory=list)
    dead_letters: int = 0
    longest_seconds: float = 0.0
    cpu_seconds: float = 0.0
    announced: int = 0
    pending: int = 0
    published: int = 0
    calls: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, float] = field(default_factory=dict)

    def add(self, found: Invocation) -> None:
        """Count an invocation of the lookup."""
        self.invocations += 1
        self.longest_seconds = max(self.longest_seconds, found.wall_seconds)
        self.cpu_seconds += found.cpu_seconds


def measure_mass_release(bench: Laboratory, case: MassRelease) -> Result:
    """Publish a build of every image, and run one round with the queue's redeliveries."""
    stub, world = bench.stub, case.world
    stub.load(world, releases=True)
    with rounds(bench, world) as running:
        running.schedule()
    bodies = stub.take_messages()
    result = Result(world.pairs)
    with _functions(bench, case) as (lookups, aggregator), _stream(bench, aggregator) as announced:
        for function in lookups:  # new clients and connections
            function.invoke(sqs_event(bodies[:1]))
        stub.publish(range(world.images))
        stub.reset()
        _deliver(bench, case, lookups, bodies, result)
    result.announced = announced[0]
    counts = stub.counts()
    result.calls, result.refused = dict(counts.operations()), dict(counts.refusals())
    result.units, result.pending, result.published = counts.units, counts.pending, counts.published
    stub.set()
    return result


@contextmanager
def _functions(bench: Laboratory, case: MassRelease) -> Iterator[tuple[list[Function], Function]]:
    with ExitStack() as stack:

        def start(name: str, seconds: int) -> Function:
            started = bench.function(name, case.world, timeout_seconds=seconds)
            return stack.enter_context(started)

        lookups = [start("lookup", LOOKUP_SECONDS) for _ in range(case.invocations)]
        yield lookups, start("aggregator", AGGREGATOR_SECONDS)


def _deliver(
    bench: Laboratory,
    case: MassRelease,
    lookups: Sequence[Function],
    bodies: Sequence[str],
    result: Result,
) -> None:
    """Deliver all messages, and those that failed again, until none is left.

    Between two receives is the visibility timeout, so the capacity is complete again.
    """
    for receives in range(1, MOST_RECEIVES + 1):
        bench.stub.set(latency_seconds=case.latency_seconds, throttles=True, capacity=case.capacity)
        bodies = _receive(lookups, bodies, receives, result)
        result.failed.append(len(bodies))
        if not bodies:
            return
    result.dead_letters = len(bodies)


def _receive(
    lookups: Sequence[Function], bodies: Sequence[str], receives: int, result: Result
) -> list[str]:
    """Process the messages in several invocations at once; those that failed."""
    free: SimpleQueue[Function] = SimpleQueue()
    for function in lookups:
        free.put(function)

    def invoke(batch: list[str]) -> tuple[list[str], Invocation]:
        function = free.get()
        try:
            found = function.invoke(sqs_event(batch, receives))
        finally:
            free.put(function)
        numbers = [int(each["itemIdentifier"][:8]) for each in found.response["batchItemFailures"]]
        return [batch[number] for number in numbers], found

    failed: list[str] = []
    with ThreadPoolExecutor(len(lookups)) as pool:
        for some, found in pool.map(invoke, polled(bodies)):
            failed += some
            result.add(found)
    return failed


@contextmanager
def _stream(bench: Laboratory, aggregator: Function) -> Iterator[list[int]]:
    """Announce committed releases while the block runs, and the last ones at its end.

    A partition has one shard, so there is one invocation at a time. Yields the announced releases.
    """
    over = threading.Event()
    announced = [0]

    def follow() -> None:
        while True:
            ended = over.wait(_STREAM_POLL_SECONDS)
            inserted = bench.stub.take_inserted()
            for at in range(0, len(inserted), _STREAM_BATCH):
                found = aggregator.invoke(stream_event(inserted[at : at + _STREAM_BATCH]))
                announced[0] += found.response["announced"]
            if ended:
                return

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow)
        try:
            yield announced
        finally:
            over.set()
        following.result()
