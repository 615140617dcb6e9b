"""A pace of writes in virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.kernel.pace import WritePace


@dataclass(slots=True)
class VirtualPace:
    """The pace of a process; waiting takes no real time, and `waits` lists it."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    def pace(self) -> WritePace:
        """Return a pace without jitter, in this time."""
        return WritePace(lambda: self.seconds, self.sleep, lambda: 1.0)

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.waits.append(seconds)
        self.seconds += seconds
