"""Publishing: the entries that are sent, accepted and repeated.

The SNS client is a hand-written fake, because moto never rejects a single entry.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import pytest
from support.builders.aggregator import ACCOUNT, TARGET, a_release

from services.aggregator.announce import announcement
from services.aggregator.topics import Topics, publish_role
from services.kernel.errors import CallFailedError, Failure
from services.kernel.model import State, Target

if TYPE_CHECKING:
    from services.kernel.sessions import TargetSessions

Entry = Mapping[str, Any]
Fate = Mapping[str, Any] | None
"""The result of an entry: None lists it nowhere, an empty map accepts it, others reject it."""

ONE, TWO, THREE = (a_release(name) for name in "abc")


def refusal(code: str, *, senders_fault: bool, message: str = "why") -> Fate:
    """Build an entry of `Failed` without its id."""
    return {"Code": code, "SenderFault": senders_fault, "Message": message}


BUSY = refusal("InternalError", senders_fault=False)
ACCEPTED: Fate = {}


class FakeMembers:
    """Returns one SNS client for every target, and records the calls."""

    def __init__(self, *fates: Mapping[str, Fate] | CallFailedError) -> None:
        self.asked: list[tuple[Target, str]] = []
        self.calls: list[tuple[str, list[Entry]]] = []
        self._fates = list(fates)

    def call(self, target: Target, service: str, use: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - as the port has it
        """Return the result of `use` with the client."""
        self.asked.append((target, service))
        return use(self)

    def publish_batch(
        self,
        *,
        TopicArn: str,  # noqa: N803 - SNS's own names
        PublishBatchRequestEntries: Sequence[Entry],  # noqa: N803 - SNS's own names
    ) -> dict[str, Any]:
        """Respond with 200 and the results of this call; an image without one is accepted."""
        self.calls.append((TopicArn, list(PublishBatchRequestEntries)))
        fates = self._fates.pop(0) if self._fates else {}
        if isinstance(fates, CallFailedError):
            raise fates
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in PublishBatchRequestEntries:
            name = entry["MessageAttributes"]["image_name"]["StringValue"]
            fate = fates.get(name, ACCEPTED)
            if fate == ACCEPTED:
                message_id = f"message-{len(self.calls)}-{name}"
                answer["Successful"].append({"Id": entry["Id"], "MessageId": message_id})
            elif fate is not None:
                answer["Failed"].append({"Id": entry["Id"], **fate})
        return answer

    def names(self) -> list[str]:
        """Return the image names of each call."""
        return [
            "".join(entry["MessageAttributes"]["image_name"]["StringValue"] for entry in entries)
            for _, entries in self.calls
        ]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the waits without waiting."""
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked


def publish(
    members: FakeMembers, target: Target = TARGET, topic: str = "releases", partition: str = "aws"
) -> dict[str, str | Failure]:
    """Return the results of publishing three releases, by image name."""
    topics = Topics(cast("TargetSessions", members), topic, partition)
    results = topics.publish(target, [announcement(release) for release in (ONE, TWO, THREE)])
    return {release.image_name: results[release.event_id] for release in (ONE, TWO, THREE)}


# --- entries


def test_an_entry_has_the_announcement() -> None:
    """The entry has body, subject, and each attribute with its type."""
    members = FakeMembers()
    publish(members)
    ((_, (entry, *_)),) = members.calls
    assert entry == {
        "Id": "0",
        "Message": announcement(ONE).body,
        "Subject": "AMI released: eu-west-1 a",
        "MessageAttributes": {
            "event_id": {"DataType": "String", "StringValue": ONE.event_id},
            "kind": {"DataType": "String", "StringValue": "release"},
            "image_name": {"DataType": "String", "StringValue": "a"},
            "region": {"DataType": "String", "StringValue": "eu-west-1"},
            "account_id": {"DataType": "String", "StringValue": ACCOUNT},
            "previous_image_id": {"DataType": "String", "StringValue": "ami-0000000000000000a"},
            "version": {"DataType": "Number", "StringValue": "2"},
            "ami_name": {"DataType": "String", "StringValue": "al2023-ami-2026.11.20"},
            "detected_at": {"DataType": "String", "StringValue": "2026-11-22T07:00:10.000Z"},
        },
    }


def test_the_entries_of_a_call_have_unique_ids() -> None:
    """SNS rejects a batch with duplicate ids."""
    members = FakeMembers()
    publish(members)
    ((_, entries),) = members.calls
    assert [entry["Id"] for entry in entries] == ["0", "1", "2"]


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_the_topic_belongs_to_the_target(partition: str) -> None:
    """The topic's ARN has the target's account and region and the hub's partition."""
    members = FakeMembers()
    target = Target("222233334444", "cn-north-1")
    publish(members, target, "news", partition)
    assert [arn for arn, _ in members.calls] == [
        f"arn:{partition}:sns:cn-north-1:222233334444:news"
    ]
    assert members.asked == [(target, "sns")]


def test_a_fifo_topic_gets_group_and_deduplication_ids() -> None:
    """The group keeps an image's events in order, and the deduplication id drops copies."""
    members = FakeMembers()
    publish(members, topic="releases.fifo")
    ((arn, entries),) = members.calls
    assert arn.endswith(":releases.fifo")
    assert [(entry["MessageGroupId"], entry["MessageDeduplicationId"]) for entry in entries] == [
        (r.image_name, r.event_id) for r in (ONE, TWO, THREE)
    ]


def test_a_standard_topic_gets_no_fifo_ids() -> None:
    """The API of standard topics rejects deduplication ids."""
    members = FakeMembers()
    publish(members, topic="fifo.releases")
    ((_, entries),) = members.calls
    assert all("MessageGroupId" not in entry for entry in entries)
    assert all("MessageDeduplicationId" not in entry for entry in entries)


# --- accepted entries


def test_an_entry_in_successful_is_accepted(waits: list[float]) -> None:
    """The result has the message id of SNS, after one call."""
    members = FakeMembers()
    expected = {name: f"message-1-{name}" for name in "abc"}
    assert publish(members) == expected
    assert (len(members.calls), waits) == (1, [])


def test_an_entry_in_neither_list_is_not_accepted() -> None:
    """An entry that is missing in the response is sent again, four times in all."""
    members = FakeMembers(*[{"b": None}] * 4)
    found = publish(members)
    assert found["a"] == "message-1-a"
    lost = Failure.of(State.TRANSIENT, "Unaccounted", "the response does not list the entry")
    assert lost == found["b"]
    assert members.names() == ["abc", "b", "b", "b"]


def test_an_entry_that_was_missing_once_is_sent_again() -> None:
    """The next response contains the entry."""
    members = FakeMembers({"b": None})
    assert publish(members)["b"] == "message-2-b"


def test_an_entry_without_message_id_is_not_accepted() -> None:
    """An entry with an empty message id does not count as accepted."""
    members = FakeMembers(*[{"a": None}] * 4)
    assert isinstance(publish(members)["a"], Failure)


# --- repeated entries


def test_only_temporarily_rejected_entries_are_sent_again(waits: list[float]) -> None:
    """Accepted entries are never sent again."""
    members = FakeMembers({"a": BUSY, "c": BUSY}, {"c": BUSY})
    found = publish(members)
    assert found == {"a": "message-2-a", "b": "message-1-b", "c": "message-3-c"}
    assert members.names() == ["abc", "ac", "c"]
    assert len(waits) == 2


def test_an_entry_that_is_always_rejected_is_a_failure(waits: list[float]) -> None:
    """After four attempts, the result is the last failure."""
    members = FakeMembers(*[{"a": BUSY}] * 9)
    found = publish(members)
    assert found["a"] == Failure.of(State.TRANSIENT, "InternalError", "why")
    assert members.names() == ["abc", "a", "a", "a"]
    assert len(waits) == 3


@pytest.mark.parametrize(
    ("fate", "state"),
    [
        (refusal("Throttled", senders_fault=False), State.THROTTLED),
        (refusal("ThrottledException", senders_fault=True), State.THROTTLED),
        (refusal("InternalFailure", senders_fault=False), State.TRANSIENT),
        (refusal("New.Fault", senders_fault=False), State.TRANSIENT),
    ],
)
def test_a_temporary_failure_is_repeated(fate: Fate, state: State) -> None:
    """The code decides whether to retry; for an unknown code, `SenderFault` decides."""
    members = FakeMembers(*[{"a": fate}] * 9)
    found = publish(members)["a"]
    assert isinstance(found, Failure)
    assert state is found.state
    assert len(members.calls) == 4


@pytest.mark.parametrize(
    ("fate", "state"),
    [
        (refusal("InvalidParameter", senders_fault=True), State.BAD_LOOKUP),
        (refusal("InvalidParameterValue", senders_fault=False), State.BAD_LOOKUP),
        (refusal("AuthorizationError", senders_fault=True), State.ACCESS_DENIED),
        (refusal("KMSDisabled", senders_fault=True), State.ACCESS_DENIED),
        (refusal("KMSNotFound", senders_fault=True), State.ACCESS_DENIED),
        (refusal("NotFound", senders_fault=True), State.NOT_FOUND),
        (refusal("New.Refusal", senders_fault=True), State.UNCLASSIFIED),
    ],
)
def test_a_permanent_failure_is_not_repeated(fate: Fate, state: State) -> None:
    """The entry stays pending until an operator repairs the cause; others are accepted."""
    members = FakeMembers({"a": fate})
    found = publish(members)
    assert isinstance(found["a"], Failure)
    assert (found["a"].state, found["a"].detail) == (state, "why")
    assert (found["b"], found["c"]) == ("message-1-b", "message-1-c")
    assert len(members.calls) == 1


def test_a_rejection_may_have_no_message() -> None:
    """SNS may omit the message; a message is shortened and made printable."""
    without_message = {"Code": "NotFound", "SenderFault": True}
    unprintable = refusal("Bad\nCode", senders_fault=True, message="a\nb" + "x" * 1000)
    found = publish(FakeMembers({"a": without_message, "b": unprintable}))
    assert found["a"] == Failure.of(State.NOT_FOUND, "NotFound", "")
    assert isinstance(found["b"], Failure)
    assert found["b"].code == "Bad Code"
    assert found["b"].detail.startswith("a bx")
    assert len(found["b"].detail) == 300


# --- calls that fail as a whole


def failed(state: State) -> CallFailedError:
    """Build the error of a call that failed after botocore's own retries."""
    return CallFailedError(Failure.of(state, "Code", "why"))


@pytest.mark.parametrize("state", [State.NOT_FOUND, State.THROTTLED, State.ACCESS_DENIED])
def test_a_call_that_fails_is_the_failure_of_all(state: State, waits: list[float]) -> None:
    """The call is not repeated, because botocore has repeated it."""
    members = FakeMembers(failed(state))
    expected = dict.fromkeys("abc", Failure.of(state, "Code", "why"))
    assert publish(members) == expected
    assert (len(members.calls), waits) == (1, [])


def test_a_later_call_that_fails_keeps_earlier_results() -> None:
    """Entries that were accepted before keep their message ids."""
    members = FakeMembers({"b": BUSY}, failed(State.THROTTLED))
    found = publish(members)
    assert (found["a"], found["c"]) == ("message-1-a", "message-1-c")
    assert found["b"] == Failure.of(State.THROTTLED, "Code", "why")


# --- the role


def test_the_session_may_publish_only_to_our_topics() -> None:
    """The session policy limits the role to our topics, and the session name shows the caller."""
    role = publish_role("publisher", "an-id", "eu-west-1", "news", "aws-cn")
    assert (role.name, role.external_id) == ("publisher", "an-id")
    assert role.session_name == "ami-tracker-aggregator-eu-west-1"
    assert role.policy == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sns:Publish",
                "Resource": "arn:aws-cn:sns:*:*:news",
            },
            {
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
            },
        ],
    }


def test_an_entry_that_fails_its_call_does_not_affect_others() -> None:
    """A call that is rejected because of one entry is repeated for each entry separately."""
    whole = Failure.of(State.BAD_LOOKUP, "InvalidParameter", "Invalid parameter: Message")
    members = FakeMembers(CallFailedError(whole), {}, CallFailedError(whole), {})

    results = publish(members)

    assert members.names() == ["abc", "a", "b", "c"]
    assert results == {"a": "message-2-a", "b": whole, "c": "message-4-c"}


def test_a_missing_topic_gets_one_call() -> None:
    """A failure of the whole topic is not repeated for each entry."""
    gone = Failure.of(State.NOT_FOUND, "NotFound", "Topic does not exist")
    members = FakeMembers(CallFailedError(gone))

    assert publish(members) == {"a": gone, "b": gone, "c": gone}
    assert members.names() == ["abc"]
