"""FIFO topics keep the order of an image's events and drop copies in the deduplication window."""

from __future__ import annotations

from pathlib import Path

from support.labs.laboratory import IRELAND, VIRGINIA, build_lab, events_in

from services.embedded.aws.server import EmbeddedAws


def test_fifo_topics_get_group_and_deduplication_ids(aws: EmbeddedAws, tmp_path: Path) -> None:
    """Subscribers of a FIFO topic get every event once, even when it is published twice."""
    lab = build_lab(aws, tmp_path, VIRGINIA, IRELAND, fifo=True)
    lab.deploy(lab.image("a"), lab.image("b"))
    lab.publish("a")
    lab.publish("b")
    lab.round()
    first = lab.publish("a")
    lab.look_up()
    second = lab.publish("a")
    lab.look_up()
    with aws.fault(service="dynamodb", operation="UpdateItem", code="AccessDeniedException"):
        lab.pipeline.stream.drain()
    lab.pipeline.sweep()

    received = lab.arrivals()

    assert events_in(received) == {
        (t.region, "a", "release", new) for t in lab.targets for new in (first, second)
    }
    assert len(received) == 4
    in_ireland = [r.attributes["version"] for r in received if r.region == "eu-west-1"]
    assert in_ireland == ["2", "3"]
