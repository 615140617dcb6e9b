"""The measurements: rounds in several worlds, and the ways that the functions are compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import median

from benchmarks.batches import dense, polled, shuffled, sqs_event
from benchmarks.emitted import metrics
from benchmarks.laboratory import Laboratory
from benchmarks.rounds import Batches, RoundResult, Rounds, Use, rounds
from benchmarks.world import World, image_id, parameter_index

BATCHES: Mapping[str, Batches] = {"dense": dense, "polled": polled, "shuffled": shuffled}
_WARMED_UP = 20_000
"""In larger worlds new clients and connections need only a small part of the time."""


@dataclass(frozen=True, slots=True)
class Case:
    """A round to measure. `changed` is the percentage of the images that changed before it.

    In a `first` round the table is empty before.
    """

    pairs: int
    accounts: int = 1
    family: int = 10
    batches: str = "dense"
    tls: bool = False
    changed: int = 0
    first: bool = False

    @property
    def world(self) -> World:
        """The world of the round."""
        return World.of(self.pairs, self.accounts, self.family)

    def __str__(self) -> str:
        kind = "first" if self.first else f"{self.changed} % changed" if self.changed else "steady"
        parts = [f"{self.pairs:,} pairs", f"{self.accounts} acc.", kind, self.batches]
        parts += [f"families of {self.family}"] * (self.family != 10) + ["TLS"] * self.tls
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class FunctionUse:
    """What a function used in a round; calls by service and operation, units of DynamoDB.

    `refused` calls got an error, and `failed` messages are delivered again.
    """

    calls: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, float] = field(default_factory=dict)
    refused: int = 0
    failed: int = 0
    connections: int = 0
    invocations: int = 0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    mib: float = 0.0
    stub_cpu_seconds: float = 0.0

    @classmethod
    def of(cls, use: Use) -> FunctionUse:
        """The use in the form of the report."""
        counts = use.counts
        return cls(
            calls=dict(sorted(counts.operations().items())),
            units=dict(counts.units),
            refused=sum(row[-1] for row in counts.refused),
            failed=use.failed,
            connections=counts.connections,
            invocations=use.invocations,
            cpu_seconds=use.cpu_seconds,
            wall_seconds=use.wall_seconds,
            mib=use.mib,
            stub_cpu_seconds=counts.cpu_seconds,
        )

    @property
    def total_calls(self) -> int:
        """All calls."""
        return sum(self.calls.values())


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of a case: per function, with the number of events that were announced."""

    case: Case
    pairs: int
    filters: int
    events: int
    log_bytes: int
    custom_metrics: int
    functions: Mapping[str, FunctionUse]

    def calls_per_pair(self, *, with_pollers: bool = True) -> float:
        """Calls of scheduler and lookup per pair, with those of Lambda's pollers."""
        own = sum(self.functions[name].total_calls for name in ("scheduler", "lookup"))
        return own / self.pairs + (0.2 if with_pollers else 0.0)

    def cpu_ms_per_pair(self) -> float:
        """Milliseconds of processor time of scheduler and lookup per pair."""
        used = sum(self.functions[name].cpu_seconds for name in ("scheduler", "lookup"))
        return 1000 * used / self.pairs

    def as_json(self) -> dict[str, object]:
        """The result with the figures that the goals are stated in."""
        return {
            "name": str(self.case),
            **asdict(self),
            "calls_per_pair": self.calls_per_pair(),
            "cpu_ms_per_pair": self.cpu_ms_per_pair(),
        }


def measure_round(bench: Laboratory, case: Case) -> Measured:
    """Run the round of a case."""
    world = case.world
    with rounds(bench, world, tls=case.tls) as running:
        if world.pairs <= _WARMED_UP:
            bench.stub.load(world)
            running.warm_up()
        bench.stub.load(world, seeded=not case.first, releases=bool(case.changed))
        if case.changed:
            bench.stub.publish(world.changed_images(case.changed))
        before = running.log_bytes()
        result = running.run(BATCHES[case.batches])
        written = running.log_bytes() - before
        if case.changed:
            running.sweep()
        found = len(metrics(running.logs()))
    return _measured(case, world, result, written, found)


def _measured(
    case: Case, world: World, result: RoundResult, log_bytes: int, custom_metrics: int
) -> Measured:
    used = {
        "scheduler": result.scheduler,
        "lookup": result.lookup,
        "aggregator": result.aggregator,
    }
    return Measured(
        case=case,
        pairs=world.pairs,
        filters=world.filters * world.targets,
        events=result.events,
        log_bytes=log_bytes,
        custom_metrics=custom_metrics,
        functions={name: FunctionUse.of(use) for name, use in used.items()},
    )


def measure_first_schedule(bench: Laboratory, world: World) -> FunctionUse:
    """The scheduler's part of a first round."""
    bench.stub.load(world, seeded=False)
    with rounds(bench, world) as running:
        scheduled = running.schedule()
    bench.stub.take_messages()
    return FunctionUse.of(scheduled)


# --- one target


def measure_target(
    bench: Laboratory, *, latency_seconds: float, throttles: bool = False, changed: bool = False
) -> FunctionUse:
    """A batch of 1,000 messages of one target, with a latency of each call."""
    world = World(1000, regions=1)
    bench.stub.load(world, releases=changed)
    with rounds(bench, world) as running:
        running.schedule()
        bodies = bench.stub.take_messages()
        running.look_up(dense(bodies))  # new clients and connections
        if changed:
            bench.stub.publish(range(world.images))
        bench.stub.set(latency_seconds=latency_seconds, throttles=throttles)
        try:
            return FunctionUse.of(running.look_up(dense(bodies)))
        finally:
            bench.stub.set()


# --- cold starts


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Milliseconds of processor time: of the imports, and of the first call; peak memory after."""

    import_ms: float
    first_call_ms: float
    mib: float


def measure_cold_start(
    bench: Laboratory, function: str, *, tls: bool, repeats: int = 5
) -> ColdStart:
    """Start a function several times, with an event of little work; the medians."""
    world = World(10, regions=1)
    found: list[tuple[float, float, float]] = []
    for _ in range(repeats):
        bench.stub.load(world, releases=True)
        with rounds(bench, world, tls=tls) as running:
            use = _first_call(bench, running, function)
            imported = running.import_seconds(function)
            found.append((1000 * imported, 1000 * use.cpu_seconds, use.mib))
    return ColdStart(*(median(column) for column in zip(*found, strict=True)))


def _first_call(bench: Laboratory, running: Rounds, function: str) -> Use:
    if function == "aggregator":
        return running.sweep()
    scheduled = running.schedule()
    bodies = bench.stub.take_messages()
    return scheduled if function == "scheduler" else running.look_up(dense(bodies))


# --- the ways to compare with


def measure_compared(
    bench: Laboratory, way: str, *, tls: bool, sample: int, one_certificate: bool = False
) -> FunctionUse:
    """What a simpler way uses for a sample of the pairs of a world of 10,000 pairs."""
    world = World.of(10_000)
    bench.stub.load(world)
    with rounds(bench, world) as running:
        running.schedule()
    bodies = bench.stub.take_messages()
    bodies = bodies[:: len(bodies) // sample][:sample]
    module = "naive" if way == "naive" else "loops"
    events: list[object] = [{way: bodies}]
    if way == "naive":
        events = [{"send": bodies}, *(sqs_event([body]) for body in bodies)]
    if way == "images":
        events = [{way: [(body, _known(body)) for body in bodies]}]
    with bench.compared(module, tls=tls, one_certificate=one_certificate) as function:
        kinds = ("filters", "parameter_path")  # the SDK reads the models of both services
        first = [next(body for body in bodies if kind in body) for kind in kinds]
        function.invoke(sqs_event(first) if way == "naive" else {"single": first})
        bench.stub.reset()
        found = [function.invoke(event) for event in events]
        counts = bench.stub.counts()
    bench.stub.take_messages()
    use = Use(
        invocations=len(found),
        cpu_seconds=sum(each.cpu_seconds for each in found),
        wall_seconds=sum(each.wall_seconds for each in found),
        mib=found[-1].mib,
        counts=counts,
    )
    return FunctionUse.of(use)


def _known(body: str) -> str | None:
    """The image that a message's parameter names."""
    message = json.loads(body)
    index = parameter_index(message["lookup"].get("parameter_path", ""))
    return None if index is None else image_id(message["region"], index, 1)
