"""Count the events that a slow stream and a sweep send twice, in virtual time.

The model runs the relay itself: one shard of the stream, in order, in batches of 100, and the
sweeps as they are deployed. A read of the table takes 20 ms, a mark 8 ms. No call fails.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from support.builders.aggregator import a_release, key_of_release, pending_row
from support.fakes.aggregator import FakeOutbox, FakePublisher
from support.fakes.log import FakeLog
from support.fakes.virtual_time import VirtualTime

from services.aggregator import relay
from services.aggregator.announce import Announcement
from services.aggregator.event import Inserted, Sweep
from services.aggregator.outbox import Found, Key
from services.kernel.deadline import Deadline
from services.kernel.errors import Failure
from services.kernel.model import Release, Target
from services.kernel.wire import timestamp

pytestmark = pytest.mark.slow

START = datetime(2026, 11, 22, 7, 0, 0, tzinfo=UTC)
ACCOUNTS = [f"{number:012d}" for number in range(1, 6)]
RECORDS_PER_BATCH = 100
READ_SECONDS, MARK_SECONDS = 0.02, 0.008
SWEEP_EVERY_SECONDS, OLDER_THAN_SECONDS = 300.0, 120.0
TIMEOUT_SECONDS, RESERVE_SECONDS = 240.0, 5.0


class SlowRows(FakeOutbox):
    """Rows whose reads and writes take time."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__()
        self.page_size = 10_000  # a page of the index is 1 MB
        self._time = time

    def pending(self) -> Iterator[list[Key]]:
        """Return a page of the index."""
        for page in super().pending():
            self._time.sleep(READ_SECONDS)
            yield page

    def read(self, keys: Sequence[Key]) -> Found:
        """Read the rows, a call for each hundred keys."""
        found = super().read(keys)
        self._time.sleep(READ_SECONDS * -(-len(keys) // 100))
        return found

    def mark(self, release: Release, message_id: str, moment: datetime) -> None:
        """Change the row at the end of the call."""
        self._time.sleep(MARK_SECONDS)
        super().mark(release, message_id, moment)


class SlowTopics(FakePublisher):
    """Topics whose calls take time."""

    def __init__(self, time: VirtualTime, seconds: float) -> None:
        super().__init__()
        self._time = time
        self._seconds = seconds

    def publish(
        self, target: Target, announcements: Sequence[Announcement]
    ) -> dict[str, str | Failure]:
        """Publish in one call."""
        self._time.sleep(self._seconds)
        return super().publish(target, announcements)


class Model:
    """A stream and sweeps over the same rows and topics."""

    def __init__(self, time: VirtualTime, publish_seconds: float, releases: list[Release]) -> None:
        self.time = time
        self.rows = SlowRows(time)
        self.topics = SlowTopics(time, publish_seconds)
        self.streamed_after = 0.0
        self._releases = releases
        for release in releases:
            self.rows.table.put(pending_row(release))

    def run(self, first_sweep: float) -> int:
        """Deliver everything, with sweeps from a time on; return the number of duplicate events."""
        self.time.start(self._stream)
        self.time.start(self._sweep, first_sweep)
        self.time.start(self._sweep, first_sweep + SWEEP_EVERY_SECONDS)
        self.time.run()
        copies = self.topics.copies()
        assert len(copies) == len(self._releases)
        return copies.total() - len(copies)

    def _stream(self) -> None:
        keys = [key_of_release(release) for release in self._releases]
        invocation = self._relay(1)
        for start in range(0, len(keys), RECORDS_PER_BATCH):
            batch = Inserted(tuple(keys[start : start + RECORDS_PER_BATCH]), "1")
            invocation.run(batch, self._deadline())
        self.streamed_after = self.time.seconds

    def _sweep(self) -> None:
        self._relay(2).run(Sweep(OLDER_THAN_SECONDS), self._deadline())

    def _deadline(self) -> Deadline:
        end = self.time.seconds + TIMEOUT_SECONDS
        return Deadline(lambda: end - self.time.seconds, RESERVE_SECONDS)

    def _relay(self, seed: int) -> relay.Relay:
        return relay.Relay(
            self.rows,
            self.topics,
            FakeLog(),
            lambda: START + timedelta(seconds=self.time.seconds),
            random.Random(seed).shuffle,  # noqa: S311 - the model must be deterministic
        )


def a_mass_release(order: str) -> list[Release]:
    """Build 1,000 images in five accounts of one region, in the order of their commits."""
    targets = [Target(account, "eu-west-1") for account in ACCOUNTS]
    found = [
        a_release(f"image-{number:03d}", target=target, detected_at=timestamp(START))
        for target in targets
        for number in range(1000)
    ]
    match order:
        case "by account":
            return found
        case _:
            return found[::-1]


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> VirtualTime:
    """Return the time in which the relay's threads run."""
    virtual = VirtualTime()
    monkeypatch.setattr(relay, "ThreadPoolExecutor", virtual.pool)
    monkeypatch.setattr(relay, "wait", virtual.wait)
    return virtual


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("order", "first_sweep"),
    [("by account", 150.0), ("by account", 130.0), ("by account, last name first", 130.0)],
)
def test_a_sweep_next_to_a_slow_stream_repeats_few_events(
    time: VirtualTime, order: str, first_sweep: float
) -> None:
    """In a remote region the stream takes longer than the minimum age of a sweep.

    Without a second read, and with both in the same order, 510, 990 and 610 events were sent twice.
    """
    model = Model(time, 0.25, a_mass_release(order))

    doubled = model.run(first_sweep)

    assert model.streamed_after > OLDER_THAN_SECONDS
    assert doubled <= 100


@pytest.mark.timeout(120)
@pytest.mark.parametrize("publish_seconds", [0.05, 0.12])
def test_a_stream_that_is_fast_enough_repeats_no_event(
    time: VirtualTime, publish_seconds: float
) -> None:
    """Releases younger than two minutes are left to the stream."""
    model = Model(time, publish_seconds, a_mass_release("by account"))

    assert model.run(OLDER_THAN_SECONDS) == 0
