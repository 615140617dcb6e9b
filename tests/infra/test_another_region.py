"""One more region: a line in regions.yaml, a plan, an apply, a round, and a release from there.

The hub is applied by Terraform on ministack and its functions run; the members' roles and topics
are deployed by hand, as ministack has no StackSets. `test_places` shows what StackSets do.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from support.labs.deployment_lab import (
    HUB,
    IRELAND,
    MUMBAI,
    VIRGINIA,
    Deployment,
    Subscriber,
    deployment_lab,
    topic_arn,
)
from support.labs.hub_lab import new_changes

from services.kernel.model import Kind

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]

SOON = 6
"""Seconds until failed messages come back in this test; twelve minutes as deployed."""
NAMES = ("by-parameter", "by-filter")


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A hub with two members, after its first round."""
    folder = tmp_path_factory.mktemp("another-region")
    with pytest.MonkeyPatch.context() as patch, deployment_lab(folder) as lab:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # slow to load, and not needed
        for name in NAMES:
            lab.publish(name, VIRGINIA, IRELAND)
        for target in (VIRGINIA, IRELAND):
            lab.add_member(target)
            lab.subscribe(target)
        lab.apply()
        lab.set_visibility(SOON)
        for target in (VIRGINIA, IRELAND):
            for name in NAMES:
                known = lab.until(partial(lab.known, target, name), lambda known: known[1] == "ok")
                assert known[1] == "ok"
        yield lab


@pytest.fixture(scope="module")
def subscriber(deployment: Deployment) -> Iterator[Subscriber]:
    """A subscriber to every region of the hub's account: the one that is watched so far."""
    subscriber = deployment.subscriber()
    subscriber.apply(VIRGINIA)
    yield subscriber
    subscriber.destroy(VIRGINIA, MUMBAI)


def elsewhere(deployment: Deployment) -> dict[str, Any]:
    """What the table and SNS hold of every other target, but for the counts of rounds."""
    found: dict[str, Any] = {}
    for target in (VIRGINIA, IRELAND):
        sns = deployment.client("sns", target.region, target.account_id)
        topics = sorted(topic["TopicArn"] for topic in sns.list_topics()["Topics"])
        found[target.region] = {
            topic: sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
            for topic in topics
            if topic == topic_arn(target)
        } | {
            name: (deployment.known(target, name), deployment.releases(target, name))
            for name in (*NAMES, "nowhere")
        }
    return found


def test_another_region_is_added_and_nothing_else_changes(
    deployment: Deployment, subscriber: Subscriber
) -> None:
    """One line more, a plan and an apply: baselines first, in silence, then releases."""
    before, unchanged = elsewhere(deployment), deployment.plan()
    deployment.watch(MUMBAI)
    plan = deployment.plan()
    scheduler = "module.scheduler.aws_lambda_function.this"
    assert {scheduler: ("update",)} == new_changes(plan, unchanged)

    deployment.add_region(MUMBAI)
    subscription = f'aws_cloudformation_stack.subscription["{HUB}/{MUMBAI.region}"]'
    assert {subscription: ("create",), "aws_sqs_queue_policy.this": ("update",)} == (
        subscriber.plan(VIRGINIA, MUMBAI).changes()
    )
    subscriber.apply(VIRGINIA, MUMBAI)
    first = {name: deployment.publish(name, MUMBAI) for name in NAMES}
    deployment.apply()
    deployment.set_visibility(SOON)
    deployment.invoke("scheduler", {})

    for name, image_id in first.items():
        assert (image_id, "ok") == deployment.until(
            partial(deployment.known, MUMBAI, name), lambda known: known[0] is not None
        )
        assert [release.kind for release in deployment.releases(MUMBAI, name)] == [Kind.BASELINE]
    assert subscriber.received() == []

    new = deployment.publish("by-filter", MUMBAI)
    deployment.invoke("scheduler", {})
    event = (MUMBAI.region, "by-filter", "release", new)
    assert [event] == deployment.until(subscriber.received, lambda events: events != [])

    assert before == elsewhere(deployment)
    assert new_changes(deployment.plan(), unchanged) == {}
