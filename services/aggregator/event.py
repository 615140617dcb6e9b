"""The aggregator's event: records of the stream, a sweep, or a replay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.aggregator.outbox import Key
from services.aggregator.replay_event import Replay, parse_replay
from services.kernel.errors import MalformedError
from services.kernel.keys import RELEASE_PREFIX


@dataclass(frozen=True, slots=True)
class Sweep:
    """Announce pending releases of at least this age.

    The age prevents a sweep from publishing releases that the stream is about to publish.
    """

    older_than_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Inserted:
    """The release rows in a stream batch, and the sequence number of the first one."""

    keys: tuple[Key, ...] = ()
    first: str | None = None


def parse_relay_event(event: Mapping[str, Any]) -> Sweep | Inserted | Replay:
    """The request in the event.

    Raises:
        MalformedError: it is neither a stream event nor a sweep nor a replay.
    """
    if "replay" in event:
        return parse_replay(event)
    if event.get("sweep") is True:
        return Sweep(_seconds(event.get("older_than_seconds", 0)))
    if not isinstance(event.get("Records"), list):
        raise MalformedError(
            "event", 'it is neither a stream event nor {"sweep": true} nor {"replay": …}'
        )
    found = [(key, record) for record in event["Records"] if (key := _release_key(record))]
    first = found[0][1]["dynamodb"].get("SequenceNumber") if found else None
    return Inserted(tuple(key for key, _ in found), first)


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise MalformedError("event", f"older_than_seconds is {value!r}, but must be a number")
    return float(value)


def _release_key(record: object) -> Key | None:
    """The key of an inserted release row; None for any other record."""
    match record:
        case {
            "eventName": "INSERT",
            "dynamodb": {"Keys": {"region": {"S": str(region)}, "record": {"S": str(name)}}},
        } if name.startswith(RELEASE_PREFIX):
            return Key(region, name)
        case _:
            return None
