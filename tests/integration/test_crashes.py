"""Crashes of the functions: every committed release still arrives, with the same event id."""

from __future__ import annotations

import pytest
from support.labs.laboratory import Lab, events_in

from services.aggregator.outbox import Outbox
from services.aggregator.topics import Topics
from services.kernel.keys import RELEASE_PREFIX
from services.lookup.observations import Observations


class Crash(BaseException):
    """The end of a process, which no error handler may catch."""


def _crash(*_: object, **__: object) -> None:
    raise Crash


def _about_to_change(lab: Lab) -> set[tuple[str, str, str, str]]:
    lab.deploy(lab.image("a"), lab.filtered("b"))
    lab.publish("a")
    lab.publish("b")
    lab.round()
    new = {name: lab.publish(name) for name in ("a", "b")}
    return {(t.region, name, "release", new[name]) for t in lab.targets for name in new}


def _event_ids(lab: Lab) -> set[str]:
    rows = [r for t in lab.targets for r in lab.pipeline.rows(t.region, RELEASE_PREFIX)]
    return {row["event_id"] for row in rows if row["kind"] == "release"}


def _pending(lab: Lab) -> int:
    rows = [r for t in lab.targets for r in lab.pipeline.rows(t.region, RELEASE_PREFIX)]
    return sum("pending" in row for row in rows)


def test_a_crash_between_commit_and_publish(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that is committed but not published before a crash arrives with the next sweep."""
    wanted = _about_to_change(lab)
    lab.look_up()
    with monkeypatch.context() as patch:
        patch.setattr(Topics, "publish", _crash)
        with pytest.raises(Crash):
            lab.pipeline.stream.drain()
    assert lab.arrivals() == []
    assert _pending(lab) == len(wanted)

    lab.pipeline.sweep()

    assert events_in(lab.arrivals()) == wanted
    assert {r.attributes["event_id"] for r in lab.received} == _event_ids(lab)
    assert len(lab.received) == len(wanted)
    assert _pending(lab) == 0


def test_a_crash_between_publish_and_mark(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that is published but not marked before a crash arrives again as the same event."""
    wanted = _about_to_change(lab)
    lab.look_up()
    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "mark", _crash)
        with pytest.raises(Crash):
            lab.pipeline.stream.drain()
    first = lab.arrivals()

    lab.pipeline.sweep()
    lab.pipeline.sweep()
    second = lab.arrivals()

    assert events_in(first) == wanted
    assert events_in(second) == wanted
    assert len(second) == len(wanted)
    bodies = {(r.attributes["event_id"], r.body) for r in lab.received}
    assert {event_id for event_id, _ in bodies} == _event_ids(lab)
    assert len(bodies) == len(wanted)


def test_a_crash_before_the_commit(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lookup that crashes before committing leaves its messages, and the redelivery commits."""
    wanted = _about_to_change(lab)
    lab.pipeline.schedule(lab.next_round())
    with monkeypatch.context() as patch:
        patch.setattr(Observations, "commit", _crash)
        with pytest.raises(Crash):
            lab.pipeline.queue.poll()
    assert lab.pipeline.queue.backlog() == 2 * len(lab.targets)

    lab.pipeline.queue.drain()
    lab.pipeline.stream.drain()

    assert events_in(lab.arrivals()) == wanted


def test_the_response_to_a_commit_is_lost(lab: Lab) -> None:
    """A commit whose response is lost is recognised: there is one version and one event."""
    wanted = _about_to_change(lab)
    with lab.aws.fault(
        service="dynamodb",
        operation="TransactWriteItems",
        code="InternalServerError",
        status=500,
        when="after",
        times=len(wanted),
    ):
        lab.round()

    lab.round()

    assert events_in(lab.received) == wanted
    assert len(lab.received) == len(wanted)
    assert [r.version for r in lab.releases(lab.targets[0], "a")] == [1, 2]


def test_the_stream_delivers_nothing(lab: Lab) -> None:
    """If the stream delivers nothing, the sweep announces every release."""
    wanted = _about_to_change(lab)
    lab.look_up()

    answer = lab.pipeline.sweep()

    assert events_in(lab.arrivals()) == wanted
    assert (answer["announced"], answer["pending"]) == (len(wanted), 0)
