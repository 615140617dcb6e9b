"""The timing of event source mappings: visibility timeouts, limits, several shards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from services.embedded.event_sources.deliveries import Pace
from services.embedded.event_sources.invocation import Context, invoke
from services.embedded.event_sources.queue_mapping import QueueMapping
from services.embedded.event_sources.stream_mapping import StreamMapping

ARN = "arn:aws:sqs:eu-west-1:123456789012:q"
VISIBILITY = 30.0


@dataclass
class Clock:
    """A clock that only sleeping and receiving advance."""

    now: float = 0.0

    def read(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the time."""
        self.now += seconds

    def pace(self) -> Pace:
        """Build the pace of a mapping with this clock."""
        return Pace(clock=self.read, sleep=self.sleep, function_timeout_seconds=60)


@dataclass
class Sqs:
    """A queue with SQS's visibility rules in a clock's time; a receive takes `costs` seconds."""

    clock: Clock
    costs: float = 0.0
    visible_at: dict[str, float] = field(default_factory=dict)

    def get_queue_attributes(
        self,
        QueueUrl: str,  # noqa: N803 - SQS's own
        AttributeNames: list[str],  # noqa: N803 - SQS's own
    ) -> dict[str, Any]:
        """Return the ARN and the number of visible messages; no message counts as invisible."""
        assert QueueUrl == "url"
        counts = {"ApproximateNumberOfMessages": str(len(self.visible_at)), "QueueArn": ARN}
        return {"Attributes": {name: counts.get(name, "0") for name in AttributeNames}}

    def receive_message(self, *, MaxNumberOfMessages: int, **_: object) -> dict[str, Any]:  # noqa: N803 - SQS's own
        """Return the visible messages and hide them for the visibility timeout."""
        self.clock.now += self.costs
        visible = [name for name, at in self.visible_at.items() if at <= self.clock.now]
        received = visible[:MaxNumberOfMessages]
        for name in received:
            self.visible_at[name] = self.clock.now + VISIBILITY
        fields = ("MessageId", "ReceiptHandle", "Body", "MD5OfBody")
        return {"Messages": [dict.fromkeys(fields, name) for name in received]} if received else {}

    def delete_message_batch(self, *, Entries: list[dict[str, str]], **_: object) -> None:  # noqa: N803 - SQS's own
        """Delete messages by handle."""
        for entry in Entries:
            del self.visible_at[entry["ReceiptHandle"]]


def a_mapping(sqs: Sqs, answers: list[object]) -> QueueMapping:
    """Build a mapping whose handler returns these responses in turn."""
    client: Any = sqs
    return QueueMapping(
        client, "url", lambda _event, _context: answers.pop(0), pace=sqs.clock.pace()
    )


def failing(*identifiers: str) -> dict[str, object]:
    """Build a response that reports these failures."""
    return {"batchItemFailures": [{"itemIdentifier": one} for one in identifiers]}


def test_draining_awaits_redelivered_messages() -> None:
    """A failed message is delivered again only after its visibility timeout."""
    sqs = Sqs(Clock(), visible_at={"a": 0, "b": 0})
    deliveries = a_mapping(sqs, [failing("b"), None]).drain(timeout_seconds=60)
    assert [delivery.sent for delivery in deliveries] == [("a", "b"), ("b",)]
    assert VISIBILITY <= sqs.clock.now < VISIBILITY + 1


def test_draining_ends_in_time() -> None:
    """A message that never succeeds does not extend the drain beyond its time limit."""
    sqs = Sqs(Clock(), visible_at={"a": 0})
    deliveries = a_mapping(sqs, [failing("a")] * 9).drain(timeout_seconds=70)
    assert len(deliveries) == 3
    assert 70 <= sqs.clock.now < 71


def test_a_slow_queue_does_not_delay_a_batch() -> None:
    """A batch is delivered when its window ends, before its first message is visible again."""
    sqs = Sqs(Clock(), costs=0.6, visible_at={str(number): 0 for number in range(40)})
    delivery = a_mapping(sqs, [None]).poll()
    assert delivery is not None
    assert len(delivery.sent) == 20


@dataclass
class Streams:
    """A stream of several shards, listed on pages of one; the first shard is closed."""

    shards: dict[str, list[str]]

    def describe_stream(self, **asked: str) -> dict[str, Any]:
        """Return one shard, and the start of the next page."""
        ids = list(self.shards)
        place = ids.index(asked["ExclusiveStartShardId"]) + 1 if len(asked) > 1 else 0
        more = {"LastEvaluatedShardId": ids[place]} if place + 1 < len(ids) else {}
        return {"StreamDescription": {"Shards": [{"ShardId": ids[place]}], **more}}

    def get_shard_iterator(self, **asked: str) -> dict[str, str]:
        """Return an iterator, which is the shard and a position in it."""
        assert asked["ShardIteratorType"] == "TRIM_HORIZON"
        return {"ShardIterator": f"{asked['ShardId']}/0"}

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803 - its own
        """Return the records from there on; a closed shard ends without a next iterator."""
        assert Limit <= 1000
        shard, place = ShardIterator.split("/")
        numbers = self.shards[shard][int(place) :][:2]
        end = int(place) + len(numbers)
        closed = shard == next(iter(self.shards)) and end == len(self.shards[shard])
        following = {} if closed else {"NextShardIterator": f"{shard}/{end}"}
        return {"Records": [self._record(number) for number in numbers], **following}

    def _record(self, number: str) -> dict[str, Any]:
        change = {
            "Keys": {"record": {"S": "release#"}},
            "SequenceNumber": number,
            "NewImage": {"raw": {"B": b"\xff"}},
            "ApproximateCreationDateTime": datetime(2026, 11, 22, tzinfo=UTC),
        }
        return {"eventID": number, "eventName": "INSERT", "dynamodb": change}


def test_every_shard_is_read_and_fails_separately() -> None:
    """A failing shard does not delay the others, and a closed shard is read to its end."""
    client: Any = Streams({"first": ["1", "2", "3"], "second": ["4", "5"]})
    stuck: list[str] = []

    def handle(event: Any, context: Context) -> object:  # noqa: ANN401 - Lambda's event
        assert context.get_remaining_time_in_millis() == 60_000
        numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
        raw = event["Records"][0]["dynamodb"]
        assert raw["NewImage"]["raw"]["B"] == "/w=="
        assert raw["ApproximateCreationDateTime"] == 1795305600.0
        stuck.extend(number for number in numbers if number == "1")
        return failing("1") if "1" in numbers else None

    mapping = StreamMapping(client, ARN, handle, max_retries=1, pace=Clock().pace())
    deliveries = mapping.drain()
    sent = [delivery.sent for delivery in deliveries]
    assert sent == [("1", "2", "3"), ("4", "5"), ("1", "2", "3")]
    assert mapping.discarded == 3
    assert stuck == ["1", "1"]


def test_a_response_that_is_not_json_fails_the_batch() -> None:
    """Lambda cannot send a response that is not JSON, so the whole batch fails."""
    context = Context("f", 5, Clock(10).read)
    outcome = invoke(lambda _event, _context: {"seen": {1}}, {}, context, ["a"])
    assert outcome.thrown
    assert outcome.result.failed == ("a",)


def test_an_event_that_is_not_json_is_an_error() -> None:
    """An event that is not JSON is an error of the mapping; the handler is not called."""
    with pytest.raises(TypeError, match="datetime"):
        invoke(lambda _event, _context: None, {"at": datetime.now(UTC)}, Context("f"), [])


def test_a_context_has_the_time_left() -> None:
    """The remaining time counts down from the function's timeout, and never below 0."""
    clock = Clock(10)
    context = Context("f", 5, clock.read)
    assert context.invoked_function_arn.endswith(":function:f")
    assert context.get_remaining_time_in_millis() == 5000
    clock.sleep(4)
    assert context.get_remaining_time_in_millis() == 1000
    clock.sleep(4)
    assert context.get_remaining_time_in_millis() == 0
