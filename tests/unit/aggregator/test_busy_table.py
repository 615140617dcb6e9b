"""A table without capacity for the marks of published releases."""

from __future__ import annotations

from datetime import datetime

import pytest
from support.builders.aggregator import a_release
from support.fakes.aggregator import FakeOutbox
from support.labs.relay_lab import BUSY, Lab

from services.kernel.deadline import Deadline
from services.kernel.model import Release


class _BusyOutbox(FakeOutbox):
    """A table that has no capacity for writes until some of them have failed."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.left = failures

    def mark(self, release: Release, message_id: str, moment: datetime) -> None:
        """Fail, or record the publication."""
        self.left -= 1
        if self.left >= 0:
            raise BUSY
        super().mark(release, message_id, moment)


def test_a_mark_waits_until_the_table_has_capacity() -> None:
    """Without a mark, the next sweep would publish a copy."""
    one, two = a_release("one"), a_release("two")
    lab = Lab()
    lab.rows = _BusyOutbox(failures=5)
    lab.given(one, two)

    report = lab.stream(one, two)

    assert report.answer() == {"batchItemFailures": [], "announced": 2, "pending": 0}
    assert lab.pending() == []
    assert lab.publisher.copies() == {one.event_id: 1, two.event_id: 1}
    assert lab.time.waits == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 0.8], rel=0.05)


def test_a_mark_does_not_wait_beyond_the_deadline() -> None:
    """The release stays pending: a copy is better than an invocation that times out."""
    release = a_release()
    lab = Lab()
    lab.rows = _BusyOutbox(failures=100)
    lab.given(release)

    lab.stream(release, deadline=Deadline.after(1))

    assert len(lab.log.fields("release not marked")) == 1
    assert sum(lab.time.waits) < 2
    assert lab.pending() == [(release.image_name, release.version)]
