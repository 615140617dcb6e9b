"""The resources of a deployment: the hub's table and queue, the members' roles and topics.

Names and keys are those of a real deployment, so the handlers run on them unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.embedded.aws.server import HUB_ACCOUNT, EmbeddedAws
from services.kernel.keys import DERIVE_INDEX, PENDING_INDEX

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_iam import IAMClient
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient

HUB_REGION = "us-east-1"
EXTERNAL_ID = "embedded-aws"
READ_ROLE = "ami-tracker-read"
PUBLISH_ROLE = "ami-tracker-publish"
TOPIC = "ami-tracker-releases"
TABLE = "ami-tracker"
QUEUE = "ami-tracker-lookups"
SCHEDULE_DEAD_LETTERS = "ami-tracker-schedule-dead-letters"
AGGREGATOR = "ami-tracker-aggregator"
_SPARSE_INDEXES = (PENDING_INDEX, DERIVE_INDEX)


@dataclass(frozen=True, slots=True)
class Hub:
    """The hub's own resources."""

    region: str
    table_name: str
    stream_arn: str
    queue_url: str
    dead_letter_url: str


@dataclass(frozen=True, slots=True)
class Member:
    """A target account, and its topic in each region."""

    account_id: str
    topic_arns: Mapping[str, str]


def create_hub(
    aws: EmbeddedAws,
    region: str = HUB_REGION,
    *,
    visibility_seconds: int = 2,
    max_receives: int = 5,
) -> Hub:
    """Create the table with its indexes and stream, the queue, and the dead-letter queues.

    `visibility_seconds` is short, so a failed message is delivered again soon.
    """
    dynamodb: DynamoDBClient = aws.client("dynamodb", region)
    sqs: SQSClient = aws.client("sqs", region)
    dead_letter_url = sqs.create_queue(QueueName=f"{QUEUE}-dead-letters")["QueueUrl"]
    sqs.create_queue(QueueName=SCHEDULE_DEAD_LETTERS)
    redrive = {
        "deadLetterTargetArn": queue_arn(sqs, dead_letter_url),
        "maxReceiveCount": max_receives,
    }
    return Hub(
        region=region,
        table_name=TABLE,
        stream_arn=_create_table(dynamodb),
        queue_url=_create_queue(sqs, redrive, visibility_seconds),
        dead_letter_url=dead_letter_url,
    )


def _create_table(dynamodb: DynamoDBClient) -> str:
    table = dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in ("region", "record", *_SPARSE_INDEXES)
        ],
        KeySchema=[
            {"AttributeName": "region", "KeyType": "HASH"},
            {"AttributeName": "record", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": name,
                "KeySchema": [
                    {"AttributeName": name, "KeyType": "HASH"},
                    {"AttributeName": "record", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            for name in _SPARSE_INDEXES
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    return table["LatestStreamArn"]


def _create_queue(sqs: SQSClient, redrive: Mapping[str, object], visibility_seconds: int) -> str:
    return sqs.create_queue(
        QueueName=QUEUE,
        Attributes={
            "VisibilityTimeout": str(visibility_seconds),
            "RedrivePolicy": json.dumps(redrive),
        },
    )["QueueUrl"]


def queue_arn(sqs: SQSClient, queue_url: str) -> str:
    """The ARN of a queue."""
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    return answer["Attributes"]["QueueArn"]


def create_member(
    aws: EmbeddedAws,
    account_id: str,
    regions: Iterable[str],
    *,
    fifo: bool = False,
    external_id: str = EXTERNAL_ID,
    roles: bool = True,
) -> Member:
    """Create the resources of a target account: both roles, and the topic in each region.

    `roles=False` is the state before the StackSet has created the roles.
    """
    if roles:
        create_roles(aws, account_id, external_id)
    return Member(
        account_id=account_id,
        topic_arns={
            region: _create_topic(aws.client("sns", region, account_id), fifo=fifo)
            for region in regions
        },
    )


def create_roles(aws: EmbeddedAws, account_id: str, external_id: str = EXTERNAL_ID) -> None:
    """Create the read role and the publish role of a target account, which trust the hub."""
    iam: IAMClient = aws.client("iam", HUB_REGION, account_id)
    for name in (READ_ROLE, PUBLISH_ROLE):
        _create_role(iam, name, external_id)


def _create_role(iam: IAMClient, name: str, external_id: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{HUB_ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))


def _create_topic(sns: SNSClient, *, fifo: bool) -> str:
    if fifo:
        return sns.create_topic(Name=f"{TOPIC}.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    return sns.create_topic(Name=TOPIC)["TopicArn"]


def environment(
    aws: EmbeddedAws,
    hub: Hub,
    catalogue_path: str = "",
    *,
    fifo: bool = False,
    external_id: str = EXTERNAL_ID,
) -> dict[str, str]:
    """The environment of the three handlers, with only the embedded AWS as endpoint."""
    return {
        "TABLE_NAME": hub.table_name,
        "QUEUE_URL": hub.queue_url,
        "EXTERNAL_ID": external_id,
        "READ_ROLE_NAME": READ_ROLE,
        "PUBLISH_ROLE_NAME": PUBLISH_ROLE,
        "TOPIC_NAME": f"{TOPIC}.fifo" if fifo else TOPIC,
        **({"CATALOGUE_PATH": catalogue_path} if catalogue_path else {}),
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_REGION": hub.region,
        "AWS_DEFAULT_REGION": hub.region,
        "AWS_ACCESS_KEY_ID": "embedded",
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "POWERTOOLS_LOG_LEVEL": "WARNING",
    }
