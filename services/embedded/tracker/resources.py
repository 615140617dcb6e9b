"""What a deployment leaves behind: the hub's table and queue, the members' roles and topics.

Names and keys as DESIGN has them, so the real handlers run on it unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    """A target account: its roles, and its topic in each region."""

    account_id: str
    read_role_arn: str
    publish_role_arn: str
    topic_arns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Received:
    """One announcement as a subscriber gets it; attributes are text, numbers too."""

    body: str
    attributes: Mapping[str, str]
    message_id: str
    region: str


class Inbox:
    """A subscriber's queue."""

    def __init__(self, sqs: SQSClient, queue_url: str, region: str) -> None:
        self.queue_url = queue_url
        self._sqs = sqs
        self._region = region

    def receive(self) -> list[Received]:
        """Everything that has arrived since the last time."""
        received: list[Received] = []
        while messages := self._batch():
            received += [self._received(message) for message in messages]
        return received

    def _batch(self) -> list[Any]:
        messages = self._sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        for message in messages:
            self._sqs.delete_message(
                QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
        return list(messages)

    def _received(self, message: Mapping[str, Any]) -> Received:
        attributes = {
            name: value["StringValue"]
            for name, value in message.get("MessageAttributes", {}).items()
        }
        region = attributes.get("region", self._region)
        return Received(message["Body"], attributes, message["MessageId"], region)


def create_hub(
    aws: EmbeddedAws,
    region: str = HUB_REGION,
    *,
    visibility_seconds: int = 2,
    max_receives: int = 5,
) -> Hub:
    """The table with its indexes and stream, and the queue with its dead letters.

    `visibility_seconds` is short, so that a failed message comes back while somebody watches.
    """
    dynamodb: DynamoDBClient = aws.client("dynamodb", region)
    sqs: SQSClient = aws.client("sqs", region)
    dead_letter_url = sqs.create_queue(QueueName=f"{QUEUE}-dead-letters")["QueueUrl"]
    redrive = {"deadLetterTargetArn": _arn(sqs, dead_letter_url), "maxReceiveCount": max_receives}
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


def _arn(sqs: SQSClient, queue_url: str) -> str:
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
    """A target account as the StackSets make it: both roles once, the topic in each region.

    Without `roles`, as while the roles are still being rolled out.
    """
    if roles:
        create_roles(aws, account_id, external_id)
    return Member(
        account_id=account_id,
        read_role_arn=f"arn:aws:iam::{account_id}:role/{READ_ROLE}",
        publish_role_arn=f"arn:aws:iam::{account_id}:role/{PUBLISH_ROLE}",
        topic_arns={
            region: _create_topic(aws.client("sns", region, account_id), fifo=fifo)
            for region in regions
        },
    )


def create_roles(aws: EmbeddedAws, account_id: str, external_id: str = EXTERNAL_ID) -> None:
    """The read role and the publish role of a target account, trusting the hub."""
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


def subscribe(
    aws: EmbeddedAws, member: Member, regions: Sequence[str], image_names: Sequence[str] = ()
) -> Inbox:
    """A queue of the member's account that gets the raw announcements of these regions.

    With `image_names`, of these images only. The queue stands in the first region; it is in the
    topic's account because moto looks for it nowhere else.
    """
    sqs: SQSClient = aws.client("sqs", regions[0], member.account_id)
    fifo = member.topic_arns[regions[0]].endswith(".fifo")
    queue_url = _create_inbox(sqs, fifo=fifo)
    attributes = {"RawMessageDelivery": "true"}
    if image_names:
        attributes["FilterPolicy"] = json.dumps({"image_name": list(image_names)})
    for region in regions:
        sns: SNSClient = aws.client("sns", region, member.account_id)
        sns.subscribe(
            TopicArn=member.topic_arns[region],
            Protocol="sqs",
            Endpoint=_arn(sqs, queue_url),
            Attributes=attributes,
        )
    return Inbox(sqs, queue_url, regions[0])


def _create_inbox(sqs: SQSClient, *, fifo: bool) -> str:
    number = len(sqs.list_queues(QueueNamePrefix="inbox-").get("QueueUrls", [])) + 1
    if fifo:
        created = sqs.create_queue(
            QueueName=f"inbox-{number}.fifo", Attributes={"FifoQueue": "true"}
        )
    else:
        created = sqs.create_queue(QueueName=f"inbox-{number}")
    return created["QueueUrl"]


def environment(
    aws: EmbeddedAws,
    hub: Hub,
    catalogue_path: str = "",
    *,
    fifo: bool = False,
    external_id: str = EXTERNAL_ID,
) -> dict[str, str]:
    """Every variable that the three handlers need to run here, and none that leads elsewhere."""
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
