"""Topics that never respond: the events that other topics get in one sweep, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from support.builders.aggregator import a_release, pending_row
from support.fakes.aggregator import FakeOutbox, FakePublisher
from support.fakes.log import FakeLog
from support.fakes.virtual_threads import VirtualThreads, VirtualTime

from services.aggregator import relay
from services.aggregator.announce import Announcement
from services.aggregator.event import Sweep
from services.aggregator.relay import Relay
from services.kernel.errors import Failure
from services.kernel.model import State, Target

TIMED_OUT = Failure(State.TRANSIENT, "ReadTimeoutError", "Read timeout on endpoint URL")
TIMEOUT, RESERVE = 240.0, 5.0  # of the deployed aggregator


class SlowTopics(FakePublisher):
    """Topics of which some take three read time-outs."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__()
        self._time = time

    def publish(
        self, target: Target, announcements: Sequence[Announcement]
    ) -> dict[str, str | Failure]:
        """Return the message ids after the topic's time."""
        self._time.sleep(30 if target in self.failing else 0.1)
        return super().publish(target, announcements)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("hanging", [100, 150, 165])
def test_hanging_topics_delay_no_other(
    monkeypatch: pytest.MonkeyPatch, hanging: int, seed: int
) -> None:
    """All responding topics of 170 have their event after one sweep."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    time = VirtualTime()
    threads = VirtualThreads(time)
    monkeypatch.setattr(relay, "ThreadPoolExecutor", threads)
    monkeypatch.setattr(relay, "wait", threads.wait)
    targets = [Target(f"{n % 5:012}", f"xx-lab-{n // 5}") for n in range(170)]
    rows, topics = FakeOutbox(), SlowTopics(time)
    for target in targets:
        rows.table.put(pending_row(a_release(target=target)))
    topics.failing = dict.fromkeys(chance.sample(targets, hanging), TIMED_OUT)

    moment = datetime(2026, 11, 22, 8, tzinfo=UTC)
    aggregator = Relay(rows, topics, FakeLog(), lambda: moment, chance.shuffle)
    report = aggregator.run(Sweep(), time.deadline(TIMEOUT, RESERVE))

    assert (report.announced.total(), report.pending) == (170 - hanging, hanging)
    assert time.seconds <= TIMEOUT
