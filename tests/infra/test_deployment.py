"""A deployment applied by Terraform, run with the real packages, and destroyed again.

It runs on ministack with enforced policies, so every function has only the permissions of its role.
The embedded AWS provides SSM and EC2. The tests depend on their order; the last one destroys the
deployment.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from support.aws.runbook import steps
from support.aws.terraform import Plan
from support.labs.deployment_lab import (
    BUCKET,
    DIFFERENCES,
    FRANKFURT,
    FUNCTIONS,
    HUB,
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
MALFORMED = '{"malformed": true}'
VISIBILITY_SECONDS = 6
"""The visibility timeout in these tests; the deployed one is twelve minutes."""


@pytest.fixture(scope="module")
def before() -> Inventory:
    """The resources of the hub account before the deployment; `deployment` fills it."""
    return {}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, before: Inventory) -> Iterator[Deployment]:
    """The hub and two of its three accounts; the roles of the third are not deployed yet."""
    folder = tmp_path_factory.mktemp("deployment")
    with pytest.MonkeyPatch.context() as patch, deployment_lab(folder) as lab:
        # Loading moto's default images takes long, and no test uses them.
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        for name in ("by-parameter", "by-filter"):
            lab.publish(name, *TARGETS)
        for target in (VIRGINIA, IRELAND):
            lab.add_member(target)
            lab.subscribe(target)
        before |= inventory(lab.aws)
        lab.apply()
        yield lab


@pytest.fixture(scope="module")
def short_timeout(deployment: Deployment) -> Deployment:
    """The deployment after its first round, with a short visibility timeout.

    With the deployed timeout, a test would take an hour. The redrive policy, the event source
    mapping and the functions are not changed.
    """
    wait_for_first_round(deployment)
    deployment.set_visibility(VISIBILITY_SECONDS)
    return deployment


@pytest.fixture(scope="module")
def with_malformed(short_timeout: Deployment) -> Deployment:
    """The deployment, with a malformed and a valid message in the lookup queue."""
    round_id = short_timeout.last_round(VIRGINIA)["round"]
    short_timeout.enqueue(MALFORMED, request(VIRGINIA, "by-parameter", round_id))
    return short_timeout


def wait_for_first_round(deployment: Deployment) -> None:
    """Wait until every pair has a state."""
    pairs = [(target, name) for target in TARGETS for name in IMAGE_NAMES]
    states = deployment.until(
        lambda: {deployment.known(*pair)[1] for pair in pairs},
        lambda states: None not in states,
        seconds=300,
    )
    assert None not in states


def sweep(deployment: Deployment) -> int:
    """Run a sweep without an age limit; return the number of announced releases."""
    return int(deployment.invoke("aggregator", {"sweep": True})["announced"])


@contextmanager
def logs_access_denied(deployment: Deployment, function: str, target: Target) -> Iterator[None]:
    """Wait after the block until the function has logged another access_denied in the target."""
    text = f'"class":"access_denied","region":"{target.region}"'

    def count() -> int:
        return sum(text in line for line in deployment.log_lines(function))

    before = count()
    yield
    assert before < deployment.until(count, lambda now: now > before)


# --- the deployed resources


@pytest.fixture(scope="module")
def second_plan(deployment: Deployment) -> Plan:
    """The plan of a second apply."""
    return deployment.plan()


def test_second_plan_is_empty(second_plan: Plan) -> None:
    """A second plan has no changes except the attributes that ministack does not return."""
    found = {
        (re.findall(r"aws_\w+", address)[-1], attribute)
        for address, (attributes, _) in second_plan.differences().items()
        for attribute in attributes
    }

    assert found == set(DIFFERENCES)
    assert set(second_plan.changes().values()) == {("update",)}


def test_alarms_are_as_configured(deployment: Deployment, second_plan: Plan) -> None:
    """Ministack has every alarm as Terraform configures it, so the differences are not real."""
    planned = second_plan.of_type("aws_cloudwatch_metric_alarm").values()
    pages = deployment.client("cloudwatch").get_paginator("describe_alarms").paginate()
    kept = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}

    for alarm in planned:
        found = kept[alarm["alarm_name"]]
        fields = {name: alarm[name] for name in ALARM_FIELDS if alarm[name]}
        dimensions = {each["Name"]: each["Value"] for each in found.get("Dimensions", [])}
        assert {name: found[ALARM_FIELDS[name]] for name in fields} == fields
        assert dimensions == (alarm["dimensions"] or {})


# --- behaviour


def test_schedule_begins_rounds(deployment: Deployment) -> None:
    """The schedule starts a round without an invocation by the test."""
    wait_for_first_round(deployment)

    assert [deployment.last_round(target)["enqueued"] for target in TARGETS] == [3, 3, 3]


def test_first_images_are_not_announced(short_timeout: Deployment) -> None:
    """The first images are recorded in both accounts and regions without an announcement."""
    known = {
        target.region: [short_timeout.known(target, name) for name in ("by-parameter", "by-filter")]
        for target in (VIRGINIA, IRELAND)
    }
    first = [("ami-00000000000000001", "ok"), ("ami-00000000000000002", "ok")]

    assert known == {"us-east-1": first, "eu-west-1": first}
    assert short_timeout.known(IRELAND, "nowhere") == (None, "not_found")
    assert short_timeout.events() == []


def test_account_without_roles_is_access_denied(short_timeout: Deployment) -> None:
    """Pairs of an account without roles are access_denied; other targets are not affected."""
    states = {short_timeout.known(FRANKFURT, name) for name in IMAGE_NAMES}

    assert states == {(None, "access_denied")}
    assert short_timeout.called_regions() == {"us-east-1", "eu-west-1"}
    assert short_timeout.until(short_timeout.waiting, lambda count: count == 0) == 0
    assert short_timeout.dead_letters() == []


def test_only_the_malformed_message_of_a_batch_fails(with_malformed: Deployment) -> None:
    """Only the malformed message of a batch returns to the queue."""
    result = re.compile(r"OK - [1-9]\d* records, 1 partial failures")
    last = with_malformed.until(
        with_malformed.last_batch, lambda text: bool(result.fullmatch(text)), 4 * VISIBILITY_SECONDS
    )

    assert result.fullmatch(last)
    assert (
        with_malformed.until(
            with_malformed.waiting, lambda count: count == 1, 4 * VISIBILITY_SECONDS
        )
        == 1
    )


def test_release_reaches_the_subscriber(with_malformed: Deployment) -> None:
    """Releases reach a queue in another account and region; a throttled region's arrive later.

    A throttled region does not delay the others. The schedule starts a round every minute here, so
    the later release may belong to this round or to the next.
    """
    with with_malformed.embedded.fault(service="ssm", region=IRELAND.region) as fault:
        new = with_malformed.publish("by-parameter", VIRGINIA, IRELAND)
        with_malformed.invoke("scheduler", {})
        at_once = [("us-east-1", "by-parameter", "release", new)]
        assert with_malformed.until(with_malformed.events, lambda events: events != []) == at_once
        throttled = ("ami-00000000000000001", "throttled")
        assert (
            with_malformed.until(
                lambda: with_malformed.known(IRELAND, "by-parameter"),
                lambda known: known == throttled,
            )
            == throttled
        )
        assert with_malformed.embedded.struck(fault)

    later = [*at_once, ("eu-west-1", "by-parameter", "release", new)]
    assert with_malformed.until(with_malformed.events, lambda events: len(events) > 1) == later


def test_announcement_has_body_and_attributes(with_malformed: Deployment) -> None:
    """Body and attributes arrive as specified, with raw message delivery."""
    received = with_malformed.received()[0]
    image_id = with_malformed.releases(VIRGINIA, "by-parameter")[-1].observed.image_id

    assert json.loads(received.body) == {
        "v1": {
            "Message": "A new version of the by-parameter has been released. "
            "You are now able to launch new EC2 instances from these AMIs.",
            "image": {"image_name": "by-parameter", "image_id": image_id},
            "region": "us-east-1",
        }
    }
    assert {
        "event_id": with_malformed.releases(VIRGINIA, "by-parameter")[-1].event_id,
        "kind": "release",
        "image_name": "by-parameter",
        "region": "us-east-1",
        "account_id": VIRGINIA.account_id,
        "previous_image_id": "ami-00000000000000001",
        "version": "2",
        "ami_name": "by-parameter-003",
    } == {name: text for name, text in received.attributes.items() if name != "detected_at"}


def test_queries_of_the_table_document_work(with_malformed: Deployment) -> None:
    """The commands list the current images, the releases of an image, and nothing pending."""
    current, releases, pending = (
        commands.replace("al2023-x86_64", "by-parameter")
        for commands in steps("Queries", "docs/table.md")
    )
    last = with_malformed.releases(VIRGINIA, "by-parameter")[-1]
    image_id = last.observed.image_id

    listed = with_malformed.shell.run(current).splitlines()
    assert f"{VIRGINIA.account_id}\tby-parameter\t{image_id}\tok" in listed
    newest = with_malformed.shell.run(releases).splitlines()[0]
    assert newest.split("\t")[:3] == [str(last.version), "release", image_id]
    assert with_malformed.shell.run(pending).strip() == ""


PUBLISH = {"publish": True}
PAGE, INDEX = "index.html", "feed/index.json"


@pytest.fixture(scope="module")
def published(with_malformed: Deployment) -> Deployment:
    """The deployment after a run of the publisher that had nothing to write except the page."""
    written = with_malformed.until(
        lambda: with_malformed.invoke("publisher", PUBLISH).get("written"), lambda count: count == 1
    )
    assert written == 1
    return with_malformed


def test_site_has_the_page_and_the_feed(published: Deployment) -> None:
    """The page shows the current images, and the feed has a file for each pair with an image."""
    site = published.site()
    last = published.releases(VIRGINIA, "by-parameter")[-1].observed.image_id
    files = {
        f"feed/{target.account_id}/{target.region}/{name}.json"
        for target in (VIRGINIA, IRELAND)
        for name in ("by-parameter", "by-filter")
    }

    assert files <= site.keys()
    assert {PAGE, INDEX, "feed/releases.atom"} <= site.keys()
    assert [name for name in IMAGE_NAMES if name not in site[PAGE]] == []
    assert last.removeprefix("ami-") in site[PAGE]
    entry = json.loads(site[INDEX])["images"]["by-parameter"][VIRGINIA.account_id]["us-east-1"]
    assert (entry["image_id"], entry["state"]) == (last, "ok")
    releases = json.loads(site[f"feed/{entry['file']}"])["releases"]
    assert len(releases) == len(published.releases(VIRGINIA, "by-parameter"))


def test_second_run_writes_only_the_page(published: Deployment) -> None:
    """Versions of an object show that it was written again."""
    versions = published.client("s3").list_object_versions(Bucket=BUCKET)["Versions"]
    written = Counter(each["Key"] for each in versions)
    answer = published.invoke("publisher", PUBLISH)
    versions = published.client("s3").list_object_versions(Bucket=BUCKET)["Versions"]
    new = Counter(each["Key"] for each in versions) - written

    assert (answer["written"], answer["deleted"]) == (1, 0)
    assert new == {PAGE: 1}


def test_objects_have_their_content_types(published: Deployment) -> None:
    """Browsers show the page; tools and caches read the headers."""
    s3 = published.client("s3")
    heads = [s3.head_object(Bucket=BUCKET, Key=key) for key in (PAGE, INDEX, "feed/releases.atom")]

    assert [head["ContentType"] for head in heads] == [
        "text/html; charset=utf-8",
        "application/json",
        "application/atom+xml; charset=utf-8",
    ]
    assert {head["CacheControl"] for head in heads} == {"no-cache"}


def test_commands_for_readers_of_the_site_work(published: Deployment) -> None:
    """The commands of INSTALL.md copy the page and the feed."""
    (read,) = steps("In a private bucket", "INSTALL.md")[1:]
    copy = read.replace("111122223333-us-east-1", f"{HUB}-{published.region}")
    signed = published.shell.run(copy).split()[-1]
    folder = published.shell.folder

    assert (folder / "report.html").read_text(encoding="utf-8") == published.site()[PAGE]
    assert json.loads((folder / "feed/index.json").read_text(encoding="utf-8"))["images"]
    assert f"/{BUCKET}/index.html?" in signed
    assert "Expires=" in signed


def test_rollback_is_announced(with_malformed: Deployment) -> None:
    """A return to an earlier image is announced as a rollback."""
    with_malformed.point("by-parameter", "ami-00000000000000001", IRELAND)
    with_malformed.invoke("scheduler", {})
    rollback = ("eu-west-1", "by-parameter", "rollback", "ami-00000000000000001")

    assert rollback in with_malformed.until(
        with_malformed.events, lambda events: rollback in events
    )


def test_lookup_needs_permission_to_assume_roles(with_malformed: Deployment) -> None:
    """A lookup without permission to assume the third account's roles finds no images there."""
    with with_malformed.without("lookup", "AssumeRolesElsewhere"):
        with_malformed.add_member(FRANKFURT)
        with_malformed.subscribe(FRANKFURT)
        with logs_access_denied(with_malformed, "lookup", FRANKFURT):
            with_malformed.invoke("scheduler", {})

    assert with_malformed.known(FRANKFURT, "by-filter") == (None, "access_denied")


def test_roles_that_are_deployed_later_are_used(with_malformed: Deployment) -> None:
    """A round finds the third account's images after its roles are deployed."""

    def after_a_round() -> tuple[str | None, str | None]:
        with_malformed.invoke("scheduler", {})
        return with_malformed.known(FRANKFURT, "by-filter")

    found = ("ami-00000000000000002", "ok")
    assert with_malformed.until(after_a_round, lambda known: known == found) == found


def test_aggregator_needs_permission_to_assume_roles(with_malformed: Deployment) -> None:
    """Releases stay pending while the aggregator may not assume the publish role."""
    with with_malformed.without("aggregator", "AssumeRolesElsewhere"):
        with logs_access_denied(with_malformed, "aggregator", FRANKFURT):
            new = with_malformed.publish("by-filter", FRANKFURT)
            with_malformed.invoke("scheduler", {})
        assert sweep(with_malformed) == 0
        assert with_malformed.pending() == 1

    # The aggregator caches an error of STS for half a second.
    assert (
        with_malformed.until(lambda: sweep(with_malformed), lambda announced: announced == 1) == 1
    )
    event = ("eu-central-1", "by-filter", "release", new)
    assert event in with_malformed.until(with_malformed.events, lambda events: event in events)


@pytest.mark.parametrize(
    ("function", "sid"),
    [
        ("scheduler", "ReconcileRows"),
        ("scheduler", "RequestLookups"),
        ("lookup", "CommitObservations"),
        ("aggregator", "FindPendingReleases"),
        ("publisher", "ReadRows"),
        ("publisher", "FindPendingReleases"),
        ("publisher", "ListFeed"),
        ("publisher", "WriteSite"),
        ("publisher", "ReadLastRun"),
    ],
)
def test_function_needs_each_permission(
    with_malformed: Deployment, function: str, sid: str
) -> None:
    """A function fails if its role lacks one statement, and succeeds with all statements."""
    round_id = with_malformed.last_round(VIRGINIA)["round"]
    record = {"messageId": "1", "body": request(VIRGINIA, "by-parameter", round_id)}
    events: Mapping[str, Mapping[str, object]] = {
        "scheduler": {},
        "lookup": {"Records": [record]},
        "aggregator": {"sweep": True},
        "publisher": PUBLISH,
    }

    assert "errorMessage" not in with_malformed.invoke(function, events[function])
    with with_malformed.without(function, sid):
        problem = with_malformed.invoke(function, events[function])["errorMessage"]
        assert re.search("not authorized|AccessDenied", problem)


def test_sweep_announces_releases_after_access_is_restored(with_malformed: Deployment) -> None:
    """A release that an account refused is announced by the first sweep that has access again."""
    with with_malformed.without("publish", "PublishReleases", MEMBER):
        with logs_access_denied(with_malformed, "aggregator", IRELAND):
            new = with_malformed.publish("by-filter", IRELAND)
            with_malformed.invoke("scheduler", {})
        assert sweep(with_malformed) == 0
        assert with_malformed.pending() == 1

    assert sweep(with_malformed) == 1
    event = ("eu-west-1", "by-filter", "release", new)
    assert event in with_malformed.until(with_malformed.events, lambda events: event in events)
    assert with_malformed.pending() == 0


def test_malformed_message_moves_to_the_dead_letter_queue(with_malformed: Deployment) -> None:
    """Only the malformed message moves to the dead-letter queue, after five deliveries."""
    dead_letters = with_malformed.until(
        with_malformed.dead_letters, lambda bodies: bodies != [], 10 * VISIBILITY_SECONDS
    )

    assert dead_letters == [MALFORMED]
    assert sum("message malformed" in line for line in with_malformed.log_lines("lookup")) == 5
    assert with_malformed.dead_letters("schedule-dead-letters") == []


def test_every_event_arrived_once(with_malformed: Deployment) -> None:
    """The subscriber received each release of the table exactly once."""
    releases = [
        (target.region, name, release.kind.value, release.observed.image_id)
        for target in TARGETS
        for name in ("by-parameter", "by-filter")
        for release in with_malformed.releases(target, name)
        if release.kind is not Kind.BASELINE
    ]

    assert sorted(with_malformed.events()) == sorted(releases)


# --- recovery, by the commands of infra/README.md

RESTORED = f"{PREFIX}-restored"
BY_PARAMETER = f"image#{IRELAND.account_id}#by-parameter"


def test_restored_table_replaces_the_old_one(with_malformed: Deployment) -> None:
    """History, versions and subscriptions continue with the restored table.

    ministack restores the current rows.
    """
    stop, restore, adopt, start, clean_up = steps("Restoring the table")
    history = with_malformed.releases(VIRGINIA, "by-parameter")
    events = with_malformed.events()
    with_malformed.shell.run(stop)
    assert with_malformed.shell.run(restore).strip() != ""
    with_malformed.configure("basic", **VARIABLES, table_name=RESTORED)
    plan = with_malformed.shell.run(adopt)
    replaced = re.findall(r"# (\S+) must be replaced", re.sub(r"\x1b\[[0-9;]*m", "", plan))
    assert set(replaced) == {"module.ami_tracker.aws_lambda_event_source_mapping.releases"}
    with_malformed.shell.run(start)
    with_malformed.table = RESTORED
    with_malformed.shell.run(clean_up)

    assert with_malformed.releases(VIRGINIA, "by-parameter") == history
    new = with_malformed.publish("by-parameter", VIRGINIA)
    with_malformed.invoke("scheduler", {})
    release = ("us-east-1", "by-parameter", "release", new)
    assert with_malformed.until(with_malformed.events, lambda now: len(now) > len(events)) == [
        *events,
        release,
    ]
    assert with_malformed.releases(VIRGINIA, "by-parameter")[-1].version == len(history) + 1


def test_outdated_row_is_found_and_corrected(with_malformed: Deployment) -> None:
    """The listing names an outdated row; once deleted, it is derived from its last release."""
    compare, delete = steps("Single rows")
    compare, delete = (c.replace(PREFIX, RESTORED) for c in (compare, delete))
    events = with_malformed.events()
    last = with_malformed.releases(IRELAND, "by-parameter")[-1]
    assert with_malformed.shell.run(compare) == ""
    with_malformed.client("dynamodb").update_item(
        TableName=RESTORED,
        Key={"region": {"S": IRELAND.region}, "record": {"S": BY_PARAMETER}},
        UpdateExpression="SET #version = :one",
        ExpressionAttributeNames={"#version": "version"},
        ExpressionAttributeValues={":one": {"N": "1"}},
    )

    listed = with_malformed.shell.run(compare)
    assert f"{IRELAND.region} {BY_PARAMETER} row: 1" in listed
    assert f"last release: {last.version} {last.observed.image_id}" in listed
    assert len(listed.splitlines()) == 1
    with_malformed.shell.run(delete)
    with_malformed.invoke("scheduler", {})
    corrected = (last.observed.image_id, "ok")
    assert (
        with_malformed.until(
            lambda: with_malformed.known(IRELAND, "by-parameter"), lambda known: known == corrected
        )
        == corrected
    )
    assert (
        with_malformed.until(lambda: with_malformed.shell.run(compare), lambda text: text == "")
        == ""
    )
    assert with_malformed.events() == events


def test_standby_hub_takes_over_and_is_removed_again(with_malformed: Deployment) -> None:
    """A hub in another region uses the members' roles, topics and subscriptions.

    The old hub has no access meanwhile, and works again when the standby hub is removed.
    """
    delete_roles, copy, deploy, go_back = steps("The hub's region is gone")
    events = with_malformed.events()
    with_malformed.shell.run(delete_roles)
    with_malformed.shell.run(copy)
    settings = {**VARIABLES, "region": STANDBY_REGION, "create_access_policies": False}
    with_malformed.configure("standby", **settings)
    with_malformed.shell.run(deploy)
    assert "not authorized" in with_malformed.invoke("scheduler", {})["errorMessage"]

    old = (with_malformed.table, with_malformed.region)
    with_malformed.table, with_malformed.region = PREFIX, STANDBY_REGION
    with_malformed.invoke("scheduler", {})
    baseline = with_malformed.until(
        lambda: with_malformed.known(IRELAND, "by-parameter"), lambda known: known[1] == "ok"
    )
    assert baseline[1] == "ok"
    new = with_malformed.publish("by-parameter", IRELAND)
    with_malformed.invoke("scheduler", {})
    release = ("eu-west-1", "by-parameter", "release", new)
    assert with_malformed.until(with_malformed.events, lambda now: len(now) > len(events)) == [
        *events,
        release,
    ]
    assert with_malformed.releases(IRELAND, "by-parameter")[-1].version == 2

    with_malformed.table, with_malformed.region = old
    with_malformed.shell.run(go_back)
    with_malformed.invoke("scheduler", {})
    once_more = [*events, release, release]
    assert (
        with_malformed.until(with_malformed.events, lambda now: len(now) > len(events) + 1)
        == once_more
    )


# --- destroy


def test_destroy_leaves_nothing(deployment: Deployment, before: Inventory) -> None:
    """After a destroy, the hub account has the same resources as before, of every kind."""
    during = inventory(deployment.aws)
    deployment.destroy()

    assert inventory(deployment.aws) == before
    assert [kind for kind in before if during[kind] <= before[kind]] == []
    assert during["functions"] == {f"{PREFIX}-{function}" for function in FUNCTIONS}
