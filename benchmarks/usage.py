"""What the functions use per pair, from the results of a run: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from benchmarks.costs import RECEIVE_AND_DELETE, Usage

FUNCTIONS = ("scheduler", "lookup")
"""The functions that each pair needs in a steady round."""
LATENCY_SECONDS = 0.25
"""The latency of the batch of one target that shows how long a batch waits."""
USUAL_LATENCY_SECONDS = 0.1
"""A usual latency of a call into another region, which waiting is scaled to."""

Json = Mapping[str, Any]


def usage(found: Json, waiting: Json) -> Usage:
    """The use of a round, with the waiting time of the batch of one target."""
    pairs = found["pairs"]
    both = [found["functions"][name] for name in FUNCTIONS]
    idle = max(0.0, waiting["wall_seconds"] - waiting["cpu_seconds"])
    return Usage(
        sqs_sends=both[0]["calls"]["sqs.SendMessageBatch"] / pairs,
        read_units=sum(each["units"].get("read", 0) for each in both) / pairs,
        write_units=sum(each["units"].get("write", 0) for each in both) / pairs,
        cpu_seconds=sum(each["cpu_seconds"] for each in both) / pairs,
        waiting_seconds=idle * USUAL_LATENCY_SECONDS / LATENCY_SECONDS / 1000,
        invocations=sum(each["invocations"] for each in both) / pairs,
        log_bytes=found["log_bytes"] / pairs,
    )


def calls_per_pair(found: Json) -> dict[str, float]:
    """The calls of a round per pair, by service.

    `EC2, filters` are per pair that is looked up by filters; `EC2, by id`, which check whether
    images are visible, and `SSM, parameters` per pair with a parameter.
    """
    pairs, filters = found["pairs"], found["filters"]
    calls: Counter[str] = Counter()
    for name in FUNCTIONS:
        calls.update(found["functions"][name]["calls"])
    by_id = calls["ec2.DescribeImages by id"]
    services: Counter[str] = Counter()
    for name, count in calls.items():
        services[name.partition(".")[0]] += count
    return {
        "all": found["calls_per_pair"],
        "SQS": services["sqs"] / pairs + RECEIVE_AND_DELETE,
        "SSM": services["ssm"] / pairs,
        "EC2": services["ec2"] / pairs,
        "DynamoDB": services["dynamodb"] / pairs,
        "SSM, parameters": services["ssm"] / (pairs - filters),
        "EC2, filters": (services["ec2"] - by_id) / filters,
        "EC2, by id": by_id / (pairs - filters),
    }
