"""An image's events arrive in version order, and pending events of removed targets are closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from support.labs.laboratory import FRANKFURT, IRELAND, Lab

from services.embedded.tracker.subscriptions import Received
from services.kernel.keys import RELEASE_PREFIX
from services.kernel.model import Target
from services.kernel.wire import timestamp


def _in_order(received: list[Received], target: Target, name: str) -> list[int]:
    return [
        int(each.attributes["version"])
        for each in received
        if each.region == target.region and each.attributes["image_name"] == name
    ]


def _lose_topic(lab: Lab, target: Target) -> None:
    sns = lab.aws.client("sns", target.region, target.account_id)
    (topic,) = sns.list_topics()["Topics"]
    sns.delete_topic(TopicArn=topic["TopicArn"])


def _age(lab: Lab, target: Target, age: timedelta) -> None:
    """Set the age of all pending releases of a target."""
    table = lab.aws.client("dynamodb", lab.hub.region)
    detected = timestamp(datetime.now(UTC) - age)
    for row in lab.pipeline.rows(target.region, RELEASE_PREFIX):
        if "pending" in row:
            table.update_item(
                TableName=lab.hub.table_name,
                Key={"region": {"S": row["region"]}, "record": {"S": row["record"]}},
                UpdateExpression="SET detected_at = :at",
                ExpressionAttributeValues={":at": {"S": detected}},
            )


def test_a_delayed_release_arrives_before_a_later_one(lab: Lab) -> None:
    """Releases before and after an unannounced edit arrive in order after the topic is restored."""
    lab.deploy(lab.image("a"), lab.image("b"))
    for name in ("a", "b"):
        lab.publish(name)
    lab.round()
    _lose_topic(lab, IRELAND)
    lab.publish("a")
    lab.round()
    lab.deploy(lab.filtered("a"), lab.image("b"))
    lab.publish("a")
    lab.round()
    assert [each.kind.value for each in lab.releases(IRELAND, "a")] == [
        "baseline",
        "release",
        "reconfigured",
    ]

    lab.recreate_topic(IRELAND)
    lab.publish("a")
    received = lab.round()

    assert _in_order(received, IRELAND, "a") == [2, 4]
    assert _in_order(received, FRANKFURT, "a") == [4]


def test_pending_releases_of_a_removed_target_are_closed(lab: Lab) -> None:
    """Pending releases are closed a week after their target was removed, and not before."""
    lab.deploy(lab.image("a"))
    lab.publish("a")
    lab.round()
    _lose_topic(lab, FRANKFURT)
    lab.publish("a")
    lab.round()
    _age(lab, FRANKFURT, timedelta(days=8))
    lab.start_cold()
    assert lab.pipeline.sweep()["pending"] == 1

    lab.deploy(lab.image("a"), targets=[t for t in lab.targets if t != FRANKFURT])
    lab.round()
    lab.start_cold()

    assert lab.pipeline.sweep()["pending"] == 0
    rows = lab.pipeline.rows(FRANKFURT.region, RELEASE_PREFIX)
    assert ["closed_at" in row for row in rows] == [False, True]
    assert [pair.active for pair in lab.pairs(FRANKFURT)] == [False]
