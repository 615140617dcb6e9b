"""A relay over a table and topics in memory, and the failures that its tests use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from services.aggregator.event import Inserted, Sweep
from services.aggregator.relay import Relay
from services.aggregator.report import RelayReport
from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, Failure, HubBrokenError
from services.kernel.model import Release, State, Target
from support.builders.aggregator import key_of_release, pending_row
from support.fakes.aggregator import FakeOutbox, FakePublisher
from support.fakes.log import FakeLog
from support.fakes.pace import VirtualPace

NOW = datetime(2026, 11, 22, 7, 1, 10, tzinfo=UTC)  # a minute after the builders' releases
OTHER = Target("222233334444", "us-east-1")
FIRST = "000000000000000000007"
EVERYTHING = Sweep()

DENIED = Failure.of(State.ACCESS_DENIED, "AccessDenied", "not authorized")
THROTTLED = Failure.of(State.THROTTLED, "Throttled", "Rate exceeded")
MALFORMED = Failure.of(State.BAD_LOOKUP, "InvalidParameter", "Invalid attribute")
BUSY = CallFailedError(THROTTLED)
GONE = HubBrokenError("table ami-tracker", Failure.of(State.NOT_FOUND, "ResourceNotFound", "gone"))


class KilledError(BaseException):
    """Ends the function as a time-out does: the code of the function cannot catch it."""


class Lab:
    """A relay over a table and topics in memory."""

    def __init__(self, *releases: Release) -> None:
        self.rows = FakeOutbox()
        self.publisher = FakePublisher()
        self.log = FakeLog()
        self.time = VirtualPace()
        self.shuffle: Callable[[list[Target]], None] = lambda _: None
        self.given(*releases)

    def given(self, *releases: Release) -> None:
        """Commit releases."""
        for release in releases:
            self.rows.table.put(pending_row(release))

    def sweep(self, sweep: Sweep = EVERYTHING, deadline: Deadline | None = None) -> RelayReport:
        """Announce the pending releases."""
        return self.relay().run(sweep, deadline or Deadline.after(60))

    def stream(self, *releases: Release, deadline: Deadline | None = None) -> RelayReport:
        """Announce the releases that a stream batch inserted."""
        keys = tuple(key_of_release(release) for release in releases)
        return self.relay().run(Inserted(keys, FIRST), deadline or Deadline.after(60))

    def relay(self) -> Relay:
        """Build a relay that has just started."""
        return Relay(
            self.rows, self.publisher, self.log, lambda: NOW, self.shuffle, pace=self.time.pace()
        )

    def pending(self) -> list[tuple[str, int]]:
        """Return image name and version of each pending release."""
        rows = [row for row in self.rows.table.rows() if "pending" in row]
        return [(row["image_name"], row["version"]) for row in rows]
