"""Reads releases to announce, and the older pending releases of the same images.

The events of an image are published in version order. Between two pending releases there can be
versions that are not announced, and rows that were closed, were deleted or cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.aggregator.outbox import Found, Key
from services.kernel.deadline import Deadline
from services.kernel.model import Release


class PendingRows(Protocol):
    """The part of the table that `look_back` uses."""

    def read(self, keys: Sequence[Key]) -> Found:
        """The releases of these keys that are still pending."""
        ...

    def pending_before(self, key: Key) -> list[Key]:
        """The keys of the image's earlier releases in the pending index."""
        ...


@dataclass(frozen=True, slots=True)
class Backlog:
    """Releases to announce now, releases that wait, and rows that cannot be decoded."""

    ready: tuple[Release, ...] = ()
    waiting: tuple[Release, ...] = ()
    unreadable: frozenset[Key] = frozenset()


def _always(_: Release) -> bool:
    return True


def look_back(
    rows: PendingRows,
    keys: Sequence[Key],
    deadline: Deadline,
    due: Callable[[Release], bool] = _always,
) -> Backlog:
    """The pending releases of `keys`, and the older releases to announce before them.

    If a release is `due`, the older pending releases of its image are ready too, whatever their
    age. A pending row that cannot be decoded does not block newer releases; otherwise its image
    would wait until the row is corrected. If the time is over, no release is ready.

    Raises:
        HubBrokenError: the table cannot be used.
        CallFailedError: it is busy.
    """
    history = _History(rows)
    history.read([*keys, *_before(keys)])
    requested = set(keys)
    pending = {key: r for key, r in history.releases.items() if key in requested}
    chosen = [key for key, release in pending.items() if due(release)]
    if not history.back_from(chosen, deadline):
        return Backlog((), tuple(pending.values()), frozenset(history.unreadable))
    last: dict[tuple[str, str], int] = {}
    for key in chosen:
        last[key.region, key.image] = max(key.version, last.get((key.region, key.image), 0))
    ready = {
        key: release
        for key, release in history.releases.items()
        if key.version <= last.get((key.region, key.image), -1)
    }
    return Backlog(
        ready=tuple(ready.values()),
        waiting=tuple(release for key, release in pending.items() if key not in ready),
        unreadable=frozenset(history.unreadable),
    )


class _History:
    """Reads from releases back to the older ones, until all older pending rows are known."""

    def __init__(self, rows: PendingRows) -> None:
        self._rows = rows
        self._read: set[Key] = set()
        self._searched: dict[tuple[str, str], int] = {}
        self._published: set[Key] = set()
        self.releases: dict[Key, Release] = {}
        self.unreadable: set[Key] = set()

    def read(self, keys: Iterable[Key]) -> None:
        """Read the rows that were not read before."""
        new = [key for key in dict.fromkeys(keys) if key not in self._read]
        if not new:
            return
        found = self._rows.read(new)
        self._read.update(new)
        self.releases |= {Key.of(release): release for release in found.releases}
        self.unreadable |= found.unreadable
        self._published |= found.published

    def back_from(self, keys: Sequence[Key], deadline: Deadline) -> bool:
        """Read all pending rows before `keys`; False if the deadline passed before the end."""
        edge, visited = list(keys), set(keys)
        while edge:
            before = _before(edge)
            if not self._read.issuperset(before):
                if deadline.passed():
                    return False
                self.read(before)
            for key in self._gaps(edge):
                if deadline.passed():
                    return False
                self.read(self._rows.pending_before(key))
            edge = [key for key in before if self._is_pending(key) and key not in visited]
            visited.update(edge)
        return True

    def _gaps(self, keys: Iterable[Key]) -> Iterator[Key]:
        """Those of `keys` that need a query of the index, only the last of each image."""
        for key in sorted(keys, key=lambda key: key.record, reverse=True):
            image = (key.region, key.image)
            if self._is_gap(key) and self._searched.get(image, 0) < key.version:
                self._searched[image] = key.version
                yield key

    def _is_gap(self, key: Key) -> bool:
        before = key.predecessor()
        if before is None or before.version == 1:  # nothing is older
            return False
        return before not in self._published and not self._is_pending(before)

    def _is_pending(self, key: Key) -> bool:
        return key in self.releases or key in self.unreadable


def _before(keys: Iterable[Key]) -> list[Key]:
    return [before for key in keys if (before := key.predecessor())]
