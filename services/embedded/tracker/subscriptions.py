"""Subscribers of the topics: queues that receive the announcements."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Member, queue_arn

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class Received:
    """One announcement as a subscriber receives it; all attributes are text, including numbers."""

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
        """Every message that has arrived since the last call."""
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


def subscribe(
    aws: EmbeddedAws, member: Member, regions: Sequence[str], image_names: Sequence[str] = ()
) -> Inbox:
    """Create a queue in the member's account and subscribe it to the topics of these regions.

    With `image_names`, only to these images. The queue is in the first region, and in the topic's
    account, because moto finds it only there.
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
            Endpoint=queue_arn(sqs, queue_url),
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
