"""The cost of a deployment from what its rounds use."""

from __future__ import annotations

import pytest

from benchmarks.costs import (
    Deployment,
    Usage,
    computing,
    dollars_per_million,
    dollars_per_month,
    invocation_seconds,
    total,
)

USAGE = Usage(
    sqs_sends=0.1,
    read_units=0.7,
    write_units=0.1,
    cpu_seconds=0.001,
    waiting_seconds=0.01,
    invocations=0.001,
    log_bytes=20,
)
DEPLOYMENT = Deployment(images=200, regions=34, minutes=15, custom_metrics=24)


def test_a_million_pairs() -> None:
    """Each line is the use per pair times its price (reference: AWS's price list, us-east-1)."""
    assert dollars_per_million(USAGE) == pytest.approx(
        {
            "SQS": 0.3 * 0.40,
            "DynamoDB reads": 0.7 * 0.125,
            "DynamoDB writes": 0.1 * 0.625,
            "Lambda, computing": 1000 * 1769 / 1024 * 0.0000133334,
            "Lambda, waiting": 10_000 * 0.5 * 0.0000133334,
            "Lambda, invocations": 0.001 * 0.20,
            "CloudWatch, logs": 0.02 * 0.50,
        }
    )


def test_computing_costs_the_same_for_each_memory() -> None:
    """With less memory, a function has a smaller part of a processor and needs longer."""
    for memory in (128, 512, 1769):
        seconds = 1769 / memory
        assert computing(1) == pytest.approx(seconds * memory / 1024 * 0.0000133334)


def test_duration_of_an_invocation() -> None:
    """With 512 MB a function has 0.29 of a processor, and its calls follow each other."""
    assert invocation_seconds(10, 1000) == pytest.approx(10 / 0.2894 + 5, rel=0.001)


def test_a_month() -> None:
    """2,920 rounds of 6,800 pairs; metrics and idle pollers do not depend on the rounds."""
    month = dollars_per_month(USAGE, DEPLOYMENT)

    assert DEPLOYMENT.pairs_per_month == 6800 * 2920
    assert month["SQS"] == pytest.approx(0.12 * 6800 * 2920 / 1e6)
    assert month["CloudWatch, metrics"] == pytest.approx(24 * 0.30)
    assert month["SQS, idle pollers"] == pytest.approx(0.26, abs=0.01)
    assert total(month) == pytest.approx(sum(month.values()))
