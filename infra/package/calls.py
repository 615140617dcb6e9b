"""The AWS operations that each function calls, which the packages keep of botocore's models.

A test runs the functions and checks that this table and the recorded calls are equal.
"""

from __future__ import annotations

from collections.abc import Mapping

Operations = Mapping[str, frozenset[str]]
"""Operations by botocore's service name."""

_STS = frozenset({"AssumeRole", "GetCallerIdentity"})

CALLS: Mapping[str, Operations] = {
    "scheduler": {
        "dynamodb": frozenset({"GetItem", "Query", "TransactWriteItems", "UpdateItem"}),
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
    "publisher": {
        "dynamodb": frozenset({"BatchGetItem", "GetItem", "Query", "Scan"}),
        "s3": frozenset({"DeleteObjects", "GetObject", "ListObjectsV2", "PutObject"}),
    },
}
"""Operations by function, in the order in which packages are listed."""
