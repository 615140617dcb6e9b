"""A failure in one target does not affect the lookups and events of other targets."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.labs.laboratory import (
    FRANKFURT,
    IRELAND,
    OREGON,
    TOKYO,
    VIRGINIA,
    Lab,
    build_lab,
    events_in,
)

from services.embedded.aws.faults import Fault
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import PUBLISH_ROLE, READ_ROLE, create_roles
from services.kernel.model import Target
from services.kernel.release_records import decode_release_row

DENIED, TOPICLESS, THROTTLED = FRANKFURT, OREGON, TOKYO
HEALTHY = (VIRGINIA, IRELAND)


@pytest.fixture
def wide(aws: EmbeddedAws, tmp_path: Path) -> Lab:
    """Build five targets after their baseline, with a new image in each."""
    targets = (*HEALTHY, DENIED, TOPICLESS, THROTTLED)
    lab = build_lab(aws, tmp_path, *targets, visibility_seconds=60)
    lab.deploy(lab.image("a"), lab.filtered("b"))
    lab.publish("a")
    lab.publish("b")
    lab.round()
    return lab


def _break(lab: Lab) -> None:
    lab.start_cold()
    lab.aws.client("iam", "us-east-1", DENIED.account_id).delete_role(RoleName=READ_ROLE)
    topics = lab.aws.client("sns", TOPICLESS.region, TOPICLESS.account_id)
    for topic in topics.list_topics()["Topics"]:
        topics.delete_topic(TopicArn=topic["TopicArn"])
    for service, code in (("ssm", "ThrottlingException"), ("ec2", "RequestLimitExceeded")):
        lab.aws.add_fault(Fault(service=service, region=THROTTLED.region, code=code))


def _last_good(lab: Lab, target: Target, name: str) -> str:
    known = lab.pair(target, name).known
    assert known is not None
    return known.image_id


def test_a_denied_role_a_lost_topic_and_throttling_at_once(wide: Lab) -> None:
    """Healthy targets are announced in the same round; failing ones keep their last known image."""
    before = {t: _last_good(wide, t, "a") for t in wide.targets}
    new = {name: wide.publish(name) for name in ("a", "b")}
    _break(wide)

    received = wide.round()

    assert events_in(received) == {(t.region, n, "release", new[n]) for t in HEALTHY for n in new}
    assert len(received) == 4
    for target, state in ((DENIED, "access_denied"), (THROTTLED, "throttled")):
        for name in new:
            pair = wide.pair(target, name)
            assert (pair.state, pair.version) == (state, 1)
        assert _last_good(wide, target, "a") == before[target]
    assert wide.pair(TOPICLESS, "a").state == "ok"
    assert [r.version for r in wide.releases(TOPICLESS, "a")] == [1, 2]


def test_failed_events_arrive_once_after_the_repair(wide: Lab) -> None:
    """After the role, the topic and the capacity are restored, every event arrives once."""
    new = {name: wide.publish(name) for name in ("a", "b")}
    _break(wide)
    wide.round()

    wide.aws.heal()
    wide.aws.client("iam", "us-east-1", DENIED.account_id).delete_role(
        RoleName="ami-tracker-publish"
    )
    create_roles(wide.aws, DENIED.account_id)
    wide.recreate_topic(TOPICLESS)
    wide.start_cold()
    wide.round()
    wide.pipeline.sweep()
    wide.arrivals()

    assert events_in(wide.received) == {
        (t.region, n, "release", new[n]) for t in wide.targets for n in new
    }
    assert len(wide.received) == 2 * len(wide.targets)
    assert {p.state for t in wide.targets for p in wide.pairs(t)} == {"ok"}


def test_only_throttled_messages_are_redelivered(wide: Lab) -> None:
    """A permanent denial is acknowledged; only a temporary failure is delivered again."""
    _break(wide)

    wide.pipeline.schedule(wide.next_round())
    deliveries = wide.pipeline.queue.drain_visible()

    assert sum(len(delivery.failed) for delivery in deliveries) == 2
    assert sum(len(delivery.sent) for delivery in deliveries) == 2 * len(wide.targets)


def test_a_missing_topic_is_not_reported_to_the_stream(wide: Lab) -> None:
    """A missing topic leaves its releases pending and causes no retry of the stream batch."""
    wide.publish("a")
    _break(wide)

    wide.pipeline.schedule(wide.next_round())
    wide.pipeline.queue.drain_visible()
    deliveries = wide.pipeline.stream.drain()

    assert [delivery.failed for delivery in deliveries] == [()] * len(deliveries)
    assert wide.pipeline.sweep()["pending"] == 1
    (row,) = [row for row in wide.rows() if "pending" in row]
    problem = decode_release_row(row).last_problem
    assert problem is not None
    assert problem.code == "NotFound"


def test_the_rows_have_the_failure_of_the_publish_role(wide: Lab) -> None:
    """It is written once, wakes no function, and stays after the repair."""
    iam = wide.aws.client("iam", "us-east-1", DENIED.account_id)
    wide.publish("a")
    wide.start_cold()
    iam.delete_role(RoleName=PUBLISH_ROLE)
    wide.round()
    before = wide.rows()
    mark = wide.aws.mark()
    wide.pipeline.stream.drain()
    assert wide.pipeline.sweep()["pending"] == 1
    assert wide.rows() == before
    assert not wide.calls(mark, "dynamodb", "UpdateItem")
    (row,) = [row for row in before if "pending" in row]
    problem = decode_release_row(row).last_problem
    assert problem is not None
    assert problem.code == "AccessDenied"
    assert "AssumeRole" in problem.detail

    iam.delete_role(RoleName=READ_ROLE)
    create_roles(wide.aws, DENIED.account_id)
    wide.start_cold()
    assert wide.pipeline.sweep()["pending"] == 0
    kept = [row for row in wide.rows() if "last_problem" in row]
    assert [decode_release_row(each).last_problem for each in kept] == [problem]
    assert "published_at" in kept[0]


def test_a_malformed_message_does_not_affect_others(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A malformed message moves to the dead-letter queue; the other messages are processed."""
    lab = build_lab(aws, tmp_path, *HEALTHY, visibility_seconds=1)
    lab.deploy(lab.image("a"))
    lab.publish("a")
    lab.round()
    new = lab.publish("a")
    lab.enqueue("not a request")
    lab.pipeline.schedule(lab.next_round())

    deliveries = lab.pipeline.queue.drain()
    lab.pipeline.stream.drain()

    assert events_in(lab.arrivals()) == {(t.region, "a", "release", new) for t in HEALTHY}
    assert sum(len(delivery.failed) for delivery in deliveries) == 5
    assert lab.dead_letters() == ["not a request"]


@pytest.mark.parametrize("target", [IRELAND, FRANKFURT])
def test_every_call_goes_to_the_account_and_region_of_the_request(
    wide: Lab, target: Target
) -> None:
    """Calls to a region use the credentials of the account whose target the region is."""
    mark = wide.aws.mark()
    wide.publish("a", target)

    wide.round()

    outside = [c for c in wide.aws.calls(mark) if c.service in {"ssm", "ec2", "sns"}]
    homes = {t.region: t.account_id for t in wide.targets}
    assert {c.region for c in outside} == set(homes)
    assert {(c.region, c.account_id) for c in outside} == set(homes.items())
