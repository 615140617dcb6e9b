"""Reads what is to be announced, with the older releases of the same images that are pending.

The events of an image leave in version order, whatever lies between two of its pending releases:
versions that were not to be announced, rows that were closed or deleted, rows that cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.aggregator.outbox import Found, Key
from services.kernel.deadline import Deadline
from services.kernel.model import Release


class PendingRows(Protocol):
    """What looking back needs of the table."""

    def read(self, keys: Sequence[Key]) -> Found:
        """What of them still has to be announced."""
        ...

    def pending_before(self, key: Key) -> list[Key]:
        """The keys in the pending index of the same image's earlier releases."""
        ...


@dataclass(frozen=True, slots=True)
class Backlog:
    """What was asked for: releases to announce now, those that wait, and unreadable rows."""

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
    """What is pending of `keys`, and what has to be announced before it.

    A release that is `due` takes the older pending ones of its image with it, whatever their age.
    A pending row that cannot be read holds nothing back: it cannot be announced, and its image must
    not wait until it is corrected. Without time nothing is ready.

    Raises:
        HubBrokenError: the table cannot be used.
        CallFailedError: it is busy.
    """
    walk = _Walk(rows)
    walk.read([*keys, *_before(keys)])
    asked_for = set(keys)
    pending = {key: r for key, r in walk.releases.items() if key in asked_for}
    chosen = [key for key, release in pending.items() if due(release)]
    if not walk.back_from(chosen, deadline):
        return Backlog((), tuple(pending.values()), frozenset(walk.unreadable))
    last: dict[tuple[str, str], int] = {}
    for key in chosen:
        last[key.region, key.image] = max(key.version, last.get((key.region, key.image), 0))
    ready = {
        key: release
        for key, release in walk.releases.items()
        if key.version <= last.get((key.region, key.image), -1)
    }
    return Backlog(
        ready=tuple(ready.values()),
        waiting=tuple(release for key, release in pending.items() if key not in ready),
        unreadable=frozenset(walk.unreadable),
    )


class _Walk:
    """Goes from releases to the ones before them, until everything older is known."""

    def __init__(self, rows: PendingRows) -> None:
        self._rows = rows
        self._read: set[Key] = set()
        self._searched: dict[tuple[str, str], int] = {}
        self._published: set[Key] = set()
        self.releases: dict[Key, Release] = {}
        self.unreadable: set[Key] = set()

    def read(self, keys: Iterable[Key]) -> None:
        """Read the rows that were not read yet."""
        new = [key for key in dict.fromkeys(keys) if key not in self._read]
        if not new:
            return
        found = self._rows.read(new)
        self._read.update(new)
        self.releases |= {Key.of(release): release for release in found.releases}
        self.unreadable |= found.unreadable
        self._published |= found.published

    def back_from(self, keys: Sequence[Key], deadline: Deadline) -> bool:
        """Read everything that is pending before `keys`; whether there was time for it."""
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
        """Those of `keys` before which the index has to be asked, the last of each image."""
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
