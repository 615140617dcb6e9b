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
        "dynamodb": frozenset(
            {"BatchGetItem", "GetItem", "Query", "TransactWriteItems", "UpdateItem"}
        ),
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

Members = Mapping[str, frozenset[str]]
"""Members by shape."""

MEMBERS: Mapping[str, Members] = {
    "ec2": {
        "Image": frozenset(
            {
                *("ImageId", "Name", "CreationDate", "State", "DeprecationTime", "OwnerId"),
                *("ImageOwnerAlias", "Architecture", "PlatformDetails", "RootDeviceName"),
                *("BootMode", "ImdsSupport", "TpmSupport", "EnaSupport", "SourceImageId"),
                *("SourceImageRegion", "BlockDeviceMappings", "ProductCodes"),
            }
        ),
        "BlockDeviceMapping": frozenset({"DeviceName", "Ebs"}),
        "EbsBlockDevice": frozenset({"VolumeSize"}),
        "ProductCode": frozenset({"ProductCodeId"}),
    },
    "ssm": {"Parameter": frozenset({"Name", "Value", "Version", "LastModifiedDate", "ARN"})},
}
"""The members of shapes in responses that the code reads: botocore's parser looks for every member
of a shape in each response. A test compares them with the source."""

DOCUMENTS: Mapping[str, frozenset[str]] = {
    "dynamodb": frozenset({"AttributeMap", "AttributeValue"})
}
"""Shapes by service that botocore sends and returns as they are: it would look for each of the ten
types in each attribute value, and the result would be the same, except for binary values."""
