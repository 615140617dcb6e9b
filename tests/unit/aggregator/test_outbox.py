"""Reads of pending rows return every key, with unprocessed keys and any number of pages.

The DynamoDB client is a hand-written fake, because moto never leaves a key unprocessed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import pytest
from support.builders.aggregator import a_release, key_of, key_of_release, pending_row
from support.fakes.log import FakeLog

from services.aggregator.outbox import Found, Key, Outbox
from services.kernel.errors import CallFailedError
from services.kernel.model import State
from services.kernel.table import from_item, to_item

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

TABLE = "ami-tracker"
RELEASES = [a_release(f"image-{number:03d}") for number in range(250)]


class FakeDynamo:
    """Holds pending rows and returns at most `at_once` rows a call."""

    def __init__(self, at_once: int = 100) -> None:
        self.at_once = at_once
        self.rows = {key_of_release(release): pending_row(release) for release in RELEASES}
        self.requests: list[Mapping[str, Any]] = []

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803 - DynamoDB's own name
        """Return the rows of the first keys, and the other keys as unprocessed."""
        request = RequestItems[TABLE]
        self.requests.append(request)
        taken, left = request["Keys"][: self.at_once], request["Keys"][self.at_once :]
        found = [self.rows.get(key_of(from_item(key))) for key in taken]
        answer: dict[str, Any] = {"Responses": {}}
        if taken:
            answer["Responses"] = {TABLE: [to_item(row) for row in found if row]}
        if left:
            answer["UnprocessedKeys"] = {TABLE: {**request, "Keys": left}}
        return answer

    def get_paginator(self, operation: str) -> FakeDynamo:
        """Return a paginator of the index."""
        assert operation == "scan"
        return self

    def paginate(self, **request: str) -> Iterator[dict[str, Any]]:
        """Yield two pages and an empty one, as a scan may end."""
        assert request == {"TableName": TABLE, "IndexName": "pending"}
        keys = [to_item({"region": key.region, "record": key.record}) for key in self.rows]
        yield {"Items": keys[:200]}
        yield {"Items": keys[200:]}
        yield {"Items": []}

    def sizes(self) -> list[int]:
        """Return the number of keys of each call."""
        return [len(request["Keys"]) for request in self.requests]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the waits without waiting."""
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked


def outbox(client: FakeDynamo) -> Outbox:
    """Build the adapter over a fake client."""
    return Outbox(cast("DynamoDBClient", client), TABLE, FakeLog())


def keys(count: int) -> list[Key]:
    """Return the keys of the first releases."""
    return [key_of_release(release) for release in RELEASES[:count]]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])],
)
def test_a_hundred_keys_share_a_call(count: int, expected: list[int]) -> None:
    """Every release is found, in as few calls as possible."""
    client = FakeDynamo()
    assert outbox(client).read(keys(count)) == Found(tuple(RELEASES[:count]))
    assert client.sizes() == expected


def test_duplicate_keys_are_requested_once() -> None:
    """DynamoDB rejects a batch that repeats a key."""
    client = FakeDynamo()
    assert outbox(client).read([*keys(2), *keys(1)]) == Found(tuple(RELEASES[:2]))
    assert client.sizes() == [2]


def test_every_read_is_consistent() -> None:
    """An older state would show a published release as pending, and publish it twice."""
    client = FakeDynamo(at_once=60)
    outbox(client).read(keys(100))
    assert [request["ConsistentRead"] for request in client.requests] == [True, True]


def test_unprocessed_keys_are_requested_again(waits: list[float]) -> None:
    """Only unprocessed keys are requested again, after a wait."""
    client = FakeDynamo(at_once=40)
    assert outbox(client).read(keys(100)) == Found(tuple(RELEASES[:100]))
    assert client.sizes() == [100, 60, 20]
    assert len(waits) == 2


@pytest.mark.parametrize("at_once", [0, 10])
def test_keys_that_stay_unprocessed_fail_the_read(at_once: int, waits: list[float]) -> None:
    """The read fails, because missing rows would look as if they were published."""
    client = FakeDynamo(at_once)
    with pytest.raises(CallFailedError) as caught:
        outbox(client).read(keys(100))
    assert State.THROTTLED is caught.value.failure.state
    assert caught.value.failure.retryable
    assert (len(client.requests), len(waits)) == (4, 3)


def test_the_index_is_read_page_by_page() -> None:
    """A backlog of any length takes the memory of one page."""
    assert [len(page) for page in outbox(FakeDynamo()).pending()] == [200, 50, 0]


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"region": {"S": "eu-west-1"}},
        {"region": {"S": "eu-west-1"}, "record": {"N": "7"}},
        {"region": {"B": b"x"}, "record": {"S": "release#"}},
        {"region": {"S": "eu-west-1"}, "record": {"S": None}},
    ],
)
def test_an_item_with_another_key_stops_no_page(
    item: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other items of the page are found."""
    client = FakeDynamo()
    good = [to_item({"region": key.region, "record": key.record}) for key in keys(2)]
    pages = [{"Items": [good[0], item, good[1]]}]
    monkeypatch.setattr(client, "paginate", lambda **_: pages)
    assert list(outbox(client).pending()) == [keys(2)]


# --- keys


@pytest.mark.parametrize(("version", "before"), [(2, 1), (10, 9), (10_000_000, 9_999_999)])
def test_a_key_has_a_predecessor(version: int, before: int) -> None:
    """The predecessor is the same image in the same target, one version earlier."""
    key, expected = (key_of_release(a_release(version=each)) for each in (version, before))
    assert key.predecessor() == expected


@pytest.mark.parametrize(
    "record",
    [
        "release#111122223333#al2023#00000001",
        "release#111122223333#al2023#00000000",
        "release#111122223333#al2023#2",
        "release#111122223333#al2023#0000000x",
        "release#111122223333#al2023#-0000002",
        "release#111122223333#al2023#\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661",
        "release#",
    ],
)
def test_a_first_version_has_no_predecessor(record: str) -> None:
    """A record that does not end in a version has no predecessor either."""
    assert Key("eu-west-1", record).predecessor() is None


def test_a_release_has_a_key() -> None:
    """The key of a release is the key of its committed row."""
    assert key_of(pending_row(a_release())) == Key.of(a_release())
