"""Runs rounds: the scheduler, the lookup with a kind of batches, and the aggregator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.batches import dense, sqs_event, stream_event
from benchmarks.catalogue import samples
from benchmarks.function import Function
from benchmarks.laboratory import Laboratory
from benchmarks.stub_process import Counts
from benchmarks.world import World

Batches = Callable[[Sequence[str]], Iterator[list[str]]]
_STREAM_BATCH = 100


class RoundFailedError(Exception):
    """A round of the benchmark did not do what it should."""


@dataclass(slots=True)
class Use:
    """What a function used in a round; `failed` records are delivered again."""

    invocations: int = 0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    mib: float = 0.0
    failed: int = 0
    counts: Counts = field(default_factory=Counts)


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What the functions used in one round; `events` were announced."""

    pairs: int
    scheduler: Use
    lookup: Use
    aggregator: Use
    events: int = 0


class Rounds:
    """The three functions of a world, each in its process."""

    def __init__(self, bench: Laboratory, world: World, *, tls: bool = False) -> None:
        self._bench = bench
        self._world = world
        self._tls = tls
        self._functions: dict[str, Function] = {}
        self._stack = ExitStack()
        # Rounds are an hour apart, so each begins a window of the health measurement.
        self._time = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)

    def run(self, batches: Batches) -> RoundResult:
        """Run a round, and announce what it committed.

        Raises:
            RoundFailedError: the number of messages is wrong.
        """
        scheduler = self.schedule()
        bodies = self._bench.stub.take_messages()
        if len(bodies) != self._world.pairs:
            message = f"{len(bodies)} messages for {self._world.pairs} pairs"
            raise RoundFailedError(message)
        lookup = self.look_up(batches(bodies))
        inserted = self._bench.stub.take_inserted()
        pending = [each for each in inserted if "pending" in each[2]]
        events = [
            stream_event(inserted[at : at + _STREAM_BATCH])
            for at in range(0, len(inserted), _STREAM_BATCH)
        ]
        aggregator = self._measured("aggregator", events) if pending else Use()
        return RoundResult(len(bodies), scheduler, lookup, aggregator, len(pending))

    def warm_up(self) -> None:
        """Create the clients of scheduler and lookup, and connect them, with few calls.

        The rows that this changes have to be loaded again.
        """
        region = self._world.region_names()[0]
        self._measured("scheduler", [{"round": self._round(), "regions": [region]}])
        self._bench.stub.take_messages()
        self.look_up(dense(samples(self._world, self._round())))

    def schedule(self) -> Use:
        """Run the scheduler for the next round."""
        self._time += timedelta(hours=1)
        return self._measured("scheduler", [{"round": self._round()}])

    def _round(self) -> str:
        return self._time.isoformat().replace("+00:00", "Z")

    def look_up(self, batches: Iterator[list[str]]) -> Use:
        """Run the lookup for each batch."""
        return self._measured("lookup", map(sqs_event, batches))

    def sweep(self) -> Use:
        """Run a sweep of the aggregator."""
        return self._measured("aggregator", [{"sweep": True, "older_than_seconds": 120}])

    def _measured(self, name: str, events: Iterator[object] | Sequence[object]) -> Use:
        function = self._function(name)
        self._bench.stub.reset()
        use = Use()
        for event in events:
            found = function.invoke(event)
            use.failed += len(found.response.get("batchItemFailures", ()))
            use.invocations += 1
            use.cpu_seconds += found.cpu_seconds
            use.wall_seconds += found.wall_seconds
            use.mib = found.mib
        use.counts = self._bench.stub.counts()
        return use

    def _function(self, name: str) -> Function:
        if name not in self._functions:
            function = self._bench.function(name, self._world, tls=self._tls)
            self._functions[name] = self._stack.enter_context(function)
        return self._functions[name]

    def logs(self) -> list[Path]:
        """The outputs of the functions."""
        return [function.log for function in self._functions.values()]

    def log_bytes(self) -> int:
        """The size of all outputs."""
        return sum(log.stat().st_size for log in self.logs() if log.exists())

    def import_seconds(self, name: str) -> float:
        """The processor time of a function's imports."""
        return self._function(name).import_seconds

    def close(self) -> None:
        """End the processes of the functions."""
        self._stack.close()


@contextmanager
def rounds(bench: Laboratory, world: World, *, tls: bool = False) -> Iterator[Rounds]:
    """Rounds of a world that the stub has loaded."""
    running = Rounds(bench, world, tls=tls)
    try:
        yield running
    finally:
        running.close()
