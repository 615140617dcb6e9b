"""The batches of each kind contain every message once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import pytest

from benchmarks.batches import dense, polled, shuffled, sqs_event, stream_event
from benchmarks.catalogue import samples
from benchmarks.world import World
from services.aggregator.event import Inserted, parse_relay_event
from services.aggregator.outbox import Key
from services.kernel.wire import decode_request

WORLD = World(30, accounts=2)
BODIES = [
    json.dumps({"region": region, "account_id": account, "image_name": f"{number:03d}"})
    for region in WORLD.region_names()
    for account in WORLD.account_ids()
    for number in range(WORLD.images)
]

Batches = Callable[[Sequence[str]], Iterator[list[str]]]


@pytest.mark.parametrize("batches", [dense, polled, shuffled])
def test_every_message_is_in_one_batch(batches: Batches) -> None:
    """No message is lost or delivered twice, and the batches are the same in each run."""
    found = list(batches(BODIES))

    assert sorted(body for batch in found for body in batch) == sorted(BODIES)
    assert max(map(len, found)) <= 1000
    assert found == list(batches(BODIES))


def test_dense_batches_have_few_targets() -> None:
    """Messages of a target are together, whatever the order in which threads sent them."""
    mixed = next(shuffled(BODIES, len(BODIES)))

    batches = list(dense(mixed, 100))

    targets = [
        {(json.loads(body)["region"], json.loads(body)["account_id"]) for body in batch}
        for batch in batches
    ]
    assert max(map(len, targets)) <= 5  # 100 messages, 30 a target


def test_pollers_fill_a_third_of_a_batch() -> None:
    """The mean of many batches is about 333 messages."""
    many = [
        json.dumps({"region": "eu-west-1", "account_id": "1", "image_name": f"{number:06d}"})
        for number in range(100_000)
    ]
    sizes = [len(batch) for batch in polled(many)]

    assert 280 < sum(sizes) / len(sizes) < 390


def test_samples_are_requests() -> None:
    """The messages that warm functions up are valid, two for each target."""
    found = [decode_request(body) for body in samples(WORLD, "2026-11-22T07:00:00Z")]

    assert len(found) == 2 * WORLD.targets
    assert {request.target.region for request in found} == set(WORLD.region_names())


def test_events_have_the_form_that_the_handlers_read() -> None:
    """Records of the queue have id, body and receive count; those of the stream their keys."""
    (record,) = sqs_event(["body"])["Records"]
    event = stream_event([("eu-west-1", "release#1#a#00000002", {})])

    assert record["body"] == "body"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    request = parse_relay_event(event)
    assert isinstance(request, Inserted)
    assert request.keys == (Key("eu-west-1", "release#1#a#00000002"),)
