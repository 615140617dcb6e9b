"""The tables of the demo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from services.console.demo.deployment import Subscriber
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


def result_table(
    subscribers: Iterable[Subscriber], expected: Sequence[Event]
) -> tuple[Table, bool]:
    """What each subscriber should have received and has received, and whether that is equal."""
    result = table("subscriber", "expected", "received", "missing", "unexpected")
    right = True
    for subscriber in subscribers:
        wanted = Counter(filter(subscriber.expects, expected))
        got = Counter(Event.of(received) for received in subscriber.received)
        missing, unexpected = wanted - got, got - wanted
        right = right and not missing and not unexpected
        numbers = (wanted.total(), got.total(), missing.total(), unexpected.total())
        result.add_row(subscriber.name, *map(str, numbers))
    return result, right
