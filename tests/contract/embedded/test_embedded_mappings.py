"""The event source mappings, with a real queue and a real stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from services.embedded.aws.server import EmbeddedAws
from services.embedded.event_sources.queue_mapping import QueueMapping
from services.embedded.event_sources.stream_mapping import StreamMapping
from services.embedded.tracker.pipeline import NEW_RELEASES
from services.embedded.tracker.resources import Hub, create_hub

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType
    from types_boto3_sqs.type_defs import MessageAttributeValueTypeDef

Event = dict[str, Any]


class Handler:
    """A Lambda handler that keeps its events and returns the configured response."""

    def __init__(self, answer: Callable[[list[Event]], object] = lambda _: None) -> None:
        self.events: list[list[Event]] = []
        self.answer = answer

    def __call__(self, event: Event, context: Any) -> object:  # noqa: ANN401 - Lambda's context
        """Keep the event's records and return the configured response."""
        assert 0 < context.get_remaining_time_in_millis() <= 60_000
        self.events.append(event["Records"])
        return self.answer(event["Records"])


def failing(*identifiers: str) -> dict[str, object]:
    """Build a response that reports these failures."""
    return {"batchItemFailures": [{"itemIdentifier": one} for one in identifiers]}


# --- the queue


@pytest.fixture(scope="module")
def hub(running: EmbeddedAws) -> Hub:
    """Create a hub with a visibility timeout of one second and two receives per message."""
    return create_hub(running, visibility_seconds=1, max_receives=2)


@pytest.fixture
def queue(aws: EmbeddedAws, hub: Hub) -> Queue:
    """Create a new queue like the hub's own, with the hub's dead-letter queue."""
    return Queue(aws.client("sqs", hub.region), hub)


class Queue:
    """Sends messages to its own queue."""

    def __init__(self, sqs: SQSClient, hub: Hub) -> None:
        self._sqs = sqs
        self.name = f"lookups-{uuid4()}"
        names: list[QueueAttributeNameType] = ["VisibilityTimeout", "RedrivePolicy"]
        alike = sqs.get_queue_attributes(QueueUrl=hub.queue_url, AttributeNames=names)
        created = sqs.create_queue(
            QueueName=self.name, Attributes={name: alike["Attributes"][name] for name in names}
        )
        self.url = created["QueueUrl"]

    def send(self, *bodies: str) -> list[str]:
        """Send messages with an attribute `kind` and return their ids."""
        kind: MessageAttributeValueTypeDef = {"DataType": "String", "StringValue": "x"}
        return [
            self._sqs.send_message(
                QueueUrl=self.url, MessageBody=body, MessageAttributes={"kind": kind}
            )["MessageId"]
            for body in bodies
        ]

    def mapping(self, handler: Handler, batch_size: int = 1000) -> QueueMapping:
        """Build the event source mapping of this queue."""
        return QueueMapping(self._sqs, self.url, handler, batch_size=batch_size)


def test_the_event_has_lambdas_format(queue: Queue) -> None:
    """Every field of a record is where Lambda puts it."""
    handler = Handler()
    (message_id,) = queue.send("{}")
    queue.mapping(handler).poll()
    ((record,),) = handler.events
    assert record.pop("receiptHandle")
    counted = record.pop("attributes")
    assert counted["ApproximateReceiveCount"] == "1"
    assert {"SenderId", "SentTimestamp", "ApproximateFirstReceiveTimestamp"} <= set(counted)
    assert record == {
        "messageId": message_id,
        "body": "{}",
        "messageAttributes": {
            "kind": {
                "dataType": "String",
                "stringValue": "x",
                "stringListValues": [],
                "binaryListValues": [],
            }
        },
        "md5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{queue.name}",
        "awsRegion": "us-east-1",
    }


def test_success_empties_the_queue(queue: Queue) -> None:
    """More messages than one receive returns arrive as one batch, and are deleted."""
    sent = queue.send(*"abcdefghijkl")
    source = queue.mapping(Handler())
    delivery = source.poll()
    assert delivery is not None
    assert sorted(delivery.sent) == sorted(sent)
    assert sorted(delivery.succeeded) == sorted(sent)
    assert source.backlog() == 0
    assert source.poll() is None


def test_no_message_is_lost_between_threads(queue: Queue) -> None:
    """Messages that many threads send while others are deleted all arrive exactly once."""
    source = queue.mapping(Handler(), batch_size=10)
    delivered: list[str] = []
    with ThreadPoolExecutor(max_workers=8) as threads:
        sending = [threads.submit(queue.send, "a", "b", "c") for _ in range(20)]
        while not all(one.done() for one in sending):
            delivered += [sent for delivery in source.drain_visible() for sent in delivery.sent]
    delivered += [sent for delivery in source.drain() for sent in delivery.sent]
    assert sorted(sent for one in sending for sent in one.result()) == sorted(delivered)


def test_a_batch_has_at_most_its_size(queue: Queue) -> None:
    """Messages above the batch size are in the next batch."""
    queue.send(*"abcde")
    deliveries = queue.mapping(Handler(), batch_size=3).drain_visible()
    assert [len(delivery.sent) for delivery in deliveries] == [3, 2]


def test_only_a_failed_message_is_redelivered_and_dead_lettered(
    aws: EmbeddedAws, hub: Hub, queue: Queue
) -> None:
    """A failed message is redelivered after its timeout, then moved to the dead-letter queue."""
    _, bad = queue.send("good", "bad")
    handler = Handler(
        lambda records: failing(*[r["messageId"] for r in records if r["body"] == "bad"])
    )
    source = queue.mapping(handler)
    assert [len(delivery.sent) for delivery in source.drain_visible()] == [2]
    assert source.backlog() == 1
    (again,) = source.drain()
    assert (bad,) == again.sent == again.failed
    (record,) = handler.events[-1]
    assert record["attributes"]["ApproximateReceiveCount"] == "2"
    assert source.backlog() == 0
    sqs = aws.client("sqs", hub.region)
    (letter,) = sqs.receive_message(QueueUrl=hub.dead_letter_url)["Messages"]
    assert (letter["MessageId"], letter["Body"]) == (bad, "bad")


def _throw(_: list[Event]) -> object:
    raise OSError(5, "broken")


@pytest.mark.parametrize(
    "answer",
    [_throw, lambda _: failing("unknown"), lambda _: "no object"],
    ids=["exception", "unknown identifier", "no object"],
)
def test_a_broken_handler_fails_the_whole_batch(
    queue: Queue,
    answer: Callable[[list[Event]], object],
) -> None:
    """An exception or an unreadable response deletes no message, and the delivery has the cause."""
    sent = queue.send("a", "b")
    source = queue.mapping(Handler(answer))
    delivery = source.poll()
    assert delivery is not None
    assert sorted(delivery.failed) == sorted(sent)
    assert delivery.problem
    assert source.backlog() == 2
    assert source.deliveries == [delivery]


# --- the stream


class Rows:
    """Writes rows into the table."""

    def __init__(self, aws: EmbeddedAws, hub: Hub) -> None:
        self._dynamodb = aws.client("dynamodb", hub.region)
        self._table_name = hub.table_name

    def put(self, record: str, **attributes: str) -> None:
        """Write a whole row."""
        item = {"region": "eu-west-1", "record": record, **attributes}
        self._dynamodb.put_item(
            TableName=self._table_name, Item={name: {"S": text} for name, text in item.items()}
        )


@pytest.fixture
def rows(aws: EmbeddedAws, hub: Hub) -> Rows:
    """Return the hub's table."""
    return Rows(aws, hub)


@pytest.fixture
def stream(aws: EmbeddedAws, hub: Hub) -> Callable[..., StreamMapping]:
    """Return a function that creates mappings which start after the rows of earlier tests."""

    def create(handler: Handler, **settings: Any) -> StreamMapping:  # noqa: ANN401 - the mapping's own
        client = aws.client("dynamodbstreams", hub.region)
        made = StreamMapping(client, hub.stream_arn, handler, pattern=NEW_RELEASES, **settings)
        made.drain()
        made.deliveries.clear()
        handler.events.clear()
        return made

    return create


def names(records: list[Event]) -> list[str]:
    """Return the sort keys of the records' rows."""
    return [record["dynamodb"]["Keys"]["record"]["S"] for record in records]


def numbers(records: list[Event]) -> list[str]:
    """Return the sequence numbers of the records."""
    return [record["dynamodb"]["SequenceNumber"] for record in records]


def test_the_stream_event_has_lambdas_format(
    rows: Rows, hub: Hub, stream: Callable[..., StreamMapping]
) -> None:
    """Every field of a record is where Lambda puts it, and the event is plain JSON."""
    handler = Handler()
    source = stream(handler)
    rows.put("release#1#a#00000001", pending="eu-west-1")
    source.poll()
    ((record,),) = handler.events
    change = record.pop("dynamodb")
    keys = {"region": {"S": "eu-west-1"}, "record": {"S": "release#1#a#00000001"}}
    assert change["Keys"] == keys
    assert change["NewImage"] == keys | {"pending": {"S": "eu-west-1"}}
    assert change["StreamViewType"] == "NEW_IMAGE"
    assert isinstance(change["ApproximateCreationDateTime"], float)
    assert isinstance(change["SizeBytes"], int)
    assert change["SequenceNumber"].isdigit()
    assert len(record.pop("eventID")) == 32
    assert record == {
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": hub.stream_arn,
    }


def test_only_inserted_releases_are_delivered(
    rows: Rows, stream: Callable[..., StreamMapping]
) -> None:
    """Other rows and later changes of a release are skipped and cause no invocation."""
    handler = Handler()
    source = stream(handler)
    rows.put("image#1#b")
    rows.put("release#1#b#00000001", pending="eu-west-1")
    rows.put("release#1#b#00000001", published_at="now")
    assert len(source.drain()) == 1
    assert [names(event) for event in handler.events] == [["release#1#b#00000001"]]
    rows.put("image#1#b", version="2")
    assert source.poll() == []


def test_a_report_redelivers_from_the_lowest_failure(
    rows: Rows, stream: Callable[..., StreamMapping]
) -> None:
    """Records after the lowest failure are delivered again although they succeeded."""
    handler = Handler()
    source = stream(handler)
    for letter in "abcd":
        rows.put(f"release#1#low-{letter}")
    handler.answer = lambda records: failing(*[numbers(records)[place] for place in (3, 1)])
    (first,) = source.poll()
    handler.answer = lambda _: None
    (second,) = source.drain()
    assert first.sent[1:] == second.sent
    assert first.succeeded == (first.sent[0], first.sent[2])
    assert names(handler.events[1]) == [f"release#1#low-{letter}" for letter in "bcd"]


def test_a_batch_that_always_fails_is_discarded(
    rows: Rows, stream: Callable[..., StreamMapping]
) -> None:
    """After its retries, the rest of the batch is discarded and counted, and the next follows."""
    handler = Handler()
    source = stream(handler, max_retries=2)
    rows.put("release#1#never-a")
    rows.put("release#1#never-b")
    handler.answer = lambda records: failing(numbers(records)[-1])
    deliveries = source.drain()
    assert [len(delivery.sent) for delivery in deliveries] == [2, 1, 1]
    assert [len(delivery.discarded) for delivery in deliveries] == [0, 0, 1]
    assert source.discarded == 1
    handler.answer = lambda _: None
    rows.put("release#1#never-c")
    assert len(source.drain()) == 1


def test_an_exception_is_bisected_down_to_its_record(
    rows: Rows, stream: Callable[..., StreamMapping]
) -> None:
    """Bisecting finds the record that raises; all others are delivered in order."""
    handler = Handler()
    source = stream(handler, max_retries=1)
    for letter in "abcdef":
        rows.put(f"release#1#raising-{letter}")

    def raising(records: list[Event]) -> object:
        return _throw(records) if "release#1#raising-b" in names(records) else None

    handler.answer = raising
    deliveries = source.drain()
    through = [d for delivery in deliveries for d in delivery.succeeded]
    assert len(through) == 5
    assert sorted(through, key=int) == through
    assert source.discarded == 1


def test_batches_have_at_most_their_size(rows: Rows, stream: Callable[..., StreamMapping]) -> None:
    """Records are split into batches in their order."""
    handler = Handler()
    source = stream(handler, batch_size=2)
    for number in range(5):
        rows.put(f"release#1#size-{number}")
    assert [len(delivery.sent) for delivery in source.drain()] == [2, 2, 1]
    written = [name for event in handler.events for name in names(event)]
    assert written == [f"release#1#size-{number}" for number in range(5)]


def test_a_stream_can_be_replayed(rows: Rows, stream: Callable[..., StreamMapping]) -> None:
    """After a rewind, the same records are delivered from the first on, byte for byte equal."""
    handler = Handler()
    source = stream(handler, batch_size=1000)
    rows.put("release#1#replay")
    source.rewind()
    source.drain()
    source.rewind()
    source.drain()
    first, second = handler.events
    assert "release#1#replay" in names(first)
    assert json.dumps(first) == json.dumps(second)
