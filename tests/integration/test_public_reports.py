"""Situations that users of other trackers and of AWS tools reported, in the whole service."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from support.labs.laboratory import FRANKFURT, IRELAND, PUBLISHER, VIRGINIA, Lab

from services.embedded.aws.faults import Fault
from services.embedded.tracker.subscriptions import Received
from services.kernel.model import Filter, FilterLookup, Image, State, Target

EXPIRED = "Signature expired: 20261128T071000Z is now earlier than 20261128T071501Z"


def kinds(received: Sequence[Received]) -> list[tuple[str, str]]:
    """Return region and kind of each event."""
    return [(each.region, each.attributes["kind"]) for each in received]


def register(
    lab: Lab,
    name: str,
    month: int,
    *,
    image_id: str | None = None,
    state: str = "available",
    deprecation_time: datetime | None = None,
) -> str:
    """Publish an image in Virginia, created on the first day of a month, without a parameter."""
    return lab.aws.publishers.register_image(
        VIRGINIA.account_id,
        VIRGINIA.region,
        name,
        datetime(2026, month, 1, tzinfo=UTC),
        owner_id=PUBLISHER,
        image_id=image_id,
        state=state,
        deprecation_time=deprecation_time,
    )


def reject_once(lab: Lab, service: str, operation: str) -> None:
    """Make a JSON-protocol service reject the signature of one request."""
    code = "InvalidSignatureException"
    lab.aws.add_fault(
        Fault(service=service, operation=operation, code=code, message=EXPIRED, times=1)
    )


def known(lab: Lab, name: str, target: Target = VIRGINIA) -> str | None:
    """Return the image id that the table has for an image."""
    found = lab.pair(target, name).known
    return found.image_id if found else None


# --- filter lookups


def test_an_image_that_becomes_deprecated_stays_current(lab: Lab) -> None:
    """A deprecated image stays current if the only other image is older and not deprecated."""
    lab.deploy(lab.filtered("golden"), targets=[VIRGINIA])
    older, current = register(lab, "golden-1", 1), register(lab, "golden-2", 8)
    lab.round()
    past = datetime(2026, 11, 1, tzinfo=UTC)
    register(lab, "golden-2", 8, image_id=current, deprecation_time=past)
    assert lab.round() == []
    assert known(lab, "golden") == current != older
    assert lab.pair(VIRGINIA, "golden").state == State.OK


def test_the_deprecation_time_of_the_current_image_is_kept(lab: Lab) -> None:
    """It is written in the round in which it changes; no event and no new version follow."""
    lab.deploy(lab.filtered("golden"), targets=[VIRGINIA])
    current = register(lab, "golden-1", 1)
    lab.round()
    moments = [datetime(2028, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), None]
    writes = []
    for moment in moments:
        register(lab, "golden-1", 1, image_id=current, deprecation_time=moment)
        for _ in range(2):
            mark = lab.aws.mark()
            assert lab.round() == []
            writes.append(len(lab.calls(mark, "dynamodb", "UpdateItem")))
        pair = lab.pair(VIRGINIA, "golden")
        assert (pair.known.deprecation_time if pair.known else None) == moment
        assert (pair.version, pair.state) == (1, State.OK)
    steady = writes[1]
    assert writes == [steady + 1, steady] * len(moments)


@pytest.mark.parametrize("states", [None, ("available", "pending"), ("*",)])
def test_a_pending_image_is_announced_once_it_is_available(
    lab: Lab, states: tuple[str, ...] | None
) -> None:
    """The event is sent when instances can be launched, whatever states the filters request."""
    configured = (Filter("state", states),) if states else ()
    lookup = FilterLookup((Filter("name", ("x-*",)), *configured), owners=(PUBLISHER,))
    lab.deploy(Image("x", lookup), targets=[VIRGINIA])
    register(lab, "x-1", 1)
    lab.round()
    pending = register(lab, "x-2", 2, state="pending")
    assert lab.round() == []
    lab.aws.publishers.set_image_state(VIRGINIA.account_id, VIRGINIA.region, pending, "available")
    assert kinds(lab.round()) == [("us-east-1", "release")]


def test_a_withdrawn_image_of_a_filter_lookup_is_a_rollback(lab: Lab) -> None:
    """The older image is announced as a rollback; if it is withdrawn too, no event follows."""
    lab.deploy(lab.filtered("b"), targets=[VIRGINIA])
    first, second = register(lab, "b-1", 1), register(lab, "b-2", 2)
    lab.round()
    lab.aws.publishers.deregister_image(VIRGINIA.account_id, VIRGINIA.region, second)
    assert kinds(lab.round()) == [("us-east-1", "rollback")]
    lab.aws.publishers.deregister_image(VIRGINIA.account_id, VIRGINIA.region, first)
    assert lab.round() == []
    assert (known(lab, "b"), lab.pair(VIRGINIA, "b").state) == (first, State.NOT_FOUND)


def test_an_owner_without_images_in_the_region_is_a_state(lab: Lab) -> None:
    """An owner without images in the region is visible as a state and announces nothing."""
    lookup = FilterLookup((Filter("name", ("RHEL-9*",)),), owners=("309956199498",))
    lab.deploy(Image("rhel", lookup), targets=[VIRGINIA])
    assert lab.round() == []
    assert lab.pair(VIRGINIA, "rhel").state == State.NOT_FOUND


# --- parameters


def test_a_withdrawn_image_behind_a_parameter_is_a_state(lab: Lab) -> None:
    """An image that was made private or deregistered gets a state and no event; its id stays."""
    lab.deploy(lab.image("a"), targets=[VIRGINIA])
    image = lab.publish("a", VIRGINIA)
    lab.round()
    lab.aws.publishers.remove_image(VIRGINIA.account_id, VIRGINIA.region, image)
    assert [lab.round() for _ in range(2)] == [[], []]
    pair = lab.pair(VIRGINIA, "a")
    assert (pair.state, pair.code) == (State.NOT_LAUNCHABLE, "Withdrawn")
    assert (known(lab, "a"), pair.version) == (image, 1)
    register(lab, "a-again", 1, image_id=image)
    assert lab.round() == []
    assert lab.pair(VIRGINIA, "a").state == State.OK


def test_a_return_to_the_newer_image_after_a_rollback_is_a_release(lab: Lab) -> None:
    """After a rollback, a return of the parameter to the newer image is announced as a release."""
    lab.deploy(lab.image("a"), targets=[VIRGINIA])
    old = lab.publish("a", VIRGINIA)
    lab.round()
    new = lab.publish("a", VIRGINIA)
    events = [lab.round()]
    for image in (old, new, old):
        lab.point("a", image, VIRGINIA)
        events.append(lab.round())
    expected = ["release", "rollback", "release", "rollback"]
    assert [kinds(each) for each in events] == [[("us-east-1", kind)] for kind in expected]
    assert "rolled back" not in json.loads(events[2][0].body)["v1"]["Message"]


def test_a_region_announces_an_image_when_it_becomes_visible(lab: Lab) -> None:
    """An image is announced once, when it becomes visible in the region, and only there."""
    lab.deploy(lab.image("a"))
    lab.publish("a")
    assert lab.round() == []
    lab.publish("a", VIRGINIA)
    assert kinds(lab.round()) == [("us-east-1", "release")]
    lab.publish("a", IRELAND)
    assert kinds(lab.round()) == [("eu-west-1", "release")]
    lab.point("a", "ami-0fedcba9876543210", FRANKFURT)
    assert lab.round() == []
    assert lab.pair(FRANKFURT, "a").state == State.NOT_LAUNCHABLE


def test_a_parameter_that_returns_unchanged_announces_nothing(lab: Lab) -> None:
    """While a parameter is missing, the last known image stays; no event follows its return."""
    lab.deploy(lab.image("a"), targets=[VIRGINIA])
    image = lab.publish("a", VIRGINIA)
    lab.round()
    lab.aws.publishers.delete_parameter(VIRGINIA.account_id, VIRGINIA.region, "/images/a")
    assert lab.round() == []
    assert (known(lab, "a"), lab.pair(VIRGINIA, "a").state) == (image, State.NOT_FOUND)
    lab.point("a", image, VIRGINIA)
    assert lab.round() == []
    assert lab.pair(VIRGINIA, "a").state == State.OK


# --- temporary faults


def test_a_signature_that_ssm_rejects_once_delays_no_release(lab: Lab) -> None:
    """The release is announced in the round that finds it."""
    lab.deploy(lab.image("a"), targets=[VIRGINIA])
    lab.publish("a", VIRGINIA)
    lab.round()
    lab.publish("a", VIRGINIA)
    reject_once(lab, "ssm", "GetParameters")
    assert kinds(lab.round()) == [("us-east-1", "release")]


def test_a_signature_that_dynamodb_rejects_once_causes_a_redelivery(lab: Lab) -> None:
    """The messages are redelivered, and the table is not reported as unusable."""
    lab.deploy(lab.image("a"), targets=[VIRGINIA])
    lab.publish("a", VIRGINIA)
    lab.round()
    lab.publish("a", VIRGINIA)
    lab.pipeline.schedule(lab.next_round())
    reject_once(lab, "dynamodb", "BatchGetItem")  # of the lookup
    first = lab.pipeline.queue.poll()
    assert first
    assert (first.problem, first.succeeded) == (None, ())
    time.sleep(2.1)  # the visibility timeout of the lab's queue
    lab.pipeline.queue.drain_visible()
    lab.pipeline.stream.drain()
    assert kinds(lab.arrivals()) == [("us-east-1", "release")]


def test_repeated_deliveries_and_schedules_cause_one_event(lab: Lab) -> None:
    """A change is announced once if SQS redelivers in another order and EventBridge fires twice."""
    lab.deploy(lab.image("a"), targets=[VIRGINIA])
    lab.publish("a", VIRGINIA)
    lab.round()
    lab.pipeline.schedule(lab.next_round())
    bodies = lab.queued()
    lab.publish("a", VIRGINIA)
    lab.enqueue(*bodies, *bodies, *reversed(bodies))
    lab.pipeline.queue.drain_visible()
    twice = lab.next_round()
    lab.pipeline.schedule(twice)
    lab.pipeline.schedule(twice)
    lab.pipeline.queue.drain_visible()
    lab.pipeline.stream.drain()
    assert kinds(lab.arrivals()) == [("us-east-1", "release")]
    assert [release.version for release in lab.releases(VIRGINIA, "a")] == [1, 2]
    assert lab.dead_letters() == []


def test_an_event_whose_stream_record_is_lost_is_swept(lab: Lab) -> None:
    """The sweep announces an event whose stream record is lost, once."""
    lab.deploy(lab.image("a"), targets=[VIRGINIA])
    lab.publish("a", VIRGINIA)
    lab.round()
    new = lab.publish("a", VIRGINIA)
    lab.look_up()
    lab.pipeline.sweep()
    images = [json.loads(each.body)["v1"]["image"]["image_id"] for each in lab.arrivals()]
    assert images == [new]
