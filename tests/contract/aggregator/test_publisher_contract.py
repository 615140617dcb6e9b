"""The aggregator's port to the topics: the fake and the adapter behave alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest
from support.builders.aggregator import ACCOUNT, TARGET, a_release
from support.fakes.aggregator import FakePublisher

from services.aggregator.announce import announcement
from services.aggregator.deliver import Publisher
from services.aggregator.topics import Topics, publish_role
from services.embedded.aws.server import HUB_ACCOUNT, EmbeddedAws
from services.embedded.tracker.resources import EXTERNAL_ID, PUBLISH_ROLE, TOPIC, create_member
from services.embedded.tracker.subscriptions import Inbox, subscribe
from services.kernel.errors import Failure
from services.kernel.hub_session import HubSession
from services.kernel.model import State, Target
from services.kernel.sessions import TargetSessions

NOWHERE = Target(ACCOUNT, "ap-south-1")
OTHER_REGION = Target(ACCOUNT, "us-east-1")
Message = tuple[str, str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Lab:
    """The port under test, and the messages of its subscriber: region, body, attributes."""

    publisher: Publisher
    receive: Callable[[], list[Message]]


def topics(home: HubSession, name: str = TOPIC, external_id: str = EXTERNAL_ID) -> Topics:
    """Build the adapter as the handler does."""
    role = publish_role(PUBLISH_ROLE, external_id, home.region, name, home.partition)
    return Topics(TargetSessions(home, role), name, home.partition)


@pytest.fixture(params=["fake", "topics"])
def lab(request: pytest.FixtureRequest) -> Lab:
    """Return the fake, then the adapter over SNS."""
    if request.param == "fake":
        fake = FakePublisher([TARGET, OTHER_REGION])
        return Lab(fake, lambda: received_from(fake))
    inbox: Inbox = request.getfixturevalue("inbox")
    home: HubSession = request.getfixturevalue("home")
    return Lab(
        topics(home),
        lambda: [(one.region, one.body, one.attributes) for one in inbox.receive()],
    )


def received_from(fake: FakePublisher) -> list[Message]:
    """Return the messages of a subscriber of the fake, with numbers as text."""
    return [
        (target.region, each.body, {name: str(value) for name, value in each.attributes.items()})
        for target, each in fake.published
    ]


class TestPublishing:
    """Each accepted announcement has an id, each other one a failure."""

    def test_announcements_arrive_unchanged(self, lab: Lab) -> None:
        """Body and attributes arrive unchanged, and each event id has its own message id."""
        made = [announcement(a_release(name)) for name in ("a", "b", "c")]
        results = lab.publisher.publish(TARGET, made)
        assert set(results) == {each.event_id for each in made}
        assert len({result for result in results.values() if isinstance(result, str)}) == 3
        expected = [
            ("eu-west-1", each.body, {n: str(v) for n, v in each.attributes.items()})
            for each in made
        ]
        assert sorted(lab.receive(), key=lambda message: message[1]) == expected

    def test_each_target_has_its_own_topic(self, lab: Lab) -> None:
        """An announcement goes to the topic in its target's region."""
        for target in (TARGET, OTHER_REGION):
            lab.publisher.publish(target, [announcement(a_release(target=target))])
        assert [region for region, _, _ in lab.receive()] == ["eu-west-1", "us-east-1"]

    def test_a_copy_is_the_same_to_the_byte(self, lab: Lab) -> None:
        """A copy has the same bytes, so subscribers recognise it by its event id."""
        for _ in range(2):
            lab.publisher.publish(TARGET, [announcement(a_release())])
        one, copy = lab.receive()
        assert one == copy

    def test_a_missing_topic_is_the_failure_of_each(self, lab: Lab) -> None:
        """A missing topic is returned as a failure of each announcement, not raised."""
        made = [announcement(a_release(name, target=NOWHERE)) for name in ("a", "b")]
        results = lab.publisher.publish(NOWHERE, made)
        assert set(results) == {each.event_id for each in made}
        assert {found.state for found in results.values() if isinstance(found, Failure)} == {
            State.NOT_FOUND
        }
        assert lab.receive() == []


# --- the adapter only


@pytest.mark.usefixtures("inbox")
def test_ten_announcements_are_one_call(aws: EmbeddedAws, home: HubSession) -> None:
    """Ten announcements take one call in the target's account and region, and one session."""
    publisher = topics(home)
    made = [announcement(a_release(f"image-{number}")) for number in range(10)]
    publisher.publish(TARGET, made)
    publisher.publish(TARGET, made)
    assert [(c.operation, c.account_id, c.region) for c in aws.calls()] == [
        ("AssumeRole", HUB_ACCOUNT, home.region),
        ("PublishBatch", ACCOUNT, "eu-west-1"),
        ("PublishBatch", ACCOUNT, "eu-west-1"),
    ]


@pytest.mark.usefixtures("inbox")
def test_a_role_that_does_not_trust_us_is_a_failure(home: HubSession) -> None:
    """A role that cannot be assumed is a failure of every announcement."""
    made = announcement(a_release())
    found = topics(home, external_id="a-wrong-one").publish(TARGET, [made])[made.event_id]
    assert isinstance(found, Failure)
    assert State.ACCESS_DENIED is found.state


@pytest.mark.usefixtures("inbox", "waits")
@pytest.mark.parametrize(
    ("code", "status", "state", "calls"),
    [
        ("ThrottledException", 429, State.THROTTLED, 3),
        ("InternalError", 500, State.TRANSIENT, 3),
        ("KMSDisabled", 400, State.ACCESS_DENIED, 1),
        ("AuthorizationError", 403, State.ACCESS_DENIED, 1),
        ("InvalidParameter", 400, State.BAD_LOOKUP, 1),
    ],
)
def test_a_call_that_fails_is_classified(
    aws: EmbeddedAws, home: HubSession, code: str, status: int, state: State, calls: int
) -> None:
    """A failed call is classified, after botocore's three attempts if a retry may help."""
    made = announcement(a_release())
    with aws.fault(service="sns", code=code, status=status) as fault:
        found = topics(home).publish(TARGET, [made])[made.event_id]
    assert isinstance(found, Failure)
    assert (found.state, aws.struck(fault)) == (state, calls)


def test_a_fifo_topic_delivers_a_copy_once(aws: EmbeddedAws, home: HubSession) -> None:
    """A FIFO topic recognises a copy by the event id."""
    account = "222233334444"
    inbox = subscribe(aws, create_member(aws, account, ["eu-west-1"], fifo=True), ["eu-west-1"])
    target = replace(TARGET, account_id=account)
    publisher = topics(home, f"{TOPIC}.fifo")
    versions = [announcement(a_release(version=n, target=target)) for n in (1, 2)]
    for made in [versions[0], versions[1], versions[0]]:
        assert isinstance(publisher.publish(target, [made])[made.event_id], str)
    found = [(one.attributes["event_id"], one.body) for one in inbox.receive()]
    assert found == [(made.event_id, made.body) for made in versions]
