"""The batches in which Lambda delivers messages: pure, and repeatable by a fixed seed."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

BATCH_SIZE = 1000
RECEIVED_AT_ONCE = 10
_SHARDS = 8
_POLLERS = 5
_POLLED = (100, 567)  # messages within a poller's window; 333 on average
_SEED = 20261122


def dense(bodies: Sequence[str], size: int = BATCH_SIZE) -> Iterator[list[str]]:
    """Batches in the order of sending: the scheduler sends the messages of a target together."""
    yield from _cut(_in_order(bodies), size)


def _in_order(bodies: Sequence[str]) -> list[str]:
    """The messages by target and image, since threads of the scheduler send in any order."""
    keys = ("region", "account_id", "image_name")
    messages = ((json.loads(body), body) for body in bodies)
    found = sorted((*(message[key] for key in keys), body) for message, body in messages)
    return [each[-1] for each in found]


def shuffled(bodies: Sequence[str], size: int = BATCH_SIZE) -> Iterator[list[str]]:
    """Batches of messages in random order."""
    mixed = _in_order(bodies)
    random.Random(_SEED).shuffle(mixed)  # noqa: S311 - a repeatable order
    yield from _cut(mixed, size)


def polled(bodies: Sequence[str]) -> Iterator[list[str]]:
    """The batches of five pollers that fill batches within a window.

    A model: the queue keeps messages in eight shards, each call of a poller receives up to ten
    messages of a random shard, and the pollers take turns. A window ends after a random number of
    messages, 333 on average.
    """
    chance = random.Random(_SEED)  # noqa: S311 - a repeatable order
    shards: list[deque[list[str]]] = [deque() for _ in range(_SHARDS)]
    for sent in _cut(_in_order(bodies), RECEIVED_AT_ONCE):
        chance.choice(shards).append(sent)
    batches: list[list[str]] = [[] for _ in range(_POLLERS)]
    limits = [chance.randint(*_POLLED) for _ in range(_POLLERS)]
    turn = 0
    while left := [shard for shard in shards if shard]:
        batches[turn] += chance.choice(left).popleft()
        if len(batches[turn]) >= limits[turn]:
            yield batches[turn]
            batches[turn], limits[turn] = [], chance.randint(*_POLLED)
        turn = (turn + 1) % _POLLERS
    yield from filter(None, batches)


def _cut(bodies: Sequence[str], size: int) -> Iterator[list[str]]:
    return (list(bodies[at : at + size]) for at in range(0, len(bodies), size))


def sqs_event(bodies: Sequence[str], receives: int = 1) -> dict[str, Any]:
    """The event of a batch, as Lambda sends it."""
    return {"Records": [_record(number, body, receives) for number, body in enumerate(bodies)]}


def _record(number: int, body: str, receives: int) -> dict[str, object]:
    message_id = f"{number:08d}-0000-4000-8000-000000000000"
    return {
        "messageId": message_id,
        "receiptHandle": f"AQEB{message_id * 8}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(receives),
            "AWSTraceHeader": "Root=1-67fce1d7-000000000000000000000000;Sampled=0",
            "SentTimestamp": "1795244400000",
            "SequenceNumber": "0",
            "MessageGroupId": "111100000000",
            "SenderId": "AROA00000000000000000:ami-tracker-scheduler",
            "ApproximateFirstReceiveTimestamp": "1795244401000",
        },
        "messageAttributes": {},
        "md5OfBody": "0" * 32,
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:999900000000:ami-tracker-requests",
        "awsRegion": "us-east-1",
    }


def stream_event(inserted: Sequence[tuple[str, str, dict[str, Any]]]) -> dict[str, Any]:
    """The event of a batch of the table's stream, as Lambda sends it."""
    return {
        "Records": [
            {
                "eventID": f"{number:032d}",
                "eventName": "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "us-east-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1795244401,
                    "Keys": {"region": {"S": region}, "record": {"S": record}},
                    "NewImage": image,
                    "SequenceNumber": f"{number:021d}",
                    "SizeBytes": 1000,
                    "StreamViewType": "NEW_IMAGE",
                },
                "eventSourceARN": "arn:aws:dynamodb:us-east-1:999900000000:table/bench/stream/1",
            }
            for number, (region, record, image) in enumerate(inserted, start=1)
        ]
    }
