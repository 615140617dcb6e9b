"""The goals, with what a run measured: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Case
from benchmarks.plan import STEADY, STEADY_TLS
from benchmarks.usage import calls_per_pair

Json = Mapping[str, Any]

_FAMILIES_OF_50 = Case(10_000, family=50)
_MOST_METRICS = 25
_ROUND_SECONDS = 240
"""The longest round of the scheduler, which has a time-out of 300 seconds (`infra/terraform`)."""
_FLAT = 1.2
"""The most memory with 100,000 pairs, in that with 10,000: more lookups of a target share a
request, up to a page of 1,000 images."""
_LINEAR = 11.0
"""The most processor time of 100,000 pairs, in that of 10,000."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal: a measured value is at most, or with `least` at least, a limit."""

    name: str
    limit: float
    value: float
    unit: str = ""
    least: bool = False
    digits: int = 0

    @property
    def is_met(self) -> bool:
        """Whether the value, with the digits that are shown, is within the limit."""
        value = round(self.value, self.digits)
        return value >= self.limit if self.least else value <= self.limit

    @property
    def goal(self) -> str:
        """The limit as text."""
        return f"{'≥' if self.least else '≤'} {self.limit:g}{self.unit}"

    @property
    def text(self) -> str:
        """The measured value as text."""
        return f"{self.value:.{self.digits}f}{self.unit}"

    @property
    def verdict(self) -> str:
        """Whether it is met, as text."""
        return "met" if self.is_met else "**missed**"


def goals(results: Json) -> Iterator[Goal]:
    """Every goal that a run measures."""
    rounds = {each["name"]: each for each in results["rounds"]}
    steady = rounds[str(STEADY)]
    yield from _calls(steady, rounds[str(_FAMILIES_OF_50)])
    for case, scheme, factor in ((STEADY, "HTTP", 28), (STEADY_TLS, "TLS", 60)):
        naive = results["compared"][f"naive {scheme}"]["cpu_ms_per_pair"]
        own = rounds[str(case)]["cpu_ms_per_pair"]
        name = f"processor time of the naive way in that of the functions, {scheme}"
        yield Goal(name, factor, naive / own, " times", least=True, digits=1)
    waiting = results["one target"]["250 ms"]["wall_seconds"]
    yield Goal("1,000 lookups of one target at 250 ms a call", 20, waiting, " s", digits=1)
    memory = rounds[str(STEADY_TLS)]["functions"]["lookup"]["mib"]
    yield Goal("memory of the lookup over 34 regions, TLS", 100, memory, " MiB")
    for accounts in (1, 5):
        small, large = (rounds[str(Case(size, accounts))] for size in (10_000, 100_000))
        growth = large["cpu_ms_per_pair"] * large["pairs"]
        growth /= small["cpu_ms_per_pair"] * small["pairs"]
        name = f"processor time of 100,000 pairs in that of 10,000, accounts: {accounts}"
        yield Goal(name, _LINEAR, growth, " times", digits=1)
        mib = [each["functions"]["lookup"]["mib"] for each in (small, large)]
        name = f"memory of the lookup at 100,000 pairs in that at 10,000, accounts: {accounts}"
        yield Goal(name, _FLAT, mib[1] / mib[0], " times", digits=2)
    seconds = results["largest first round"]["seconds"]
    yield Goal("scheduler in a first round of 170,000 pairs", _ROUND_SECONDS, seconds, " s")
    metrics = results["costs"]["deployment"]["custom_metrics"]
    yield Goal("custom metrics of a deployment, any number of regions", _MOST_METRICS, metrics)


def _calls(steady: Json, families_of_50: Json) -> Iterator[Goal]:
    calls = calls_per_pair(steady)
    yield Goal("calls per pair, families of 10", 0.44, calls["all"], digits=3)
    yield Goal(
        "calls per pair, families of 50", 0.42, calls_per_pair(families_of_50)["all"], digits=3
    )
    yield Goal("SQS, per pair", 0.30, calls["SQS"], digits=2)
    yield Goal("SSM, per parameter pair", 0.105, calls["SSM, parameters"], digits=4)
    yield Goal("EC2, per filter pair", 0.11, calls["EC2, filters"], digits=4)
    yield Goal("EC2 by id, per parameter pair", 0.008, calls["EC2, by id"], digits=4)
    yield Goal("DynamoDB, per pair", 0.02, calls["DynamoDB"], digits=3)
