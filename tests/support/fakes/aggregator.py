"""The aggregator's ports in memory.

`tests/contract/aggregator` checks that the fakes behave like the adapters over DynamoDB and SNS.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from services.aggregator.announce import Announcement
from services.aggregator.outbox import Found, Key, pending_release
from services.kernel.errors import Failure, MalformedError
from services.kernel.model import Release, Target
from services.kernel.records import decode_pair
from services.kernel.release_records import encode_last_problem, last_problem_code
from services.kernel.wire import timestamp
from support.builders.aggregator import NO_TOPIC, TARGET, key_of, key_of_release
from support.fakes.table import MemoryTable, Row


class FakeOutbox:
    """The aggregator's port to the table, over a table in memory.

    Reads of releases raise `unreadable`, writes raise `unmarkable`, and reads of image rows raise
    `unreadable_images`. A page of the pending index has `page_size` keys. `searches` lists the
    queries of the index, `looks` the targets whose image rows were read, and `kept` image and code
    of each problem to record. Recording a problem raises `unkeepable`.
    """

    def __init__(self, table: MemoryTable | None = None) -> None:
        self.table = table or MemoryTable()
        self.unreadable: Exception | None = None
        self.unmarkable: BaseException | None = None
        self.page_size = 100
        self.pages = 0
        self.reads: list[int] = []
        self.searches: list[Key] = []
        self.unreadable_images: Exception | None = None
        self.looks: list[Target] = []
        self.unkeepable: Exception | None = None
        self.kept: list[tuple[str, str]] = []

    def pending(self) -> Iterator[list[Key]]:
        """Yield pages of keys of pending releases and count the pages in `pages`."""
        self._check(self.unreadable)
        keys = [key_of(row) for row in self.table.rows() if "pending" in row]
        for start in range(0, max(len(keys), 1), self.page_size):
            self.pages += 1
            yield keys[start : start + self.page_size]

    def read(self, keys: Sequence[Key]) -> Found:
        """Read the pending releases among the keys; `reads` lists the number of keys per call."""
        self._check(self.unreadable)
        self.reads.append(len(keys))
        found = [self.table.row(key.region, key.record) for key in dict.fromkeys(keys)]
        rows = [row for row in found if row is not None]
        pending = {key_of(row): _decoded(row) for row in rows if "pending" in row}
        return Found(
            releases=tuple(each for each in pending.values() if each is not None),
            unreadable=frozenset(key for key, each in pending.items() if each is None),
            published=frozenset(
                key_of(row) for row in rows if "published_at" in row and "pending" not in row
            ),
            problems={
                key_of(row): code
                for row in rows
                if "pending" in row and (code := last_problem_code(row))
            },
        )

    def pending_before(self, key: Key) -> list[Key]:
        """Return the keys in the index of the same image's earlier releases."""
        self._check(self.unreadable)
        self.searches.append(key)
        return [
            key_of(row)
            for row in self.table.rows()
            if row.get("pending") == key.region
            and row["record"].startswith(key.image)
            and row["record"] < key.record
        ]

    def may_be_active(self, target: Target) -> bool:
        """Return whether an image row of the target is active or cannot be decoded."""
        self._check(self.unreadable_images)
        self.looks.append(target)
        prefix = f"image#{target.account_id}#"
        return any(
            _may_be_active(row)
            for row in self.table.rows()
            if row["region"] == target.region and row["record"].startswith(prefix)
        )

    def close(self, release: Release, moment: datetime) -> None:
        """Record that the release will not be published, unless it was published."""
        self._check(self.unmarkable)
        self._write(release, closed_at=timestamp(moment))

    def mark(self, release: Release, message_id: str, moment: datetime) -> None:
        """Record the publication, unless one is recorded already."""
        self._check(self.unmarkable)
        self._write(release, published_at=timestamp(moment), message_id=message_id)

    def keep_problem(self, release: Release, problem: Failure, moment: datetime) -> None:
        """Record why the release was not accepted, if it is pending and the code is another."""
        self.kept.append((release.image_name, problem.code))
        self._check(self.unmarkable or self.unkeepable)
        key = key_of_release(release)
        with self.table.lock:
            row = self.table.row(key.region, key.record) or {}
            if "pending" in row and last_problem_code(row) != problem.code:
                self.table.put(row | {"last_problem": encode_last_problem(problem, moment)})

    def _write(self, release: Release, **values: str) -> None:
        key = key_of_release(release)
        with self.table.lock:
            row = self.table.row(key.region, key.record) or {}
            if "pending" in row:
                del row["pending"]
                self.table.put(row | values)

    @staticmethod
    def _check(error: BaseException | None) -> None:
        if error is not None:
            raise error


def _decoded(row: Row) -> Release | None:
    try:
        return pending_release(row)
    except MalformedError:
        return None


def _may_be_active(row: Row) -> bool:
    try:
        return decode_pair(row).active
    except MalformedError:
        return True


class FakePublisher:
    """Topics in memory: `topics` lists the targets that have one; None means all targets.

    `failing` maps a target to the failure or exception of each publish call. `refused` maps an
    image to the failure of its messages only.
    """

    def __init__(self, topics: Collection[Target] | None = None) -> None:
        self.topics = topics
        self.failing: dict[Target, Failure | Exception] = {}
        self.refused: dict[str, Failure] = {}
        self.published: list[tuple[Target, Announcement]] = []
        self.calls: list[tuple[Target, int]] = []
        self._lock = threading.Lock()

    def publish(
        self, target: Target, announcements: Sequence[Announcement]
    ) -> dict[str, str | Failure]:
        """Return the message id of each event id, or why it was not accepted."""
        with self._lock:
            self.calls.append((target, len(announcements)))
            return {each.event_id: self._publish(target, each) for each in announcements}

    def _publish(self, target: Target, announcement: Announcement) -> str | Failure:
        failure = self.failing.get(target)
        if isinstance(failure, Exception):
            raise failure
        if self.topics is not None and target not in self.topics:
            return NO_TOPIC
        if problem := failure or self.refused.get(announcement.image_name):
            return problem
        self.published.append((target, announcement))
        return f"message-{len(self.published)}"

    def heal(self) -> None:
        """Accept every message from now on."""
        self.failing.clear()
        self.refused.clear()

    def copies(self) -> Counter[str]:
        """Count how often each event was published."""
        return Counter(announcement.event_id for _, announcement in self.published)

    def names(self, target: Target = TARGET) -> list[tuple[str, int]]:
        """Return image name and version of each message that a topic received, in order."""
        return [
            (each.image_name, int(each.attributes["version"]))
            for where, each in self.published
            if where == target
        ]
