"""The packaged functions make exactly the expected calls and writes, within limits of memory.

Each function runs in a process of its own against a local stub of AWS, which counts every call.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from support.expected_calls import (
    CHANGED,
    CHANGED_PAIRS,
    CHANGED_ROWS_WRITTEN,
    FIRST,
    FIRST_ROWS_WRITTEN,
    LEAST_CPU_FACTOR,
    MOST_MEBIBYTES,
    MOST_MEBIBYTES_TLS,
    MOST_STUB_SHARE,
    PAIRS,
    REGIONS,
    STEADY,
    STEADY_ROWS_WRITTEN,
)

from benchmarks.batches import dense
from benchmarks.laboratory import Laboratory
from benchmarks.measure import Case, FunctionUse, Measured, measure_compared, measure_round
from benchmarks.rounds import RoundResult, rounds

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SMALL = 1000
SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Compared:
    """A steady round of the functions, and the naive way directly after it."""

    steady: Measured
    naive: FunctionUse


@pytest.fixture(scope="module", name="compared")
def compared_round(bench: Laboratory) -> Compared:
    """Measure a round in which nothing changes, and the naive way on an equally busy machine."""
    return Compared(
        measure_round(bench, Case(SMALL)),
        measure_compared(bench, "naive", tls=False, sample=SAMPLE),
    )


@pytest.fixture(scope="module", name="second")
def second_round(bench: Laboratory) -> RoundResult:
    """Run a first round on an empty table, and the next round."""
    world = Case(SMALL).world
    bench.stub.load(world, seeded=False)
    with rounds(bench, world) as running:
        running.run(dense)
        return running.run(dense)


def calls(found: Measured) -> dict[str, dict[str, int]]:
    """Return the calls of the functions that were invoked."""
    return {name: dict(use.calls) for name, use in found.functions.items() if use.invocations}


def rows_written(found: Measured) -> dict[str, float]:
    """Return the rows that each function wrote."""
    invoked = {name: use for name, use in found.functions.items() if use.invocations}
    return {name: use.units.get("rows written", 0) for name, use in invoked.items()}


def check(found: Measured) -> None:
    """Check that no call was refused and no message has to come back."""
    assert found.pairs == PAIRS
    uses = found.functions.items()
    assert [name for name, use in uses if use.refused or use.failed] == []


def test_a_steady_round_makes_the_expected_calls(compared: Compared) -> None:
    """A round without changes writes only the rows of the health measurement."""
    steady = compared.steady
    check(steady)
    assert calls(steady) == STEADY
    assert rows_written(steady) == STEADY_ROWS_WRITTEN
    assert steady.events == 0


def test_a_changed_image_needs_few_calls_more(bench: Laboratory) -> None:
    """Each change is committed in one transaction and announced once."""
    found = measure_round(bench, Case(SMALL, changed=1))

    check(found)
    assert calls(found) == CHANGED
    assert rows_written(found) == CHANGED_ROWS_WRITTEN
    assert found.events == CHANGED_PAIRS


def test_a_first_round_makes_the_expected_calls(bench: Laboratory) -> None:
    """The first round writes each image row once, and commits each baseline once."""
    found = measure_round(bench, Case(SMALL, first=True))

    check(found)
    first = calls(found)
    first["lookup"].pop("sts.AssumeRole", None)  # its session can be new
    assert first == FIRST
    assert rows_written(found) == FIRST_ROWS_WRITTEN
    assert found.events == 0


def test_the_rows_of_the_benchmark_are_those_of_a_first_round(second: RoundResult) -> None:
    """A round after a real first round makes the same calls as one on the prepared rows."""
    assert second.scheduler.counts.operations() == Counter(STEADY["scheduler"])
    assert second.lookup.counts.operations() == Counter(STEADY["lookup"])


def test_each_call_is_for_the_region_and_account_of_its_target(second: RoundResult) -> None:
    """Every region gets the same number of calls, with credentials of the target's account."""
    world = Case(SMALL).world
    by_region: Counter[str] = Counter()
    for service, _, region, account, count in second.lookup.counts.calls:
        if service in {"ssm", "ec2"}:
            assert account == world.account_ids()[0]
            by_region[region] += count
    assert set(by_region) == set(world.region_names())
    assert len(set(by_region.values())) == 1
    assert len(by_region) == REGIONS


def test_memory_and_processor_time_are_limited(compared: Compared) -> None:
    """Peak memory, and processor time relative to the naive way in the same run, with slack."""
    steady, naive = compared.steady, compared.naive
    used = sum(steady.functions[name].cpu_seconds for name in STEADY) / steady.pairs
    stub = sum(steady.functions[name].stub_cpu_seconds for name in STEADY) / steady.pairs

    assert naive.total_calls == 4 * SAMPLE
    assert naive.cpu_seconds / SAMPLE / used > LEAST_CPU_FACTOR
    assert stub / used < MOST_STUB_SHARE
    for name, limit in MOST_MEBIBYTES.items():
        assert steady.functions[name].mib < limit


def test_memory_with_tls_is_limited(bench: Laboratory) -> None:
    """Each client has a TLS context with certificates: two clients in each region."""
    found = measure_round(bench, Case(SMALL, batches="shuffled", tls=True))

    check(found)
    assert found.functions["lookup"].mib < MOST_MEBIBYTES_TLS
