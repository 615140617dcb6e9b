"""Repeated deliveries, rounds and stream records cause no repeated announcements."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from support.labs.laboratory import Lab, events_in

from services.embedded.tracker.subscriptions import Received


def _changed(lab: Lab) -> set[tuple[str, str, str, str]]:
    """Deploy, run the baseline, publish two changes and return the expected events."""
    lab.deploy(lab.image("a"), lab.image("still"), lab.filtered("b"))
    for name in ("a", "still", "b"):
        lab.publish(name)
    lab.round()
    new = {name: lab.publish(name) for name in ("a", "b")}
    return {(t.region, name, "release", new[name]) for t in lab.targets for name in new}


def _copies(received: Sequence[Received]) -> dict[str, set[tuple[str, str]]]:
    copies = defaultdict(set)
    for each in received:
        attributes = json.dumps(dict(each.attributes), sort_keys=True)
        copies[each.attributes["event_id"]].add((each.body, attributes))
    return copies


def test_every_message_delivered_twice(lab: Lab) -> None:
    """A queue that delivers every message twice causes each announcement once."""
    wanted = _changed(lab)

    lab.pipeline.schedule(lab.next_round())
    bodies = lab.queued()
    lab.enqueue(*bodies, *bodies)
    lab.pipeline.queue.drain_visible()
    lab.pipeline.stream.drain()
    received = lab.arrivals()

    assert events_in(received) == wanted
    assert len(received) == len(wanted)


def test_messages_delivered_again_later(lab: Lab) -> None:
    """Messages of an old round that are redelivered after a newer round change nothing."""
    wanted = _changed(lab)
    lab.pipeline.schedule(lab.next_round())
    late = lab.queued()
    assert events_in(lab.round()) == wanted
    before = lab.rows()

    lab.enqueue(*late)
    lab.pipeline.queue.drain_visible()
    lab.pipeline.stream.drain()

    assert lab.arrivals() == []
    assert lab.rows() == before


def test_a_round_run_twice_at_once(lab: Lab) -> None:
    """Two schedulers and two lookup workers at the same time announce every change once."""
    wanted = _changed(lab)
    round_id = lab.next_round()

    with lab.pipeline.in_function_environment(), ThreadPoolExecutor(2) as pool:
        list(pool.map(lab.pipeline.schedule, [round_id, round_id]))
        workers = [pool.submit(lab.pipeline.poller().drain_visible) for _ in range(2)]
        for worker in workers:
            worker.result()
    lab.pipeline.stream.drain()
    received = lab.arrivals()

    assert events_in(received) == wanted
    assert len(received) == len(wanted)
    for target in lab.targets:
        assert [r.version for r in lab.releases(target, "a")] == [1, 2]


def test_the_stream_replayed_from_the_start(lab: Lab) -> None:
    """A stream that is read again from its start announces nothing again."""
    wanted = _changed(lab)
    assert events_in(lab.round()) == wanted

    lab.pipeline.stream.rewind()
    deliveries = lab.pipeline.stream.drain()

    assert any(delivery.sent for delivery in deliveries)
    assert lab.arrivals() == []


def test_a_repeated_or_late_schedule_event(lab: Lab) -> None:
    """The same round again or an older round sends its messages and changes no counters."""
    lab.deploy(lab.image("a"))
    lab.publish("a")
    first, second = lab.next_round(), lab.next_round()
    lab.pipeline.round(second)

    for round_id in (second, first):
        lab.pipeline.round(round_id)

    for target in lab.targets:
        row = lab.pipeline.rows(target.region, "round#")[0]
        assert row["round"] == second
    assert lab.arrivals() == []


def test_copies_of_an_event_are_identical(lab: Lab) -> None:
    """The sweep sends events whose marks were lost again, byte for byte the same."""
    wanted = _changed(lab)
    lab.look_up()
    with lab.aws.fault(service="dynamodb", operation="UpdateItem", code="AccessDeniedException"):
        lab.pipeline.stream.drain()
    lab.pipeline.sweep()
    lab.pipeline.sweep()

    copies = _copies(lab.arrivals())

    assert events_in(lab.received) == wanted
    assert len(lab.received) == 2 * len(wanted)
    assert all(len(variants) == 1 for variants in copies.values())
