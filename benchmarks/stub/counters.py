"""Counts calls by service, operation, region and account, and DynamoDB's request units."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Call:
    """The service and the account that a signed request is for."""

    service: str
    operation: str
    region: str
    account: str


@dataclass(slots=True)
class Counters:
    """What clients did since the last reset."""

    calls: Counter[Call] = field(default_factory=Counter)
    refused: Counter[Call] = field(default_factory=Counter)
    units: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    connections: int = 0

    def reset(self) -> None:
        """Begin at zero."""
        self.calls.clear()
        self.refused.clear()
        self.units.clear()
        self.connections = 0

    def as_json(self) -> dict[str, object]:
        """All counts in the form of the control interface."""
        return {
            "calls": [_row(call, count) for call, count in self.calls.items()],
            "refused": [_row(call, count) for call, count in self.refused.items()],
            "units": dict(self.units),
            "connections": self.connections,
        }


def _row(call: Call, count: int) -> list[object]:
    return [call.service, call.operation, call.region, call.account, count]
