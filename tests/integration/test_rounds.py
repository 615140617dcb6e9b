"""Rounds end to end: the number of messages and calls, and no event without a change."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from support.labs.laboratory import FRANKFURT, IRELAND, VIRGINIA, Lab, events_in

from services.kernel.model import Kind, Target
from services.kernel.round_records import decode_window


def test_one_message_per_active_pair(lab: Lab) -> None:
    """A round enqueues exactly one message for every active pair."""
    lab.deploy(lab.image("a"), lab.image("b"), lab.image("c", regions=frozenset({"eu-west-1"})))

    answer = lab.pipeline.schedule(lab.next_round())
    bodies = [json.loads(body) for body in lab.queued()]

    pairs = Counter((b["region"], b["account_id"], b["image_name"]) for b in bodies)
    wanted = [(t.region, t.account_id, name) for t in lab.targets for name in ("a", "b")]
    assert pairs == Counter([*wanted, ("eu-west-1", IRELAND.account_id, "c")])
    assert answer["enqueued"] == len(bodies)


def test_the_first_round_commits_a_baseline_without_events(lab: Lab) -> None:
    """The first round commits version 1 of every pair and announces nothing."""
    lab.deploy(lab.image("a"), lab.filtered("b"))
    new = {name: lab.publish(name) for name in ("a", "b")}

    assert lab.round() == []
    for target in lab.targets:
        for name, image_id in new.items():
            history = lab.releases(target, name)
            assert [(r.version, r.kind, r.observed.image_id) for r in history] == [
                (1, Kind.BASELINE, image_id)
            ]


def test_a_release_is_announced_in_the_regions_that_have_it(lab: Lab) -> None:
    """A new image is announced once in each region that has it, and in no other."""
    lab.deploy(lab.image("a"), lab.filtered("b"))
    lab.publish("a")
    lab.publish("b")
    lab.round()
    new = lab.publish("a", VIRGINIA, FRANKFURT)
    other = lab.publish("b", IRELAND)

    received = lab.round()

    assert events_in(received) == {
        ("us-east-1", "a", "release", new),
        ("eu-central-1", "a", "release", new),
        ("eu-west-1", "b", "release", other),
    }
    assert len(received) == 3


@pytest.mark.parametrize("count", [1, 10, 11, 23])
def test_a_round_without_changes_makes_a_fixed_number_of_calls(lab: Lab, count: int) -> None:
    """A round without changes writes no image or release row and makes a fixed number of calls."""
    names = [f"image-{number:02d}" for number in range(count)]
    lab.deploy(*(lab.image(name) for name in names), targets=[VIRGINIA, FRANKFURT])
    for name in names:
        lab.publish(name, VIRGINIA, FRANKFURT)
    lab.round()
    before = lab.rows()
    mark = lab.aws.mark()

    received = lab.round()

    calls = Counter((c.service, c.operation, c.region) for c in lab.aws.calls(mark))
    assert received == []
    assert lab.rows() == before
    for target in (VIRGINIA, FRANKFURT):
        assert calls["ssm", "GetParameters", target.region] == -(-count // 10)
        assert calls["ec2", "DescribeImages", target.region] == 1
    hub = {key[:2]: n for key, n in calls.items() if key[0] == "dynamodb"}
    assert hub == {
        ("dynamodb", "GetItem"): 1,  # the note of the previous round
        ("dynamodb", "Query"): 2,  # the image rows of each region
        ("dynamodb", "BatchGetItem"): 1 + 2,  # the round rows, and the pairs of each target
        # the note; the round row of each target, by the scheduler and by the lookup
        ("dynamodb", "UpdateItem"): 3 + 2 + 2,
    }
    assert calls["sqs", "SendMessageBatch", "us-east-1"] == 2 * -(-count // 10)
    assert sum(n for key, n in calls.items() if key[0] == "sts") == 0


def test_a_round_without_changes_makes_one_call_for_similar_filter_lookups(lab: Lab) -> None:
    """Lookups that differ in their names only share one paged call, and write nothing."""
    lab.deploy(lab.filtered("a"), lab.filtered("b"))
    lab.publish("a")
    lab.publish("b")
    lab.round()
    before = lab.rows()
    mark = lab.aws.mark()

    assert lab.round() == []
    assert len(lab.calls(mark, "ec2", "DescribeImages")) == len(lab.targets)
    assert lab.rows() == before


def test_a_round_row_lists_the_answered_pairs(lab: Lab) -> None:
    """A pair with a failure counts as answered; a pair whose message is redelivered does not."""
    lab.deploy(lab.image("here"), lab.image("missing"))
    lab.publish("here")
    lab.round()
    lab.round()

    for target in lab.targets:
        window = decode_window(lab.pipeline.rows(target.region, "round#")[0])
        assert {pair.number for pair in lab.pairs(target)} == window.answered
        assert window.missed | window.stale == set()


def test_a_pair_that_is_never_answered_is_stale(lab: Lab) -> None:
    """A pair without an answer for two windows is marked as stale in its row."""
    lab.deploy(lab.image("a"), targets=[VIRGINIA])
    lab.publish("a", VIRGINIA)
    lab.round()
    for _ in range(2):  # every message of these rounds is lost
        lab.pipeline.schedule(lab.next_round())
        lab.queued()
    assert lab.pair(VIRGINIA, "a").state == "ok"
    lab.pipeline.schedule(lab.next_round())
    assert lab.pair(VIRGINIA, "a").state == "stale"

    lab.pipeline.queue.drain_visible()

    assert lab.pair(VIRGINIA, "a").state == "ok"
    window = decode_window(lab.pipeline.rows("us-east-1", "round#")[0])
    assert window.unanswered() == set()


def test_only_the_regions_of_the_event_take_part(lab: Lab) -> None:
    """A partial round enqueues only the regions of its event."""
    lab.deploy(lab.image("a"))
    lab.pipeline.schedule(lab.next_round())
    lab.queued()

    lab.pipeline.schedule(lab.next_round(), regions=["eu-west-1"])

    assert [json.loads(body)["region"] for body in lab.queued()] == ["eu-west-1"]


def test_a_json_parameter_names_its_image(lab: Lab) -> None:
    """A JSON parameter is read at `image_id`, and a change elsewhere in its text is no release."""
    lab.deploy(lab.image("a"))
    image_id = lab.publish("a")
    lab.point("a", json.dumps({"image_id": image_id, "schema_version": "1"}))
    lab.round()
    lab.point("a", json.dumps({"image_id": image_id, "schema_version": "2"}))

    assert lab.round() == []
    assert lab.pair(IRELAND, "a").version == 1


def test_a_rolled_back_parameter_is_a_rollback(lab: Lab) -> None:
    """A parameter that is set back to an earlier image id is announced as a rollback."""
    lab.deploy(lab.image("a"))
    old = lab.publish("a")
    lab.round()
    lab.publish("a")
    lab.round()
    lab.point("a", old, IRELAND)

    received = lab.round()

    assert events_in(received) == {("eu-west-1", "a", "rollback", old)}
    assert "rolled back" in json.loads(received[0].body)["v1"]["Message"]
    assert [r.version for r in lab.releases(IRELAND, "a")] == [1, 2, 3]


def test_an_image_that_cannot_be_seen_waits(lab: Lab) -> None:
    """A parameter whose image is not visible yet gets a state; the event follows with the image."""
    lab.deploy(lab.image("a"))
    good = lab.publish("a")
    lab.round()
    hidden = "ami-00000000000000bad"
    lab.point("a", hidden, IRELAND)

    assert lab.round() == []
    pair = lab.pair(IRELAND, "a")
    assert pair.known is not None
    assert ("not_launchable", good, 1) == (pair.state, pair.known.image_id, pair.version)

    lab.aws.publishers.register_image(*_where(IRELAND), "a-hidden", image_id=hidden)

    assert events_in(lab.round()) == {("eu-west-1", "a", "release", hidden)}
    assert lab.pair(IRELAND, "a").state == "ok"


def _where(target: Target) -> tuple[str, str]:
    return target.account_id, target.region


def test_metrics_have_the_namespace_of_the_deployment(lab: Lab) -> None:
    """Two deployments in one account and region use different metric namespaces."""
    lab.pipeline.environment["METRICS_NAMESPACE"] = "AmiTracker/second"
    lab.deploy(lab.image("al2023"))
    for _ in range(2):
        lab.publish("al2023")
        lab.round()

    lines = [json.loads(line) for line in lab.pipeline.log.getvalue().splitlines()]
    metrics = [line for line in lines if "_aws" in line]
    namespaces = {(m["service"], m["_aws"]["CloudWatchMetrics"][0]["Namespace"]) for m in metrics}
    assert namespaces == {(s, "AmiTracker/second") for s in ("scheduler", "lookup", "aggregator")}


def test_each_line_names_invocation_and_round(lab: Lab) -> None:
    """The lines of a failed pair and of a failed topic have the request id and the round."""
    lab.deploy(lab.image("a"), lab.image("b"))
    lab.publish("a")
    lab.round()
    lab.publish("a")
    with lab.aws.fault(service="sns", code="AuthorizationError", status=403):
        lab.round()

    lines = [json.loads(line) for line in lab.pipeline.log.getvalue().splitlines()]
    logged = [line for line in lines if "_aws" not in line]
    assert {"lookup failed", "image never found", "release not accepted"} == {
        each["message"] for each in logged
    }
    assert all(re.fullmatch("[0-9a-f-]{36}", line["function_request_id"]) for line in logged)
    rounds = {(line["service"], line["round"]) for line in logged}
    assert rounds == {
        ("lookup", "2026-11-22T01:00:00Z"),
        ("scheduler", "2026-11-22T02:00:00Z"),
        ("aggregator", "2026-11-22T02:00:00Z"),
    }
