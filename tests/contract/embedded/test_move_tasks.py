"""Message move tasks: dead letters go back to the queue that they came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub, queue_arn


@pytest.fixture
def sqs(aws: EmbeddedAws, hub: Hub) -> Iterator[Any]:
    """Return a client of the hub's queues, and empty them after the test."""
    client = aws.client("sqs", hub.region)
    yield client
    for url in (hub.queue_url, hub.dead_letter_url):
        while found := client.receive_message(QueueUrl=url).get("Messages"):
            client.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])


def bodies(sqs: Any, url: str) -> list[str]:  # noqa: ANN401 - a boto3 client
    """Receive the bodies of a queue's messages."""
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return sorted(message["Body"] for message in answer.get("Messages", []))


def test_visible_messages_are_moved(sqs: Any, hub: Hub) -> None:  # noqa: ANN401 - a boto3 client
    """They become new messages; one that was just received stays."""
    url, source = hub.dead_letter_url, queue_arn(sqs, hub.dead_letter_url)
    sqs.send_message(QueueUrl=url, MessageBody="a")
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60)
    sent = {sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"] for body in "cd"}

    assert sqs.start_message_move_task(SourceArn=source)["TaskHandle"]

    (task,) = sqs.list_message_move_tasks(SourceArn=source)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    moved = sqs.receive_message(QueueUrl=hub.queue_url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in moved) == ["c", "d"]
    assert sent.isdisjoint(message["MessageId"] for message in moved)
    assert bodies(sqs, url) == []


def test_messages_can_go_to_another_queue(sqs: Any, hub: Hub) -> None:  # noqa: ANN401 - as above
    """With a destination, no other queue gets them; tasks are listed newest first."""
    other = sqs.create_queue(QueueName="other")["QueueUrl"]
    arns = {"SourceArn": queue_arn(sqs, hub.dead_letter_url)}
    sqs.start_message_move_task(**arns)
    sqs.send_message(QueueUrl=hub.dead_letter_url, MessageBody="a")

    sqs.start_message_move_task(**arns, DestinationArn=queue_arn(sqs, other))

    assert (bodies(sqs, other), bodies(sqs, hub.queue_url)) == (["a"], [])
    newest, older, *_ = sqs.list_message_move_tasks(**arns, MaxResults=10)["Results"]
    assert newest["DestinationArn"] == queue_arn(sqs, other)
    assert older["ApproximateNumberOfMessagesMoved"] == 0


def test_other_queues_are_refused(sqs: Any, hub: Hub) -> None:  # noqa: ANN401 - as above
    """The source must be the dead-letter queue of a queue, and the queues must exist."""
    source, missing = queue_arn(sqs, hub.dead_letter_url), "arn:aws:sqs:us-east-1:1:none"
    codes = []
    for arns in (
        {"SourceArn": queue_arn(sqs, hub.queue_url)},
        {"SourceArn": missing},
        {"SourceArn": source, "DestinationArn": missing},
    ):
        with pytest.raises(ClientError) as refused:
            sqs.start_message_move_task(**arns)
        codes.append(refused.value.response["Error"]["Code"])

    assert codes == ["InvalidParameterValue", *["ResourceNotFoundException"] * 2]
