"""Lambda's event source mapping of a queue: polls the queue and follows Lambda's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from services.embedded.event_sources.deliveries import Delivery, Pace, Record
from services.embedded.event_sources.invocation import FUNCTION_NAME, Context, Handler, invoke

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType

_RECEIVED_AT_ONCE = 10  # sqs:ReceiveMessage and sqs:DeleteMessageBatch
_PAUSE_SECONDS = 0.1


class QueueMapping:
    """Delivers a queue's messages in batches and deletes those that did not fail.

    A message that failed stays invisible for the visibility timeout and is then delivered again
    with a higher receive count, until the queue moves it to the dead-letter queue.
    """

    def __init__(
        self,
        sqs: SQSClient,
        queue_url: str,
        handler: Handler,
        *,
        batch_size: int = 1000,
        window_seconds: float = 1.0,
        pace: Pace | None = None,
    ) -> None:
        self.deliveries: list[Delivery] = []
        self._sqs = sqs
        self._queue_url = queue_url
        self._handler = handler
        self._batch_size = batch_size
        self._window_seconds = window_seconds
        self._pace = pace or Pace()
        self._arn = self._attributes("QueueArn")["QueueArn"]

    def poll(self) -> Delivery | None:
        """Deliver the visible messages, at most one batch; None if there are none."""
        records = self._receive()
        if not records:
            return None
        sent = [record["messageId"] for record in records]
        context = Context(FUNCTION_NAME, self._pace.function_timeout_seconds, self._pace.clock)
        outcome = invoke(self._handler, {"Records": records}, context, sent)
        failed = outcome.result.failed
        self._delete([record for record in records if record["messageId"] not in failed])
        delivery = Delivery(tuple(sent), failed, outcome.result.problem, outcome.answer)
        self.deliveries.append(delivery)
        return delivery

    def drain(self, timeout_seconds: float = 30.0) -> list[Delivery]:
        """Deliver until the queue is empty, including redeliveries, or until the time-out."""
        deliveries: list[Delivery] = []
        end = self._pace.clock() + timeout_seconds
        while self._pace.clock() < end:
            delivery = self.poll()
            if delivery is not None:
                deliveries.append(delivery)
            elif self.backlog() == 0:
                break
            else:
                self._pace.sleep(_PAUSE_SECONDS)
        return deliveries

    def drain_visible(self) -> list[Delivery]:
        """Deliver until no message is visible; failed messages remain in the queue."""
        deliveries: list[Delivery] = []
        while (delivery := self.poll()) is not None:
            deliveries.append(delivery)
        return deliveries

    def backlog(self) -> int:
        """The number of messages in the queue, visible or not.

        It counts twice: a message that becomes visible during a count can be missing from it.
        """
        return max(self._count(), self._count())

    def _count(self) -> int:
        names: list[QueueAttributeNameType] = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ]
        return sum(int(number) for number in self._attributes(*names).values())

    def _attributes(self, *names: QueueAttributeNameType) -> dict[QueueAttributeNameType, str]:
        return self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=list(names))[
            "Attributes"
        ]

    def _receive(self) -> list[Record]:
        """Up to one batch, within the window: later, its first message would be visible again."""
        records: dict[str, Record] = {}
        end = self._pace.clock() + self._window_seconds
        while len(records) < self._batch_size:
            messages = self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=min(_RECEIVED_AT_ONCE, self._batch_size - len(records)),
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            records |= {m["MessageId"]: queue_record(m, self._arn) for m in messages}
            if not messages or self._pace.clock() >= end:
                break
        return list(records.values())

    def _delete(self, records: Sequence[Record]) -> None:
        for start in range(0, len(records), _RECEIVED_AT_ONCE):
            self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": record["receiptHandle"]}
                    for number, record in enumerate(records[start : start + _RECEIVED_AT_ONCE])
                ],
            )


def queue_record(message: Mapping[str, Any], queue_arn: str) -> Record:
    """A received message in the format of Lambda's event."""
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {name: _message_attribute(a) for name, a in attributes.items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def _message_attribute(attribute: Mapping[str, Any]) -> dict[str, Any]:
    named = {f"{name[0].lower()}{name[1:]}": value for name, value in attribute.items()}
    return {"stringListValues": [], "binaryListValues": [], **named}
