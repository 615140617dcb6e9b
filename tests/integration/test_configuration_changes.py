"""Effects of edits of the configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.labs.laboratory import FRANKFURT, IRELAND, VIRGINIA, Lab, events_in

from services.kernel.errors import RefusedError
from services.kernel.model import Kind, ParameterLookup


def _kinds(lab: Lab, name: str) -> list[tuple[int, Kind]]:
    return [(r.version, r.kind) for r in lab.releases(IRELAND, name)]


def test_adding_a_region_announces_nothing(lab: Lab) -> None:
    """A new region gets a baseline, and no region gets an announcement."""
    lab.deploy(lab.image("a"), targets=[VIRGINIA])
    lab.publish("a")
    lab.round()
    lab.publish("a", FRANKFURT)
    before = lab.rows()

    lab.deploy(lab.image("a"), targets=[VIRGINIA, FRANKFURT])

    assert lab.round() == []
    assert [r.kind for r in lab.releases(FRANKFURT, "a")] == [Kind.BASELINE]
    assert all(row in lab.rows() for row in before)


def test_adding_an_image_announces_nothing(lab: Lab) -> None:
    """A new image gets a baseline and changes no other image."""
    lab.deploy(lab.image("a"))
    lab.publish("a")
    lab.publish("b")
    lab.round()
    before = lab.rows()

    lab.deploy(lab.image("a"), lab.image("b"))

    assert lab.round() == []
    assert _kinds(lab, "b") == [(1, Kind.BASELINE)]
    assert all(row in lab.rows() for row in before)


def test_removing_and_adding_again_keeps_history(lab: Lab) -> None:
    """An image that is added again continues its versions; changes in between are not announced."""
    lab.deploy(lab.image("a"), lab.image("b"))
    lab.publish("a")
    lab.publish("b")
    lab.round()
    lab.publish("a")
    lab.round()
    lab.deploy(lab.image("b"))
    lab.round()
    assert not lab.pair(IRELAND, "a").active
    lab.publish("a")
    assert lab.round() == []
    assert _kinds(lab, "a") == [(1, Kind.BASELINE), (2, Kind.RELEASE)]

    lab.deploy(lab.image("a"), lab.image("b"))

    assert lab.round() == []
    assert _kinds(lab, "a")[2:] == [(3, Kind.RECONFIGURED)]
    new = lab.publish("a")
    assert events_in(lab.round()) == {(t.region, "a", "release", new) for t in lab.targets}
    history = lab.releases(IRELAND, "a")
    assert [r.previous_image_id for r in history[1:]] == [r.observed.image_id for r in history[:-1]]


def test_a_message_of_a_removed_image_is_dropped(lab: Lab) -> None:
    """A message that was in the queue when its image was removed commits nothing."""
    lab.deploy(lab.image("a"), lab.image("b"))
    lab.publish("a")
    lab.round()
    lab.publish("a")
    lab.pipeline.schedule(lab.next_round())
    bodies = lab.queued()
    lab.deploy(lab.image("b"))
    lab.pipeline.schedule(lab.next_round())

    lab.enqueue(*bodies)
    deliveries = lab.pipeline.queue.drain_visible()
    lab.pipeline.stream.drain()

    assert [delivery.failed for delivery in deliveries] == [()] * len(deliveries)
    assert lab.arrivals() == []
    assert _kinds(lab, "a") == [(1, Kind.BASELINE)]


def test_editing_a_lookup_is_recorded_and_not_announced(lab: Lab) -> None:
    """A different image due to an edited lookup is recorded as `reconfigured` and not announced."""
    lab.deploy(lab.image("a"))
    lab.publish("a")
    other = lab.publish("other")
    lab.round()

    lab.deploy(replace(lab.image("a"), lookup=ParameterLookup("/images/other")))

    assert lab.round() == []
    assert _kinds(lab, "a") == [(1, Kind.BASELINE), (2, Kind.RECONFIGURED)]
    known = lab.pair(IRELAND, "a").known
    assert known is not None
    assert known.image_id == other


def test_an_edit_is_announced_if_the_image_is_configured_so(lab: Lab) -> None:
    """An image whose `Announce` has `reconfigured` announces the edit as `reconfigured`."""
    every = frozenset(Kind)
    lab.deploy(lab.image("a", announce=every))
    lab.publish("a")
    other = lab.publish("other")
    assert {kind for _, _, kind, _ in events_in(lab.round())} == {"baseline"}

    lab.deploy(replace(lab.image("a", announce=every), lookup=ParameterLookup("/images/other")))

    assert events_in(lab.round()) == {(t.region, "a", "reconfigured", other) for t in lab.targets}


def test_a_release_after_a_harmless_edit_is_a_release(lab: Lab) -> None:
    """An edited lookup that finds the same image does not change the kind of the next release."""
    lab.deploy(lab.image("a"))
    image_id = lab.publish("a")
    lab.point("other", image_id)
    lab.round()
    edited = replace(lab.image("a"), lookup=ParameterLookup("/images/other"))
    lab.deploy(edited)
    assert lab.round() == []
    assert _kinds(lab, "a") == [(1, Kind.BASELINE)]
    new = lab.publish("other")

    assert events_in(lab.round()) == {(t.region, "a", "release", new) for t in lab.targets}


def test_another_family_does_not_change_the_kind(lab: Lab) -> None:
    """Rows that an earlier version wrote get their family, and the next release is a release."""
    lab.deploy(lab.image("a", family=None))
    lab.publish("a")
    lab.round()
    assert lab.pair(IRELAND, "a").family is None
    lab.deploy(lab.image("a", family="linux"))
    assert lab.round() == []
    assert {lab.pair(target, "a").family for target in lab.targets} == {"linux"}
    new = lab.publish("a")

    assert events_in(lab.round()) == {(t.region, "a", "release", new) for t in lab.targets}


def test_removing_a_region_stops_it(lab: Lab) -> None:
    """A region that is removed from the configuration is deactivated once and not called again."""
    lab.deploy(lab.image("a"))
    lab.publish("a")
    lab.round()

    lab.deploy(lab.image("a"), targets=[VIRGINIA, IRELAND])
    mark = lab.aws.mark()
    lab.publish("a")
    received = lab.round()

    assert {r.region for r in received} == {"us-east-1", "eu-west-1"}
    assert not lab.pair(FRANKFURT, "a").active
    assert not [c for c in lab.aws.calls(mark) if c.region == "eu-central-1"]


def test_removing_too_much_changes_nothing(lab: Lab) -> None:
    """A catalogue without most of its images is refused, and all images are still tracked."""
    names = [f"image-{number:02d}" for number in range(12)]
    lab.deploy(*(lab.image(name) for name in names), targets=[IRELAND])
    for name in names:
        lab.publish(name, IRELAND)
    lab.round()
    before = lab.rows()
    lab.deploy(lab.image(names[0]), targets=[IRELAND])

    with pytest.raises(RefusedError, match="eu-west-1 of account 123456789012: 11 of 12"):
        lab.pipeline.schedule(lab.next_round())

    assert lab.rows() == before
    new = lab.publish(names[5], IRELAND)
    lab.pipeline.queue.drain_visible()
    lab.pipeline.stream.drain()
    assert events_in(lab.arrivals()) == {("eu-west-1", names[5], "release", new)}
