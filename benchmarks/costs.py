"""What a deployment costs, from counted calls and measured processor time: pure.

The prices are those of us-east-1 without free tiers, as INSTALL.md has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MILLION = 1_000_000
HOURS_PER_MONTH = 730
SQS_CALL = 0.40 / MILLION
"""Per request of up to 64 KB; messages of ten pairs need less."""
READ_UNIT = 0.125 / MILLION
WRITE_UNIT = 0.625 / MILLION
INVOCATION = 0.20 / MILLION
GIGABYTE_SECOND = 0.0000133334
"""Of a function on arm64."""
LOG_GIGABYTE = 0.50
CUSTOM_METRIC = 0.30
"""Per metric and month (CloudWatch, the first 10,000)."""
IDLE_RECEIVES = 648_000
"""Receives per month of the five pollers of an empty queue, one in 20 s each."""
SWEEPS_PER_MONTH = 12 * HOURS_PER_MONTH
SWEEP_SECONDS = 0.1

MEBIBYTES_OF_ONE_PROCESSOR = 1769
"""A function with this memory has one processor; with less, an equal part of it."""
MEMORY_MIB = 512
"""The memory of each function by default."""
RECEIVE_AND_DELETE = 0.2
"""Calls of Lambda's pollers per message: both take ten messages."""


SECONDS_OF_A_CALL = 0.005
"""A usual time of a call in the hub's region."""


def invocation_seconds(cpu_seconds: float, calls: float, memory_mib: int = MEMORY_MIB) -> float:
    """An upper bound of an invocation's duration: its part of a processor, and calls in turn."""
    return cpu_seconds * MEBIBYTES_OF_ONE_PROCESSOR / memory_mib + calls * SECONDS_OF_A_CALL


@dataclass(frozen=True, slots=True)
class Usage:
    """What a steady round uses per pair.

    `waiting_seconds` is the time in which the functions wait for responses. `log_bytes` and
    `invocations` are those of all functions.
    """

    sqs_sends: float
    read_units: float
    write_units: float
    cpu_seconds: float
    waiting_seconds: float
    invocations: float
    log_bytes: float


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment: images in each of some regions, a round every some minutes."""

    images: int
    regions: int
    minutes: int
    custom_metrics: int

    @property
    def pairs_per_month(self) -> float:
        """The lookups of a month."""
        return self.images * self.regions * HOURS_PER_MONTH * 60 / self.minutes


def dollars_per_million(usage: Usage) -> dict[str, float]:
    """The cost of looking up a million pairs, by what is billed."""
    per_pair = {
        "SQS": (usage.sqs_sends + RECEIVE_AND_DELETE) * SQS_CALL,
        "DynamoDB reads": usage.read_units * READ_UNIT,
        "DynamoDB writes": usage.write_units * WRITE_UNIT,
        "Lambda, computing": computing(usage.cpu_seconds),
        "Lambda, waiting": usage.waiting_seconds * MEMORY_MIB / 1024 * GIGABYTE_SECOND,
        "Lambda, invocations": usage.invocations * INVOCATION,
        "CloudWatch, logs": usage.log_bytes / 1e9 * LOG_GIGABYTE,
    }
    return {name: dollars * MILLION for name, dollars in per_pair.items()}


def computing(cpu_seconds: float) -> float:
    """The cost of processor time: the same for each memory up to that of one processor."""
    return cpu_seconds * MEBIBYTES_OF_ONE_PROCESSOR / 1024 * GIGABYTE_SECOND


def dollars_per_month(usage: Usage, deployment: Deployment) -> dict[str, float]:
    """The cost of a deployment per month, with what does not depend on the number of pairs."""
    millions = deployment.pairs_per_month / MILLION
    sweeps = SWEEPS_PER_MONTH * (
        INVOCATION + SWEEP_SECONDS * MEMORY_MIB / 1024 * GIGABYTE_SECOND + READ_UNIT
    )
    return {
        **{name: each * millions for name, each in dollars_per_million(usage).items()},
        "SQS, idle pollers": IDLE_RECEIVES * SQS_CALL,
        "sweeps": sweeps,
        "CloudWatch, metrics": deployment.custom_metrics * CUSTOM_METRIC,
    }


def total(costs: Mapping[str, float]) -> float:
    """The sum of all lines."""
    return sum(costs.values())
