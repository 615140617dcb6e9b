"""Publishes releases again, in version order, with the same event id, body and attributes.

A published release is sent as a copy, and a closed one is sent although its target was removed. A
pending one is announced as usual, after the older pending releases of its image. A release that was
never an event is not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from services.aggregator.backlog import PendingRows, look_back
from services.aggregator.deliver import Deliverer, Delivery, Publisher
from services.aggregator.outbox import Found, Key
from services.aggregator.replay_event import Replay
from services.aggregator.replay_rows import Absence
from services.kernel.clock import now
from services.kernel.deadline import Deadline
from services.kernel.errors import Failure
from services.kernel.model import Release
from services.kernel.observability import Log


class AnnouncedRows(Protocol):
    """The part of the table that `Replayer` uses; `ReplayRows` with DynamoDB."""

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Release | Absence]:
        """The release of each key, or why it cannot be published again."""
        ...

    def mark(self, release: Release, message_id: str, moment: datetime) -> None:
        """Record when the release was published last, and its message id."""
        ...


class PendingReleases(PendingRows, Protocol):
    """The pending releases, which are announced as usual; `Outbox` with DynamoDB."""

    def keep_problem(self, release: Release, problem: Failure, moment: datetime) -> None:
        """Record why a pending release was not accepted."""
        ...


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """The result of each version."""

    request: Replay
    results: tuple[Mapping[str, object], ...]

    def answer(self) -> dict[str, object]:
        """The response of the function."""
        where = self.request.target.fields()
        name = {"image_name": self.request.image_name}
        return {"replay": {**where, **name, "results": [dict(each) for each in self.results]}}


@dataclass(slots=True)
class _Batch:
    """The releases of a replay as the rows of a `Deliverer`; `message_ids` has the responses."""

    rows: AnnouncedRows
    outbox: PendingReleases
    releases: Mapping[Key, Release]
    pending: frozenset[Key]
    message_ids: dict[Key, str] = field(default_factory=dict)

    def read(self, keys: Sequence[Key]) -> Found:
        """The releases of these keys, whether they are pending or not."""
        return Found(tuple(self.releases[key] for key in keys))

    def mark(self, release: Release, message_id: str, moment: datetime) -> None:
        """Record when the release was published last, and its message id."""
        self.message_ids[Key.of(release)] = message_id
        self.rows.mark(release, message_id, moment)

    def keep_problem(self, release: Release, problem: Failure, moment: datetime) -> None:
        """Record why a pending release was not accepted; the rows of copies stay as they are."""
        if Key.of(release) in self.pending:
            self.outbox.keep_problem(release, problem, moment)


class Replayer:
    """Publishes the releases of a replay."""

    def __init__(
        self,
        rows: AnnouncedRows,
        outbox: PendingReleases,
        publisher: Publisher,
        log: Log,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._rows = rows
        self._outbox = outbox
        self._publisher = publisher
        self._log = log
        self._clock = clock

    def run(self, request: Replay, deadline: Deadline) -> ReplayReport:
        """Publish the versions again, until the topic refuses one or the time is over.

        The results also have older versions of the image that were pending and had to go first.

        Raises:
            HubBrokenError: the table cannot be used.
            CallFailedError: it is busy.
        """
        keys = [request.key(version) for version in request.versions]
        where = {**request.target.fields(), "image_name": request.image_name}
        self._log.info("replay requested", extra={**where, "versions": list(request.versions)})
        found: dict[Key, Release | Absence] = dict(self._rows.read(keys))
        pending = {Key.of(r): r for r in look_back(self._outbox, keys, deadline).ready}
        found |= {key: release for key, release in pending.items() if key not in found}
        releases = {key: each for key, each in found.items() if isinstance(each, Release)}
        batch = _Batch(self._rows, self._outbox, releases, frozenset(pending))
        deliverer = Deliverer(batch, self._publisher, self._log, self._clock)
        done = deliverer.deliver(request.target, list(releases.values()), _keep_order, deadline)
        ordered = sorted(found.items(), key=lambda item: item[0].version)
        results = [{"version": key.version, **_result(key, r, batch, done)} for key, r in ordered]
        return ReplayReport(request, tuple(results))


def _result(
    key: Key, release: Release | Absence, batch: _Batch, done: Delivery
) -> dict[str, object]:
    if isinstance(release, Absence):
        return {"outcome": release.value}
    named: dict[str, object] = {"kind": release.kind.value, "event_id": release.event_id}
    if key in done.accepted:
        sent = {"message_id": batch.message_ids[key], "recorded": key not in done.unmarked}
        return {"outcome": "published", **named, **sent}
    if problem := done.problems.get(key):
        reason = {"state": problem.state.value, "code": problem.code, "detail": problem.detail}
        return {"outcome": "refused", **named, **reason}
    return {"outcome": Absence.DAMAGED.value if key in done.unreadable else "not_sent", **named}


def _keep_order(_: list[Any]) -> None:
    """Keep the order."""
