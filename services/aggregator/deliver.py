"""Delivers the releases of one target: publishes them in batches and marks accepted ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from services.aggregator.announce import Announcement, announcement, waves
from services.aggregator.outbox import Found, Key
from services.aggregator.topics import ENTRIES_PER_BATCH, ENTRY_STATES
from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, Failure, HubBrokenError, MalformedError
from services.kernel.model import Release, State, Target
from services.kernel.observability import Log
from services.kernel.pace import WritePace
from services.kernel.retry import batches

MOST_PROBLEMS = 50
"""The most failures that a delivery writes to rows: about half a second."""


class DeliveryRows(Protocol):
    """The part of the table that `Deliverer` uses."""

    def read(self, keys: Sequence[Key]) -> Found:
        """The releases of these keys that are still pending."""
        ...

    def mark(self, release: Release, message_id: str, moment: datetime) -> None:
        """Mark a release as published."""
        ...

    def keep_problem(self, release: Release, problem: Failure, moment: datetime) -> None:
        """Record why a release was not accepted."""
        ...


class Publisher(Protocol):
    """Publishes announcements; `Topics` with SNS, a fake in tests."""

    def publish(
        self, target: Target, announcements: Sequence[Announcement]
    ) -> Mapping[str, str | Failure]:
        """The message id of each event id, or the failure."""
        ...


@dataclass(slots=True)
class Delivery:
    """The results of one target's releases; `stuck` if their topic accepts no messages.

    `news` are the releases that were not accepted and whose row has not this failure yet.
    """

    accepted: set[Key] = field(default_factory=set)
    unmarked: set[Key] = field(default_factory=set)
    problems: dict[Key, Failure] = field(default_factory=dict)
    news: list[tuple[Release, Failure]] = field(default_factory=list)
    unreadable: set[Key] = field(default_factory=set)
    gone: set[Key] = field(default_factory=set)
    refused_images: set[str] = field(default_factory=set)
    stuck: bool = False


class Deliverer:
    """Publishes the releases of a target, in version order per image."""

    def __init__(
        self,
        rows: DeliveryRows,
        publisher: Publisher,
        log: Log,
        clock: Callable[[], datetime],
        pace: WritePace | None = None,
    ) -> None:
        self._rows = rows
        self._publisher = publisher
        self._log = log
        self._clock = clock
        self._pace = pace or WritePace()

    def deliver(
        self,
        target: Target,
        releases: Sequence[Release],
        order: Callable[[list[Any]], None],
        deadline: Deadline,
    ) -> Delivery:
        """Publish one target's releases, in version order per image, until the topic is stuck."""
        done = Delivery()
        self._publish_all(target, releases, order, deadline, done)
        self._keep_problems(done, deadline)
        return done

    def _publish_all(
        self,
        target: Target,
        releases: Sequence[Release],
        order: Callable[[list[Any]], None],
        deadline: Deadline,
        done: Delivery,
    ) -> None:
        try:
            for wave in waves(releases):
                order(wave)
                ready = [each for each in wave if each.image_name not in done.refused_images]
                for some in batches(ready, ENTRIES_PER_BATCH):
                    if done.stuck or deadline.passed():
                        return
                    self._publish(target, some, deadline, done)
        except (HubBrokenError, CallFailedError) as error:
            self._log.error("table not readable", extra={**target.fields(), "problem": str(error)})
        except Exception:  # noqa: BLE001 - a bug in one target must not affect the others
            self._log.exception("target failed unexpectedly", extra=target.fields())

    def _keep_problems(self, done: Delivery, deadline: Deadline) -> None:
        """Write the failures for readers of the rows, after everything was published.

        If one is not written, the others of this delivery are not tried: each would wait as long.
        """
        for release, problem in done.news[:MOST_PROBLEMS]:
            if deadline.passed():
                return
            try:
                self._rows.keep_problem(release, problem, self._clock())
            except Exception as error:  # noqa: BLE001 - it is only information
                fields = {**_fields(release), "problem": str(error)}
                self._log.warning("problem not written", extra=fields)
                return

    def _publish(
        self, target: Target, releases: Sequence[Release], deadline: Deadline, done: Delivery
    ) -> None:
        """Publish the releases of a batch that are still pending.

        The rows are read again, since another invocation can have announced them in the meantime.
        """
        keys = [Key.of(release) for release in releases]
        found = self._rows.read(keys)
        pending = {Key.of(release): release for release in found.releases}
        made = {key: each for key, r in pending.items() if (each := self._rendered(r))}
        done.unreadable |= found.unreadable | (pending.keys() - made.keys())
        done.gone |= {key for key in keys if key not in pending and key not in found.unreadable}
        if not made:
            return
        results = self._publisher.publish(target, list(made.values()))
        refused = [
            result
            for key, each in made.items()
            if (result := self._settle(key, pending[key], results[each.event_id], deadline, done))
        ]
        done.stuck = _is_stuck(refused, len(made))
        done.news += [
            (pending[key], problem)
            for key in made
            if (problem := done.problems.get(key)) and problem.code != found.problems.get(key)
        ]

    def _settle(
        self, key: Key, release: Release, result: str | Failure, deadline: Deadline, done: Delivery
    ) -> Failure | None:
        """Record SNS's response for a release; returns the failure, if any."""
        fields = _fields(release)
        if isinstance(result, Failure):
            done.problems[key] = result
            done.refused_images.add(release.image_name)
            self._log.warning("release not accepted", extra={**fields, **_reason(result)})
            return result
        done.accepted.add(key)
        if not self._mark(release, result, fields, deadline):
            done.unmarked.add(key)
        return None

    def _rendered(self, release: Release) -> Announcement | None:
        """The announcement, or None if the release is damaged; other releases are not affected."""
        try:
            return announcement(release)
        except MalformedError as error:
            self._log.error("row malformed", extra={"problem": str(error)})
        except Exception:  # noqa: BLE001 - an unexpected value
            where = {**release.target.fields(), "image_name": release.image_name}
            self._log.exception("release not announceable", extra=where)
        return None

    def _mark(
        self,
        release: Release,
        message_id: str,
        fields: Mapping[str, object],
        deadline: Deadline,
    ) -> bool:
        try:
            self._write_mark(release, message_id, deadline)
        except Exception as error:  # noqa: BLE001 - the other releases of the batch must still be marked
            # It stays pending, so the next sweep publishes an identical copy.
            self._log.error("release not marked", extra={**fields, "problem": str(error)})
            return False
        self._log.info("release announced", extra={**fields, "message_id": message_id})
        return True

    def _write_mark(self, release: Release, message_id: str, deadline: Deadline) -> None:
        """Mark a release as published, once the table has the capacity.

        Raises:
            CallFailedError: the table failed, or had no capacity until the deadline.
        """
        region, moment = release.target.region, self._clock()
        while True:
            begun = self._pace.turn(region, deadline.seconds_to_answer())
            try:
                self._rows.mark(release, message_id, moment)
            except CallFailedError as error:
                if begun is None or error.failure.state is not State.THROTTLED:
                    raise
                self._pace.slow_down(region, begun)
            else:
                self._pace.speed_up(region)
                return


def _fields(release: Release) -> dict[str, object]:
    fields = {
        "event_id": release.event_id,
        "image_name": release.image_name,
        "round": release.round,
    }
    return {**fields, **release.target.fields()}


def _reason(problem: Failure) -> dict[str, object]:
    return {"state": problem.state, "code": problem.code, "detail": problem.detail}


def _is_stuck(problems: Sequence[Failure], entries: int) -> bool:
    """Whether a batch failed because of its topic, not because of one announcement."""
    if len(problems) < entries:
        return False
    return entries > 1 or problems[0].state not in ENTRY_STATES
