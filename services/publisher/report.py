"""Counts of a run of the publisher, for the response and the log.

There are no metrics: the alarms use those of Lambda, and each custom metric costs money.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class PublishReport:
    """The files that a run wrote (the page included), left as they are, and deleted."""

    unchanged: int = 0
    written: int = 0
    deleted: int = 0

    def answer(self) -> dict[str, object]:
        """The response: a summary."""
        return {"written": self.written, "unchanged": self.unchanged, "deleted": self.deleted}
