"""The order of an image's events, with any rows between two of its pending releases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.aggregator import (
    TARGET,
    a_release,
    key_of_release,
    pending_row,
    published_row,
)
from support.labs.relay_lab import BUSY, FIRST, GONE, MALFORMED, NOW, OTHER, THROTTLED, Lab

from services.aggregator.event import Sweep
from services.aggregator.outbox import Key
from services.kernel.deadline import Deadline
from services.kernel.errors import HubBrokenError
from services.kernel.model import Kind, Release
from services.kernel.wire import timestamp

YOUNG = timestamp(NOW - timedelta(seconds=1))


def v(version: int, name: str = "al2023", **more: str) -> Release:
    """Build a version of an image."""
    return a_release(name, version, **more)  # type: ignore[arg-type] # only texts are given


def unannounced(version: int, kind: Kind = Kind.RECONFIGURED) -> dict[str, object]:
    """Build a row of a release that is not to be announced."""
    row = pending_row(a_release(version=version, kind=kind))
    del row["pending"]
    return row


def damaged(version: int) -> dict[str, object]:
    """Build a pending row that cannot be decoded."""
    return pending_row(a_release(version=version)) | {"kind": "unknown"}


def closed(version: int) -> dict[str, object]:
    """Build a row that was closed."""
    return unannounced(version, Kind.RELEASE) | {"closed_at": "2026-11-01T07:00:00.000Z"}


BETWEEN = {
    "nothing": [],
    "a row that is not announced": [unannounced(3)],
    "many rows that are not announced": [unannounced(version) for version in range(3, 40)],
    "a row that cannot be decoded": [damaged(3)],
    "several that cannot be decoded": [damaged(3), damaged(4), damaged(5)],
    "a row that was closed": [closed(3)],
    "rows that were closed and not announced": [closed(3), unannounced(4), closed(5)],
    "a damaged row before one that is not announced": [damaged(3), unannounced(4)],
    "a damaged row after one that is not announced": [unannounced(3), damaged(4)],
}
between = pytest.mark.parametrize("rows", BETWEEN.values(), ids=BETWEEN)


def gap(rows: list[dict[str, object]], missing: int = 0) -> tuple[Lab, Release, Release]:
    """Build a lab with version 2 pending, the rows, missing rows, and a pending release."""
    two, last = v(2), v(3 + len(rows) + missing)
    lab = Lab(two, last)
    for row in rows:
        lab.rows.table.put(row)
    return lab, two, last


def names(*releases: Release) -> list[tuple[str, int]]:
    """Return image name and version of releases."""
    return [(release.image_name, release.version) for release in releases]


@between
@pytest.mark.parametrize("missing", [0, 1, 7])
def test_the_stream_sends_the_older_release_first(
    rows: list[dict[str, object]], missing: int
) -> None:
    """Subscribers receive the newest image last, whatever rows are between two pending ones."""
    lab, two, last = gap(rows, missing)
    lab.stream(last)
    assert lab.publisher.names() == names(two, last)


@between
@pytest.mark.parametrize("page_size", [1, 2, 100])
def test_a_sweep_sends_the_older_release_first(
    rows: list[dict[str, object]], page_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order holds even if the index lists the newer release on an earlier page."""
    lab, two, last = gap(rows)
    pages = lab.rows.pending
    lab.rows.page_size = page_size
    monkeypatch.setattr(lab.rows, "pending", lambda: reversed([p[::-1] for p in pages()]))
    report = lab.sweep()
    assert lab.publisher.names() == names(two, last)
    unreadable = sum("pending" in row for row in rows)
    assert (report.pending, report.unreadable) == (unreadable, unreadable)
    assert report.announced.total() == 2


@between
def test_an_older_release_that_is_rejected_holds_back_the_newer_one(
    rows: list[dict[str, object]],
) -> None:
    """The stream and a sweep hold it back; both releases arrive in order after the repair."""
    lab, two, last = gap(rows)
    lab.publisher.refused["al2023"] = MALFORMED
    lab.stream(last)
    lab.sweep()
    assert [each.attributes["version"] for _, each in lab.publisher.published] == []
    lab.publisher.heal()
    lab.sweep()
    assert lab.publisher.names() == names(two, last)


def test_a_release_that_failed_while_its_topic_was_down_is_sent_before_a_later_one() -> None:
    """Version 3 is not announced, so only the index shows version 2 before version 4."""
    lab = Lab(v(2))
    lab.publisher.failing[TARGET] = THROTTLED
    lab.stream(v(2))
    lab.publisher.heal()
    lab.rows.table.put(unannounced(3))
    lab.stream(v(3))
    lab.given(v(4))
    report = lab.stream(v(4))
    assert lab.publisher.names() == names(v(2), v(4))
    assert report.answer() == {"batchItemFailures": [], "announced": 2, "pending": 0}


def test_an_older_release_is_sent_whatever_its_age() -> None:
    """A sweep skips young releases, but publishes an older version before a newer one."""
    lab = Lab(v(2, detected_at=YOUNG), v(4))
    lab.rows.table.put(unannounced(3))
    report = lab.sweep(Sweep(older_than_seconds=30))
    assert lab.publisher.names() == names(v(2), v(4))
    assert report.pending == 0


def test_a_newer_release_that_is_young_stays_pending() -> None:
    """Only older versions of a due release are published with it."""
    lab = Lab(v(2), v(4, detected_at=YOUNG))
    lab.rows.table.put(unannounced(3))
    report = lab.sweep(Sweep(older_than_seconds=30))
    assert lab.publisher.names() == names(v(2))
    assert report.pending == 1


def test_a_newer_pending_release_stays_with_the_stream() -> None:
    """The stream contains the newer release in a later record."""
    lab = Lab(v(2), v(4), v(6))
    lab.stream(v(4))
    assert lab.publisher.names() == names(v(2), v(4))


@pytest.mark.parametrize(
    ("rows", "last", "expected"),
    [
        ([unannounced(1, Kind.BASELINE)], 2, 0),
        ([], 2, 0),
        ([], 1, 0),
        ([published_row(v(1))], 2, 0),
        ([published_row(v(2))], 3, 0),
        ([unannounced(2)], 3, 1),
        ([], 3, 1),
        ([closed(2)], 3, 1),
        ([damaged(2)], 3, 0),
        ([damaged(2), damaged(3), unannounced(1, Kind.BASELINE)], 4, 0),
    ],
)
def test_the_index_is_queried_only_if_needed(
    rows: list[dict[str, object]], last: int, expected: int
) -> None:
    """The index is not queried after a published release or if there is no older version."""
    lab = Lab(v(last))
    for row in rows:
        lab.rows.table.put(row)
    lab.stream(v(last))
    assert len(lab.rows.searches) == expected
    assert lab.publisher.names() == names(v(last))


def test_the_index_is_queried_once_for_an_image() -> None:
    """A batch with several versions of an image queries the index once."""
    lab = Lab(v(2), v(5), v(8))
    lab.stream(v(5), v(8))
    assert lab.rows.searches == [key_of_release(v(8))]
    assert lab.publisher.names() == names(v(2), v(5), v(8))


def test_images_with_a_common_prefix_are_separate() -> None:
    """Images with longer names and other targets or regions are not published with it."""
    others = [v(1, "al2023-arm"), v(1, "al202"), a_release(version=1, target=OTHER)]
    lab = Lab(*others, v(1), v(4))
    lab.stream(v(4))
    assert lab.publisher.names() == names(v(1), v(4))
    assert lab.publisher.names(OTHER) == []


@pytest.mark.parametrize("error", [GONE, BUSY], ids=["gone", "busy"])
def test_an_index_that_cannot_be_read_is_reported_to_the_stream(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is published, because it might be out of order; a sweep fails and raises an alarm."""
    lab = Lab(v(2), v(4))

    def fail(_: Key) -> list[Key]:
        raise error

    monkeypatch.setattr(lab.rows, "pending_before", fail)
    report = lab.stream(v(4))
    assert report.answer()["batchItemFailures"] == [{"itemIdentifier": FIRST}]
    with pytest.raises((HubBrokenError, type(BUSY))):
        lab.sweep()
    assert lab.publisher.calls == []


def test_without_time_the_index_is_not_queried() -> None:
    """Pending releases are counted and stay pending."""
    lab = Lab(v(2), v(4))
    report = lab.stream(v(4), deadline=Deadline(lambda: 0.0, 0.0))
    assert (lab.rows.searches, lab.publisher.calls, report.pending) == ([], [], 1)


def test_an_unmarked_release_is_not_sent_again_by_the_same_sweep() -> None:
    """A later page finds the unmarked release in the index and does not publish it again."""
    lab = Lab(v(1), v(2), v(3))
    lab.rows.page_size = 1
    lab.rows.unmarkable = BUSY
    report = lab.sweep()
    assert lab.publisher.names() == names(v(1), v(2), v(3))
    assert report.announced.total() == 3


states = st.lists(
    st.sampled_from(["pending", "unannounced", "damaged", "closed", "missing"]),
    min_size=1,
    max_size=9,
)


@given(states, st.integers(1, 4), st.booleans(), st.integers(0, 9))
def test_any_history_is_announced_in_order(
    states: list[str],
    page_size: int,
    turned: bool,  # noqa: FBT001 - drawn
    streamed: int,
) -> None:
    """Every pending release that can be decoded arrives once, in version order."""
    make = {"unannounced": unannounced, "damaged": damaged, "closed": closed}
    lab = Lab()
    for version, state in enumerate(states, start=1):
        if state == "pending":
            lab.given(v(version))
        elif state in make:
            lab.rows.table.put(make[state](version))
    lab.rows.page_size = page_size
    if streamed:
        lab.stream(v(min(streamed, len(states))))
    if turned:
        pages = [page[::-1] for page in lab.rows.pending()][::-1]
        lab.rows.pending = lambda: iter(pages)  # type: ignore[method-assign] # its order
    lab.sweep()
    pending = [version for version, state in enumerate(states, start=1) if state == "pending"]
    assert lab.publisher.names() == [("al2023", version) for version in pending]
