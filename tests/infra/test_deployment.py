"""The deployment: applied by Terraform, run by the packages that were built, taken down again.

The AWS is ministack with enforced policies, so every function acts with its own role's rights; SSM
and EC2 are the embedded AWS. The tests run in this order, and the last one takes everything down.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from deployment_lab import (
    DIFFERENCES,
    FRANKFURT,
    FUNCTIONS,
    IRELAND,
    MEMBER,
    PREFIX,
    STANDBY_REGION,
    TARGETS,
    VARIABLES,
    VIRGINIA,
    Deployment,
    Inventory,
    deployment_lab,
    inventory,
    request,
)
from runbook import steps
from terraform import Plan

from services.kernel.model import Kind, Target

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]

ALARM_FIELDS = {
    "actions_enabled": "ActionsEnabled",
    "alarm_actions": "AlarmActions",
    "alarm_description": "AlarmDescription",
    "ok_actions": "OKActions",
    "period": "Period",
    "statistic": "Statistic",
    "treat_missing_data": "TreatMissingData",
}

IMAGE_NAMES = ("by-parameter", "by-filter", "nowhere")
POISON = '{"poison": true}'
SOON = 6
"""Seconds until failed messages come back in these tests; twelve minutes as deployed."""


@pytest.fixture(scope="module")
def before() -> Inventory:
    """What the hub account held before the hub was deployed; `deployment` fills it."""
    return {}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, before: Inventory) -> Iterator[Deployment]:
    """The hub and two of its three members; the roles of the third are not rolled out yet."""
    folder = tmp_path_factory.mktemp("deployment")
    with pytest.MonkeyPatch.context() as patch, deployment_lab(folder) as lab:
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # takes long, and nobody asks for them
        for name in ("by-parameter", "by-filter"):
            lab.publish(name, *TARGETS)
        for target in (VIRGINIA, IRELAND):
            lab.add_member(target)
            lab.subscribe(target)
        before |= inventory(lab.aws)
        lab.apply()
        yield lab


@pytest.fixture(scope="module")
def impatient(deployment: Deployment) -> Deployment:
    """The deployment after its first round, with failed messages that come back soon.

    Waiting as long as deployed would take a test an hour and show no more. The redrive policy, the
    mapping and the functions stay as they are.
    """
    wait_for_first_round(deployment)
    deployment.set_visibility(SOON)
    return deployment


@pytest.fixture(scope="module")
def poisoned(impatient: Deployment) -> Deployment:
    """The deployment, with a message in its queue that nobody can read, and a good one with it."""
    round_id = impatient.last_round(VIRGINIA)["round"]
    impatient.enqueue(POISON, request(VIRGINIA, "by-parameter", round_id))
    return impatient


def wait_for_first_round(deployment: Deployment) -> None:
    """Return once every pair has been looked up, whatever came of it."""
    pairs = [(target, name) for target in TARGETS for name in IMAGE_NAMES]
    states = deployment.until(
        lambda: {deployment.known(*pair)[1] for pair in pairs},
        lambda states: None not in states,
        seconds=300,
    )
    assert None not in states


def sweep(deployment: Deployment) -> int:
    """How many releases a sweep announces, taking the youngest too, unlike a scheduled one."""
    return int(deployment.invoke("aggregator", {"sweep": True})["announced"])


@contextmanager
def refusal(deployment: Deployment, function: str, target: Target) -> Iterator[None]:
    """What is done in the block makes a function count a refusal in a target, as its log tells."""
    sign = f'"class":"access_denied","region":"{target.region}"'

    def count() -> int:
        return sum(sign in line for line in deployment.said(function))

    before = count()
    yield
    assert before < deployment.until(count, lambda now: now > before)


# --- what was deployed


@pytest.fixture(scope="module")
def second_plan(deployment: Deployment) -> Plan:
    """What applying once more would change."""
    return deployment.plan()


def test_second_plan_is_empty(second_plan: Plan) -> None:
    """Terraform finds everything as it made it, but for what ministack tells otherwise."""
    found = {
        (re.findall(r"aws_\w+", address)[-1], attribute)
        for address, (attributes, _) in second_plan.differences().items()
        for attribute in attributes
    }

    assert found == set(DIFFERENCES)
    assert set(second_plan.changes().values()) == {("update",)}


def test_alarms_are_as_configured(deployment: Deployment, second_plan: Plan) -> None:
    """Every alarm is kept as Terraform configures it, so the plan's differences are ministack's."""
    planned = second_plan.of_type("aws_cloudwatch_metric_alarm").values()
    pages = deployment.client("cloudwatch").get_paginator("describe_alarms").paginate()
    kept = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}

    for alarm in planned:
        told = kept[alarm["alarm_name"]]
        fields = {ours: alarm[ours] for ours in ALARM_FIELDS if alarm[ours]}
        dimensions = {each["Name"]: each["Value"] for each in told.get("Dimensions", [])}
        assert {ours: told[ALARM_FIELDS[ours]] for ours in fields} == fields
        assert dimensions == (alarm["dimensions"] or {})


# --- what it does


def test_schedule_begins_rounds(deployment: Deployment) -> None:
    """Nobody invokes anything, and within a minute every pair of every target is looked up."""
    wait_for_first_round(deployment)

    assert [deployment.last_round(target)["enqueued"] for target in TARGETS] == [3, 3, 3]


def test_first_sight_is_silent(impatient: Deployment) -> None:
    """The first images become known in both members, from the right regions, and are not news."""
    known = {
        target.region: [impatient.known(target, name) for name in ("by-parameter", "by-filter")]
        for target in (VIRGINIA, IRELAND)
    }
    first = [("ami-00000000000000001", "ok"), ("ami-00000000000000002", "ok")]

    assert known == {"us-east-1": first, "eu-west-1": first}
    assert impatient.known(IRELAND, "nowhere") == (None, "not_found")
    assert impatient.events() == []


def test_account_without_roles_is_a_state(impatient: Deployment) -> None:
    """An account whose roles are still being rolled out costs nothing but its own pairs' state."""
    states = {impatient.known(FRANKFURT, name) for name in IMAGE_NAMES}

    assert states == {(None, "access_denied")}
    assert impatient.asked_regions() == {"us-east-1", "eu-west-1"}
    assert impatient.until(impatient.waiting, lambda count: count == 0) == 0
    assert impatient.dead_letters() == []


def test_batch_fails_in_part(poisoned: Deployment) -> None:
    """Of a batch with a message that nobody can read, that message alone stays in the queue."""
    told = re.compile(r"OK - [1-9]\d* records, 1 partial failures")
    last = poisoned.until(poisoned.last_batch, lambda text: bool(told.fullmatch(text)), 4 * SOON)

    assert told.fullmatch(last)
    assert poisoned.until(poisoned.waiting, lambda count: count == 1, 4 * SOON) == 1


def test_release_reaches_third_account(poisoned: Deployment) -> None:
    """A round's releases arrive in another account and region, those of a throttled region later.

    The throttled region keeps no other waiting. The schedule fires every minute here, so the later
    release may be of that round or of the next.
    """
    with poisoned.outside.fault(service="ssm", region=IRELAND.region) as fault:
        new = poisoned.publish("by-parameter", VIRGINIA, IRELAND)
        poisoned.invoke("scheduler", {})
        at_once = [("us-east-1", "by-parameter", "release", new)]
        assert poisoned.until(poisoned.events, lambda events: events != []) == at_once
        throttled = ("ami-00000000000000001", "throttled")
        assert (
            poisoned.until(
                lambda: poisoned.known(IRELAND, "by-parameter"), lambda known: known == throttled
            )
            == throttled
        )
        assert poisoned.outside.struck(fault)

    later = [*at_once, ("eu-west-1", "by-parameter", "release", new)]
    assert poisoned.until(poisoned.events, lambda events: len(events) > 1) == later


def test_announcement_is_whole(poisoned: Deployment) -> None:
    """Body and attributes arrive as the contract has them, raw."""
    received = poisoned.received()[0]
    image_id = poisoned.releases(VIRGINIA, "by-parameter")[-1].observed.image_id

    assert json.loads(received.body) == {
        "v1": {
            "Message": "A new version of the by-parameter has been released. "
            "You are now able to launch new EC2 instances from these AMIs.",
            "image": {"image_name": "by-parameter", "image_id": image_id},
            "region": "us-east-1",
        }
    }
    assert {
        "event_id": poisoned.releases(VIRGINIA, "by-parameter")[-1].event_id,
        "kind": "release",
        "image_name": "by-parameter",
        "region": "us-east-1",
        "account_id": VIRGINIA.account_id,
        "previous_image_id": "ami-00000000000000001",
        "version": "2",
        "ami_name": "by-parameter-003",
    } == {name: text for name, text in received.attributes.items() if name != "detected_at"}


def test_rollback_is_announced_as_one(poisoned: Deployment) -> None:
    """A publisher who goes back to an earlier image is understood, and its subscribers told."""
    poisoned.point("by-parameter", "ami-00000000000000001", IRELAND)
    poisoned.invoke("scheduler", {})
    rollback = ("eu-west-1", "by-parameter", "rollback", "ami-00000000000000001")

    assert rollback in poisoned.until(poisoned.events, lambda events: rollback in events)


def test_lookup_may_assume_what_it_is_allowed_alone(poisoned: Deployment) -> None:
    """The third account's roles, once there, are no use to a lookup that may not assume them."""
    with poisoned.without("lookup", "AssumeRolesElsewhere"):
        poisoned.add_member(FRANKFURT)
        poisoned.subscribe(FRANKFURT)
        with refusal(poisoned, "lookup", FRANKFURT):
            poisoned.invoke("scheduler", {})

    assert poisoned.known(FRANKFURT, "by-filter") == (None, "access_denied")


def test_roles_that_come_later_are_found(poisoned: Deployment) -> None:
    """Once the third account has its roles, a round finds its images."""

    def after_a_round() -> tuple[str | None, str | None]:
        poisoned.invoke("scheduler", {})
        return poisoned.known(FRANKFURT, "by-filter")

    found = ("ami-00000000000000002", "ok")
    assert poisoned.until(after_a_round, lambda known: known == found) == found


def test_aggregator_may_assume_what_it_is_allowed_alone(poisoned: Deployment) -> None:
    """What an aggregator may not announce stays pending, until it may."""
    with poisoned.without("aggregator", "AssumeRolesElsewhere"):
        with refusal(poisoned, "aggregator", FRANKFURT):
            new = poisoned.publish("by-filter", FRANKFURT)
            poisoned.invoke("scheduler", {})
        assert sweep(poisoned) == 0
        assert poisoned.pending() == 1

    # A refusal by STS is not asked for again within half a second.
    assert poisoned.until(lambda: sweep(poisoned), lambda announced: announced == 1) == 1
    event = ("eu-central-1", "by-filter", "release", new)
    assert event in poisoned.until(poisoned.events, lambda events: event in events)


@pytest.mark.parametrize(
    ("function", "sid"),
    [
        ("scheduler", "ReconcileRows"),
        ("scheduler", "RequestLookups"),
        ("lookup", "CommitObservations"),
        ("aggregator", "FindPendingReleases"),
    ],
)
def test_function_needs_each_permission(poisoned: Deployment, function: str, sid: str) -> None:
    """A function whose role lacks one statement fails loudly; with all of them it answers."""
    round_id = poisoned.last_round(VIRGINIA)["round"]
    record = {"messageId": "1", "body": request(VIRGINIA, "by-parameter", round_id)}
    events: Mapping[str, Mapping[str, object]] = {
        "scheduler": {},
        "lookup": {"Records": [record]},
        "aggregator": {"sweep": True},
    }

    assert "errorMessage" not in poisoned.invoke(function, events[function])
    with poisoned.without(function, sid):
        assert "not authorized" in poisoned.invoke(function, events[function])["errorMessage"]


def test_sweep_makes_up_for_a_refusing_account(poisoned: Deployment) -> None:
    """What an account refuses to publish is not lost: the sweep after it is mended announces it."""
    with poisoned.without("publish", "PublishReleases", MEMBER):
        with refusal(poisoned, "aggregator", IRELAND):
            new = poisoned.publish("by-filter", IRELAND)
            poisoned.invoke("scheduler", {})
        assert sweep(poisoned) == 0
        assert poisoned.pending() == 1

    assert sweep(poisoned) == 1
    event = ("eu-west-1", "by-filter", "release", new)
    assert event in poisoned.until(poisoned.events, lambda events: event in events)
    assert poisoned.pending() == 0


def test_poison_ends_in_the_dead_letter_queue(poisoned: Deployment) -> None:
    """After five deliveries the unreadable message is given up, and no other message is."""
    given_up = poisoned.until(poisoned.dead_letters, lambda bodies: bodies != [], 10 * SOON)

    assert given_up == [POISON]
    assert sum("message malformed" in line for line in poisoned.said("lookup")) == 5
    assert poisoned.dead_letters("schedule-dead-letters") == []


def test_every_event_arrived_once(poisoned: Deployment) -> None:
    """What the subscriber has is what the table holds to be announced, each once."""
    releases = [
        (target.region, name, release.kind.value, release.observed.image_id)
        for target in TARGETS
        for name in ("by-parameter", "by-filter")
        for release in poisoned.releases(target, name)
        if release.kind is not Kind.BASELINE
    ]

    assert sorted(poisoned.events()) == sorted(releases)


# --- recovery, by the commands of infra/README.md

RESTORED = f"{PREFIX}-restored"
BY_PARAMETER = f"image#{IRELAND.account_id}#by-parameter"


def test_a_restored_table_takes_the_place_of_the_old_one(poisoned: Deployment) -> None:
    """History, versions and subscribers go on; ministack restores the present rows."""
    stop, restore, adopt, start, clean_up = steps("Restoring the table")
    history = poisoned.releases(VIRGINIA, "by-parameter")
    events = poisoned.events()
    poisoned.shell.run(stop)
    assert poisoned.shell.run(restore).strip() != ""
    poisoned.configure("basic", **VARIABLES, table_name=RESTORED)
    plan = poisoned.shell.run(adopt)
    replaced = re.findall(r"# (\S+) must be replaced", re.sub(r"\x1b\[[0-9;]*m", "", plan))
    assert set(replaced) == {"module.ami_tracker.aws_lambda_event_source_mapping.releases"}
    poisoned.shell.run(start)
    poisoned.table = RESTORED
    poisoned.shell.run(clean_up)

    assert poisoned.releases(VIRGINIA, "by-parameter") == history
    new = poisoned.publish("by-parameter", VIRGINIA)
    poisoned.invoke("scheduler", {})
    release = ("us-east-1", "by-parameter", "release", new)
    assert poisoned.until(poisoned.events, lambda now: len(now) > len(events)) == [*events, release]
    assert poisoned.releases(VIRGINIA, "by-parameter")[-1].version == len(history) + 1


def test_a_restored_row_is_found_and_corrected(poisoned: Deployment) -> None:
    """The listing names the row that is behind; deleted, it comes back from its last release."""
    compare, delete = steps("Single rows")
    compare, delete = (c.replace(PREFIX, RESTORED) for c in (compare, delete))
    events = poisoned.events()
    last = poisoned.releases(IRELAND, "by-parameter")[-1]
    assert poisoned.shell.run(compare) == ""
    poisoned.client("dynamodb").update_item(
        TableName=RESTORED,
        Key={"region": {"S": IRELAND.region}, "record": {"S": BY_PARAMETER}},
        UpdateExpression="SET #version = :one",
        ExpressionAttributeNames={"#version": "version"},
        ExpressionAttributeValues={":one": {"N": "1"}},
    )

    listed = poisoned.shell.run(compare)
    assert f"{IRELAND.region} {BY_PARAMETER} row: 1" in listed
    assert f"last release: {last.version} {last.observed.image_id}" in listed
    assert len(listed.splitlines()) == 1
    poisoned.shell.run(delete)
    poisoned.invoke("scheduler", {})
    healed = (last.observed.image_id, "ok")
    assert (
        poisoned.until(
            lambda: poisoned.known(IRELAND, "by-parameter"), lambda known: known == healed
        )
        == healed
    )
    assert poisoned.until(lambda: poisoned.shell.run(compare), lambda text: text == "") == ""
    assert poisoned.events() == events


def test_a_second_hub_takes_over_and_gives_way_again(poisoned: Deployment) -> None:
    """The members' roles, topics and subscriptions serve a hub in another region; the old one is
    locked out, and works again when the new one is removed.
    """  # noqa: D205 - one sentence
    delete_roles, copy, deploy, go_back = steps("The hub's region is gone")
    events = poisoned.events()
    poisoned.shell.run(delete_roles)
    poisoned.shell.run(copy)
    poisoned.configure("standby", **{**VARIABLES, "region": STANDBY_REGION})
    poisoned.shell.run(deploy)
    assert "not authorized" in poisoned.invoke("scheduler", {})["errorMessage"]

    old = (poisoned.table, poisoned.region)
    poisoned.table, poisoned.region = PREFIX, STANDBY_REGION
    poisoned.invoke("scheduler", {})
    baseline = poisoned.until(
        lambda: poisoned.known(IRELAND, "by-parameter"), lambda known: known[1] == "ok"
    )
    assert baseline[1] == "ok"
    new = poisoned.publish("by-parameter", IRELAND)
    poisoned.invoke("scheduler", {})
    release = ("eu-west-1", "by-parameter", "release", new)
    assert poisoned.until(poisoned.events, lambda now: len(now) > len(events)) == [*events, release]
    assert poisoned.releases(IRELAND, "by-parameter")[-1].version == 2

    poisoned.table, poisoned.region = old
    poisoned.shell.run(go_back)
    poisoned.invoke("scheduler", {})
    once_more = [*events, release, release]
    assert poisoned.until(poisoned.events, lambda now: len(now) > len(events) + 1) == once_more


# --- what is left


def test_destroy_leaves_nothing(deployment: Deployment, before: Inventory) -> None:
    """The hub account holds what it held before, of every kind that a deployment makes."""
    during = inventory(deployment.aws)
    deployment.destroy()

    assert inventory(deployment.aws) == before
    assert [kind for kind in before if during[kind] <= before[kind]] == []
    assert during["functions"] == {f"{PREFIX}-{function}" for function in FUNCTIONS}
