"""Publishes to the topics of all targets, one per account and region, with an assumed role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from services.aggregator.announce import Announcement
from services.aggregator.settings import Settings
from services.kernel.errors import CallFailedError, Failure
from services.kernel.failures import STATE_OF_CODE
from services.kernel.hub_session import HubSession
from services.kernel.model import State, Target
from services.kernel.retry import until_done
from services.kernel.sessions import Role, TargetSessions

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient
    from types_boto3_sns.type_defs import PublishBatchResponseTypeDef

ENTRIES_PER_BATCH = 10  # sns:PublishBatch
ENTRY_STATES = frozenset({State.BAD_LOOKUP, State.UNCLASSIFIED})
"""States that one announcement can cause; every other state concerns the topic.

So does a call in which several announcements are refused and none is accepted.
"""


def publish_role(
    name: str, external_id: str, hub_region: str, topic_name: str, partition: str
) -> Role:
    """The role for publishing; its session policy allows only the tracker's topics."""
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sns:Publish",
                "Resource": f"arn:{partition}:sns:*:*:{topic_name}",
            },
            {
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
            },
        ],
    }
    return Role(name, external_id, f"ami-tracker-aggregator-{hub_region}", policy)


class Topics:
    """Publishes announcements, up to ten per call, to the topic of each target."""

    def __init__(self, sessions: TargetSessions, topic_name: str, partition: str) -> None:
        self._sessions = sessions
        self._topic_name = topic_name
        self._partition = partition

    def publish(
        self, target: Target, announcements: Sequence[Announcement]
    ) -> dict[str, str | Failure]:
        """The message id of each event id, or the failure.

        Only entries in the list of successful ones count: an entry can be in neither list.
        """
        by_id = {str(number): each for number, each in enumerate(announcements)}
        results: dict[str, str | Failure] = {}

        def attempt(left: list[str]) -> list[str]:
            try:
                found = self._publish_once(target, {entry: by_id[entry] for entry in left})
            except CallFailedError as error:
                if len(left) > 1 and error.failure.state in ENTRY_STATES:
                    # SNS refuses the whole call because of one invalid entry.
                    return [again for entry in left for again in attempt([entry])]
                # botocore has already retried the call, so the failure is final.
                results.update({by_id[entry].event_id: error.failure for entry in left})
                return []
            results.update({by_id[entry].event_id: result for entry, result in found.items()})
            return [e for e, r in found.items() if isinstance(r, Failure) and r.retryable]

        until_done(attempt, list(by_id))
        return results

    def _publish_once(
        self, target: Target, announcements: Mapping[str, Announcement]
    ) -> dict[str, str | Failure]:
        arn = f"arn:{self._partition}:sns:{target.region}:{target.account_id}:{self._topic_name}"
        entries: list[Any] = [self._entry(entry, each) for entry, each in announcements.items()]

        def publish(sns: SNSClient) -> PublishBatchResponseTypeDef:
            return sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)

        answer = self._sessions.call(target, "sns", publish)
        refused = {entry["Id"]: _refusal(entry) for entry in answer.get("Failed", [])}
        accepted = {entry["Id"]: entry["MessageId"] for entry in answer.get("Successful", [])}
        return {
            entry: accepted.get(entry) or refused.get(entry, _UNLISTED) for entry in announcements
        }

    def _entry(self, entry_id: str, announcement: Announcement) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "Id": entry_id,
            "Message": announcement.body,
            "Subject": announcement.subject,
            "MessageAttributes": {
                name: {
                    "DataType": "Number" if isinstance(value, int) else "String",
                    "StringValue": str(value),
                }
                for name, value in announcement.attributes.items()
            },
        }
        if self._topic_name.endswith(".fifo"):
            entry["MessageGroupId"] = announcement.image_name
            entry["MessageDeduplicationId"] = announcement.event_id
        return entry


def open_topics(hub: HubSession, settings: Settings) -> Topics:
    """The topics of the settings."""
    role = publish_role(
        settings.publish_role_name,
        settings.external_id,
        settings.region,
        settings.topic_name,
        hub.partition,
    )
    return Topics(TargetSessions(hub, role), settings.topic_name, hub.partition)


_UNLISTED = Failure.of(State.TRANSIENT, "Unaccounted", "the response does not list the entry")


def _refusal(entry: Mapping[str, Any]) -> Failure:
    unknown = State.UNCLASSIFIED if entry.get("SenderFault") else State.TRANSIENT
    state = STATE_OF_CODE.get(entry["Code"], unknown)
    return Failure.of(state, entry["Code"], entry.get("Message", ""))
