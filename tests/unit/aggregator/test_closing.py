"""Pending releases are closed if their target was removed for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from aws_lambda_powertools.metrics import MetricUnit
from support.builders.aggregator import TARGET, a_release, key_of_release, pending_row
from support.labs.relay_lab import BUSY, DENIED, EVERYTHING, GONE, NOW, OTHER, KilledError, Lab

from services.aggregator.event import Sweep
from services.aggregator.relay import Relay
from services.aggregator.report import RelayReport
from services.kernel.deadline import Deadline
from services.kernel.keys import image_record
from services.kernel.model import Pair, ParameterLookup, Release, Target
from services.kernel.observability import Measure
from services.kernel.records import encode_configuration
from services.kernel.wire import lookup_digest, timestamp

WEEK = timedelta(days=7)
LOOKUP = ParameterLookup("/images/al2023")


def aged(age: timedelta, name: str = "al2023", target: Target = TARGET) -> Release:
    """Build a release that was detected this long ago."""
    return a_release(name, target=target, detected_at=timestamp(NOW - age))


OLD = aged(WEEK)


def image_row(*, active: bool, target: Target = TARGET, name: str = "al2023") -> dict[str, Any]:
    """Build a row of a tracked image."""
    pair = Pair(target, name, active, LOOKUP, lookup_digest(LOOKUP))
    key = {"region": target.region, "record": image_record(target.account_id, name)}
    return encode_configuration(pair) | key


class Sweeps:
    """Sweeps of one process, with increasing time."""

    def __init__(self, *releases: Release, failing: bool = True) -> None:
        self.lab = Lab(*releases)
        if failing:
            self.lab.publisher.failing |= {TARGET: DENIED, OTHER: DENIED}
        self.seconds = 1000.0
        self._relay = self.start()

    def start(self) -> Relay:
        """Start a new process."""
        lab = self.lab
        self._relay = Relay(
            lab.rows,
            lab.publisher,
            lab.log,
            lambda: NOW,
            lambda _: None,
            lambda: self.seconds,
            lab.time.pace(),
        )
        return self._relay

    def sweep(self, deadline: Deadline | None = None) -> RelayReport:
        """Run the next sweep."""
        return self._relay.run(EVERYTHING, deadline or Deadline.after(60))

    def row(self, release: Release = OLD) -> dict[str, Any]:
        """Return the row of a release."""
        key = key_of_release(release)
        return self.lab.rows.table.row(key.region, key.record) or {}


@pytest.mark.parametrize("rows", [[], [image_row(active=False)]], ids=["no image", "not active"])
def test_an_old_release_of_a_target_without_active_images_is_closed(
    rows: list[dict[str, Any]],
) -> None:
    """The row has the closing time and is not pending; no message is published."""
    sweeps = Sweeps(OLD)
    for row in rows:
        sweeps.lab.rows.table.put(row)
    report = sweeps.sweep()
    expected = {k: v for k, v in pending_row(OLD).items() if k != "pending"}
    problem = {"code": "AccessDenied", "detail": "not authorized", "since": timestamp(NOW)}
    assert sweeps.row() == expected | {"closed_at": timestamp(NOW), "last_problem": problem}
    assert (report.closed, report.pending, report.oldest_seconds) == (1, 0, 0.0)
    assert sweeps.lab.publisher.published == []
    assert sweeps.lab.log.fields("release closed") == [
        {
            "event_id": OLD.event_id,
            "image_name": "al2023",
            "round": "2026-11-22T07:00:00Z",
            "region": "eu-west-1",
            "account_id": TARGET.account_id,
            "version": 2,
        }
    ]


def test_closed_releases_are_measured() -> None:
    """The metrics count closed releases, and pending ones without them."""
    sweeps = Sweeps(OLD, aged(WEEK, "b"), aged(timedelta(days=1), "c"))
    assert list(sweeps.sweep().measures())[-3:] == [
        Measure("PendingReleases", 1),
        Measure("OldestPendingSeconds", 86_400.0, MetricUnit.Seconds),
        Measure("ReleasesClosed", 2),
    ]


@pytest.mark.parametrize(
    ("age", "closed"), [(WEEK - timedelta(seconds=1), 0), (WEEK, 1), (timedelta(days=400), 1)]
)
def test_a_release_is_closed_after_a_week(age: timedelta, closed: int) -> None:
    """A release is closed only after a week, because faults can last for days."""
    assert Sweeps(aged(age)).sweep().closed == closed


def damaged_image_row(**damage: object) -> dict[str, Any]:
    """Build an image row that cannot be decoded."""
    return image_row(active=False) | damage


@pytest.mark.parametrize(
    "row",
    [
        image_row(active=True),
        image_row(active=True, name="another"),
        damaged_image_row(active="no"),
        damaged_image_row(lookup={}),
        damaged_image_row(image_name="another"),
        {"region": "eu-west-1", "record": image_record(TARGET.account_id, "empty")},
    ],
    ids=["active", "another image", "not a boolean", "no lookup", "another key", "empty"],
)
def test_a_target_that_may_be_active_keeps_its_releases(row: dict[str, Any]) -> None:
    """An image row that cannot be decoded may be an active one."""
    sweeps = Sweeps(OLD)
    sweeps.lab.rows.table.put(image_row(active=False, name="removed"))
    sweeps.lab.rows.table.put(row)
    report = sweeps.sweep()
    assert (report.closed, report.pending) == (0, 1)
    stored = {name: value for name, value in sweeps.row().items() if name != "last_problem"}
    assert stored == pending_row(OLD)


@pytest.mark.parametrize(
    "elsewhere",
    [OTHER, Target(TARGET.account_id, "us-east-1"), Target("999988887777", TARGET.region)],
    ids=str,
)
def test_images_of_another_target_do_not_prevent_closing(elsewhere: Target) -> None:
    """Images of another account or region do not keep the target's releases pending."""
    sweeps = Sweeps(OLD)
    sweeps.lab.rows.table.put(image_row(active=True, target=elsewhere))
    assert sweeps.sweep().closed == 1


def test_a_topic_that_accepts_the_release_gets_it() -> None:
    """The release is published if possible before it would be closed."""
    sweeps = Sweeps(OLD, failing=False)
    report = sweeps.sweep()
    assert (report.announced.total(), report.closed) == (1, 0)
    assert "closed_at" not in sweeps.row()


def test_a_row_that_cannot_be_decoded_is_not_closed() -> None:
    """The age and target of the row are unknown; another alarm covers it."""
    sweeps = Sweeps()
    row = pending_row(OLD) | {"kind": "unknown"}
    sweeps.lab.rows.table.put(row)
    report = sweeps.sweep()
    assert (report.closed, report.unreadable) == (0, 1)
    assert sweeps.row() == row


def test_all_versions_of_an_image_are_closed() -> None:
    """Versions that an older one holds back are closed too, over all pages of a sweep."""
    sweeps = Sweeps(*(a_release(version=n, detected_at=OLD.detected_at) for n in (1, 2, 3)))
    sweeps.lab.rows.page_size = 1
    assert sweeps.sweep().closed == 3
    assert sweeps.lab.pending() == []


def test_the_image_rows_of_a_target_are_queried_once_an_hour() -> None:
    """Sweeps run every five minutes, but query the image rows of a target once an hour."""
    sweeps = Sweeps(OLD, aged(WEEK, "b"), aged(WEEK, target=OTHER))
    for target in (TARGET, OTHER):
        sweeps.lab.rows.table.put(image_row(active=True, target=target))
    looks = sweeps.lab.rows.looks
    for _ in range(12):
        sweeps.sweep()
        sweeps.seconds += 299
    assert sorted(looks) == sorted([TARGET, OTHER])
    sweeps.seconds += 12
    sweeps.sweep()
    assert len(looks) == 4


def test_without_an_overdue_release_no_image_row_is_queried() -> None:
    """Image rows are queried only for an overdue release, and at once for the first one."""
    sweeps = Sweeps(aged(timedelta(days=1)))
    sweeps.sweep()
    assert sweeps.lab.rows.looks == []
    sweeps.lab.given(aged(WEEK, "b"))
    assert sweeps.sweep().closed == 1


def test_the_stream_closes_nothing() -> None:
    """The stream does not close releases, because it must not be delayed."""
    lab = Lab(OLD)
    lab.publisher.failing[TARGET] = DENIED
    report = lab.stream(OLD)
    assert (report.closed, report.pending, lab.rows.looks) == (0, 1, [])


@pytest.mark.parametrize("error", [GONE, BUSY, ZeroDivisionError()], ids=["gone", "busy", "bug"])
def test_image_rows_that_cannot_be_read_close_nothing(error: Exception) -> None:
    """If it is unknown whether images are active, nothing is closed, and the sweep continues."""
    sweeps = Sweeps(OLD)
    sweeps.lab.rows.unreadable_images = error
    report = sweeps.sweep()
    assert (report.closed, report.pending) == (0, 1)
    assert len(sweeps.lab.log.fields("image rows not readable")) == 1


@pytest.mark.parametrize("error", [GONE, BUSY, ZeroDivisionError()], ids=["gone", "busy", "bug"])
def test_a_row_that_cannot_be_written_stays_pending(error: Exception) -> None:
    """Closing is tried again an hour later."""
    sweeps = Sweeps(OLD)
    sweeps.lab.rows.unmarkable = error
    report = sweeps.sweep()
    assert (report.closed, report.pending) == (0, 1)
    assert len(sweeps.lab.log.fields("release not closed")) == 1
    sweeps.lab.rows.unmarkable = None
    sweeps.seconds += 3600
    assert sweeps.sweep().closed == 1


def test_a_kill_while_closing_loses_nothing() -> None:
    """After a kill, a new process queries the image rows again and closes the release."""
    sweeps = Sweeps(OLD)
    sweeps.lab.rows.unmarkable = KilledError()
    with pytest.raises(KilledError):
        sweeps.sweep()
    sweeps.lab.rows.unmarkable = None
    sweeps.start()
    assert sweeps.sweep().closed == 1


def test_an_unmarked_publication_is_not_closed() -> None:
    """The next sweep marks the row as published."""
    sweeps = Sweeps(OLD, failing=False)
    sweeps.lab.rows.unmarkable = BUSY
    report = sweeps.sweep()
    assert (report.announced.total(), report.closed, sweeps.lab.rows.looks) == (1, 0, [])


def test_without_time_nothing_is_closed() -> None:
    """Releases that were not closed are counted."""
    sweeps = Sweeps(OLD)
    report = sweeps.sweep(Deadline(lambda: 0.0, 0.0))
    assert (report.closed, report.pending, sweeps.lab.rows.looks) == (0, 1, [])


def test_a_closed_release_is_not_announced_after_its_target_is_added_again() -> None:
    """The next release of the image is announced, and the closed one does not hold it back."""
    sweeps = Sweeps(OLD)
    sweeps.sweep()
    lab = sweeps.lab
    lab.publisher.heal()
    lab.given(a_release(version=3))
    lab.stream(OLD, a_release(version=3))
    lab.sweep(Sweep())
    assert lab.publisher.names() == [("al2023", 3)]
