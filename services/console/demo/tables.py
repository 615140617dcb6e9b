"""The tables of the demo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from rich.table import Table

from services.console.demo.page import table
from services.console.demo.scenario import Event
from services.embedded.aws.calls import Call


def arrived_table(events: Iterable[Event]) -> Table:
    """The events that arrived."""
    announced = table("announced", "image", "region", "now", "before")
    for event in events:
        before = f"…{event.previous_image_id[-5:]}"
        announced.add_row(event.kind, event.image_name, event.region, event.image_id, before)
    return announced


def attributes_table(attributes: Mapping[str, str]) -> Table:
    """The message attributes of an event."""
    listed = table("message attribute", "value")
    for name, value in sorted(attributes.items()):
        listed.add_row(name, value)
    return listed


def calls_table(calls: Iterable[Call]) -> Table:
    """How often each API operation was called."""
    counts = Counter(f"{call.service} {call.operation}" for call in calls)
    listed = table("API call", "times")
    for name, count in sorted(counts.items()):
        listed.add_row(name, str(count))
    listed.add_section()
    listed.add_row("all", str(counts.total()))
    return listed
