"""Formats that other systems and earlier versions read, compared byte by byte with recorded copies.

A deployed table keeps its rows and subscribers keep their parsers. So a change of these formats
must be a decision, not a side effect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.builders.aggregator import a_release
from support.labs.laboratory import FRANKFURT, IRELAND, VIRGINIA, Lab

from services.aggregator.announce import announcement
from services.embedded.tracker.subscriptions import Received
from services.kernel.keys import IMAGE_PREFIX, RELEASE_PREFIX, ROUND_PREFIX
from services.kernel.model import Kind, ReleaseRule
from services.kernel.table import to_item

RULE = ReleaseRule(r"-(?P<release>\d+)$", "https://example.com/{release}")
GOLDEN = Path(__file__).parent / "golden"
MILLISECONDS = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def masked(text: str) -> str:
    """Replace the values that differ between runs: the current time and SNS's message ids."""
    return UUID.sub("<id>", MILLISECONDS.sub("<time>", text))


def recorded(name: str) -> str:
    """Read the recorded copy of this name."""
    return (GOLDEN / name).read_text(encoding="utf-8")


def as_lines(values: Iterable[object]) -> str:
    """Format values as JSON, one per line."""
    return "".join(f"{json.dumps(value, sort_keys=True)}\n" for value in values)


def attribute_values(row: dict[str, Any]) -> dict[str, Any]:
    """Convert a row to DynamoDB's attribute values, with sorted sets."""
    item = to_item(row)
    for value in item.values():
        for kind in ("NS", "SS"):
            if kind in value:
                value[kind] = sorted(value[kind])
    return item


def deploy_and_run(lab: Lab) -> list[Received]:
    """Run two rounds that write a row of every kind, and return the received messages."""
    lab.pipeline.environment["ROUND_INTERVAL_MINUTES"] = "60"
    every = frozenset(Kind)
    lab.deploy(
        lab.image("by-parameter", announce=every, release=RULE),
        lab.filtered("by-filter", announce=every, regions=frozenset({"us-east-1", "eu-west-1"})),
        lab.image("missing"),
    )
    lab.publish("by-parameter")
    older = lab.publish("by-filter")
    first = lab.round()
    lab.publish("by-parameter", VIRGINIA, FRANKFURT)
    lab.publish("by-filter", IRELAND, deprecation_time=datetime(2028, 11, 22, tzinfo=UTC))
    second = lab.round()
    lab.point("by-parameter", older, VIRGINIA)
    return [*first, *second, *lab.round()]


def test_events_are_the_same_to_the_byte(lab: Lab) -> None:
    """Body and attributes of every announcement are as recorded."""
    received = deploy_and_run(lab)
    events = sorted(f"{r.body}\n{json.dumps(dict(sorted(r.attributes.items())))}" for r in received)
    text = masked("\n".join(events)) + "\n"

    assert text == recorded("events.txt")


def test_rows_are_the_same_to_the_byte(lab: Lab) -> None:
    """Image, release and round rows and the scheduler's note are as recorded."""
    deploy_and_run(lab)
    regions = sorted({target.region for target in lab.targets})
    prefixes = (IMAGE_PREFIX, RELEASE_PREFIX, ROUND_PREFIX)
    places = [*((region, prefix) for region in regions for prefix in prefixes), ("*", "scheduler")]
    rows = [attribute_values(row) for place in places for row in lab.pipeline.rows(*place)]
    text = masked(as_lines(rows))

    assert text == recorded("rows.jsonl")


def test_messages_and_catalogue_are_the_same_to_the_byte(lab: Lab) -> None:
    """The message of each lookup and the compiled catalogue are as recorded."""
    lab.deploy(
        lab.image("by-parameter", announce=frozenset(Kind), release=RULE),
        lab.image("own", accounts=frozenset({FRANKFURT.account_id})),
        lab.filtered("by-filter", regions=frozenset({"us-east-1", "eu-west-1"})),
    )
    lab.pipeline.schedule(lab.next_round())
    catalogue = Path(lab.pipeline.environment["CATALOGUE_PATH"]).read_text(encoding="utf-8")
    text = "\n".join([*sorted(lab.queued()), catalogue])

    assert text == recorded("messages_and_catalogue.txt")


def test_announcements_are_the_same_to_the_byte() -> None:
    """Subject, body and attributes of each kind of release are as recorded."""
    made = [announcement(a_release(kind=kind, version=7)) for kind in Kind]
    text = as_lines([each.subject, each.body, each.attributes] for each in made)

    assert text == recorded("announcements.jsonl")
