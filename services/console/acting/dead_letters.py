"""The messages of a dead-letter queue: read without deleting them, moved back, or purged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from services.kernel.errors import DETAIL_LIMIT, AmiTrackerError, MalformedError
from services.kernel.model import Request
from services.kernel.wire import decode_request

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

INVISIBLE_SECONDS = 20
"""How long a message that was shown is invisible: longer than reading the longest list takes."""
_MESSAGES_PER_CALL = 10  # sqs:ReceiveMessage
WAIT_SECONDS = 1
"""How long an empty queue is polled: a shorter poll can miss messages."""
_LONGEST_BODY = 1000
_NO_SOURCE = "must be configured as a Dead Letter Queue"


class NotMovableError(AmiTrackerError):
    """The queue is not the dead-letter queue of another queue."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message: a lookup request, or the reason why it is none.

    `received` counts how often it was received, by this command too. `problem` is the error of
    EventBridge Scheduler, or that of the body; empty for a valid request.
    """

    message_id: str
    received: int
    sent_at: datetime
    request: Request | None
    problem: str
    body: str


@dataclass(frozen=True, slots=True)
class Counts:
    """The ARN of a queue, and approximately how many messages it has: visible ones, and others."""

    arn: str
    visible: int
    invisible: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A message move task."""

    status: str
    moved: int
    to_move: int
    failure: str = ""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status in {"RUNNING", "CANCELLING"}


class DeadLetterQueue:
    """A dead-letter queue, by its name."""

    def __init__(self, client: SQSClient, name: str) -> None:
        self.name = name
        self._client = client
        self._url = client.get_queue_url(QueueName=name)["QueueUrl"]

    def counts(self) -> Counts:
        """The ARN and the approximate numbers of messages."""
        found = self._client.get_queue_attributes(
            QueueUrl=self._url,
            AttributeNames=[
                "QueueArn",
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )["Attributes"]
        return Counts(
            arn=found["QueueArn"],
            visible=int(found["ApproximateNumberOfMessages"]),
            invisible=int(found["ApproximateNumberOfMessagesNotVisible"]),
        )

    def messages(self, limit: int) -> list[DeadLetter]:
        """Up to `limit` messages, oldest first; each is invisible for a short time afterwards."""
        found: dict[str, DeadLetter] = {}
        for _ in range(limit):  # each call but the last returns at least one message
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(_MESSAGES_PER_CALL, limit - len(found)),
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
                VisibilityTimeout=INVISIBLE_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS,
            )
            found |= {each["MessageId"]: dead_letter(each) for each in answer.get("Messages", [])}
            if not answer.get("Messages") or len(found) >= limit:
                break
        return sorted(found.values(), key=lambda each: (each.sent_at, each.message_id))

    def start_move(self, arn: str) -> None:
        """Begin to move all visible messages back to the queue that they came from.

        Raises:
            NotMovableError: they did not come from a queue.
        """
        try:
            self._client.start_message_move_task(SourceArn=arn)
        except ClientError as error:
            if _NO_SOURCE in str(error):
                raise NotMovableError from error
            raise

    def progress(self, arn: str) -> Progress:
        """The newest move task."""
        tasks = self._client.list_message_move_tasks(SourceArn=arn, MaxResults=1)
        task: Mapping[str, Any] = next(iter(tasks.get("Results", [])), {})
        return Progress(
            status=task.get("Status", "RUNNING"),
            moved=task.get("ApproximateNumberOfMessagesMoved", 0),
            to_move=task.get("ApproximateNumberOfMessagesToMove", 0),
            failure=task.get("FailureReason", ""),
        )

    def purge(self) -> None:
        """Delete all messages, which takes SQS up to a minute."""
        self._client.purge_queue(QueueUrl=self._url)


def dead_letter(message: Mapping[str, Any]) -> DeadLetter:
    """The dead letter of a received message."""
    attributes = message.get("Attributes", {})
    request, problem = _decoded(message["Body"])
    scheduler = _scheduler_error(message.get("MessageAttributes", {}))
    return DeadLetter(
        message_id=message["MessageId"],
        received=int(attributes.get("ApproximateReceiveCount", 1)),
        sent_at=datetime.fromtimestamp(int(attributes.get("SentTimestamp", 0)) / 1000, UTC),
        request=request,
        problem=scheduler or problem,
        body=message["Body"][:_LONGEST_BODY],
    )


def _decoded(body: str) -> tuple[Request | None, str]:
    try:
        return decode_request(body), ""
    except MalformedError as error:
        return None, str(error)


def _scheduler_error(attributes: Mapping[str, Mapping[str, str]]) -> str:
    """The error in a message of EventBridge Scheduler, or an empty text."""
    names = ("ERROR_CODE", "ERROR_MESSAGE")
    values = [attributes[name].get("StringValue", "") for name in names if name in attributes]
    return ": ".join(values)[:DETAIL_LIMIT]
