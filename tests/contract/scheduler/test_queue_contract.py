"""The scheduler's port to the queue: the fake and the adapter behave alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from support.builders.scheduler import a_request
from support.fakes.scheduler import FakeQueue

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub
from services.kernel.errors import HubBrokenError, UnsentError
from services.kernel.hub_session import HubSession
from services.kernel.model import Request, Target
from services.kernel.wire import decode_request
from services.scheduler.queue import LookupQueue
from services.scheduler.region import Queue


@dataclass(frozen=True, slots=True)
class Lab:
    """The port under test, and a function that receives the messages."""

    queue: Queue
    receive: Callable[[], list[Request]]


@pytest.fixture(params=["fake", "queue"])
def lab(request: pytest.FixtureRequest) -> Lab:
    """Return the fake, then the adapter over SQS."""
    if request.param == "fake":
        fake = FakeQueue()
        return Lab(fake, fake.drain)
    home: HubSession = request.getfixturevalue("home")
    hub: Hub = request.getfixturevalue("hub")
    aws: EmbeddedAws = request.getfixturevalue("aws")
    sqs = aws.client("sqs", hub.region)
    queue = LookupQueue(home.client("sqs"), hub.queue_url)
    return Lab(queue, lambda: [decode_request(m["Body"]) for m in received(sqs, hub)])


def received(sqs: Any, hub: Hub) -> list[dict[str, Any]]:  # noqa: ANN401 - boto3's client
    """Return every message on the queue, with its attributes."""
    messages: list[dict[str, Any]] = []
    while found := sqs.receive_message(
        QueueUrl=hub.queue_url,
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["All"],
    ).get("Messages"):
        messages += found
    return messages


def by_name(requests: list[Request]) -> list[Request]:
    """Sort requests by name, because threads and a standard queue keep no order."""
    return sorted(requests, key=lambda request: (request.target, request.image_name))


class TestSending:
    """Every request arrives once."""

    def test_no_message_is_sent_without_requests(self, lab: Lab) -> None:
        """Without requests, no message is sent."""
        lab.queue.send([])
        assert lab.receive() == []

    def test_every_request_arrives_once(self, lab: Lab) -> None:
        """Requests of two targets and more than one call arrive."""
        asked = [a_request(f"image-{number:02d}") for number in range(11)]
        asked += [a_request("other", Target("222233334444", "us-east-1"))]
        lab.queue.send(asked)
        assert by_name(lab.receive()) == by_name(asked)

    def test_a_repeated_request_is_sent_again(self, lab: Lab) -> None:
        """A request that is sent twice arrives twice, because a lookup can be repeated."""
        lab.queue.send([a_request()])
        lab.queue.send([a_request()])
        assert lab.receive() == [a_request(), a_request()]


def test_ten_requests_are_one_call(aws: EmbeddedAws, hub: Hub, home: HubSession) -> None:
    """Ten requests take one call, eleven take two, and no other call is made."""
    queue = LookupQueue(home.client("sqs"), hub.queue_url)
    queue.send([a_request(f"image-{number:02d}") for number in range(11)])
    assert [(c.service, c.operation) for c in aws.calls()] == [("sqs", "SendMessageBatch")] * 2


def test_a_message_belongs_to_its_accounts_group(
    aws: EmbeddedAws, hub: Hub, home: HubSession
) -> None:
    """A fair standard queue uses the group to share capacity between accounts."""
    LookupQueue(home.client("sqs"), hub.queue_url).send([a_request()])
    (message,) = received(aws.client("sqs", hub.region), hub)
    assert message["Attributes"]["MessageGroupId"] == a_request().target.account_id


def test_a_missing_queue_is_a_broken_hub(hub: Hub, home: HubSession) -> None:
    """The error names the missing queue."""
    queue = LookupQueue(home.client("sqs"), f"{hub.queue_url}-gone")
    with pytest.raises(HubBrokenError, match=r"queue http.*-gone cannot be used"):
        queue.send([a_request()])


@pytest.mark.usefixtures("waits")
def test_a_throttled_call_fails_only_its_own_messages(
    aws: EmbeddedAws, hub: Hub, home: HubSession
) -> None:
    """After botocore's three attempts, the call's messages fail, and other calls are made."""
    queue = LookupQueue(home.client("sqs"), hub.queue_url)
    with aws.fault(service="sqs", times=3) as fault, pytest.raises(UnsentError) as caught:
        queue.send([a_request(f"image-{number}") for number in range(10)])
    assert aws.struck(fault) == 3
    assert caught.value.count == 10
    assert "throttled: ThrottlingException" in str(caught.value)
