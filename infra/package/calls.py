"""Every AWS operation that each function calls: what is kept of botocore's service models.

A test runs the functions and compares this table with the calls that were recorded, both ways.
"""

from __future__ import annotations

from collections.abc import Mapping

Operations = Mapping[str, frozenset[str]]
"""The operations by botocore's name of the service."""

_STS = frozenset({"AssumeRole", "GetCallerIdentity"})

CALLS: Mapping[str, Operations] = {
    "scheduler": {
        "dynamodb": frozenset({"GetItem", "Query", "UpdateItem"}),
        "sqs": frozenset({"SendMessageBatch"}),
    },
    "lookup": {
        "dynamodb": frozenset({"BatchGetItem", "Query", "TransactWriteItems", "UpdateItem"}),
        "ec2": frozenset({"DescribeImages"}),
        "ssm": frozenset({"GetParameters"}),
        "sts": _STS,
    },
    "aggregator": {
        "dynamodb": frozenset({"BatchGetItem", "Query", "Scan", "UpdateItem"}),
        "sns": frozenset({"PublishBatch"}),
        "sts": _STS,
    },
}
"""By function, in the order in which packages are listed."""
