"""The relay announces at least once and in order, and isolates the failures of targets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from aws_lambda_powertools.metrics import MetricUnit
from hypothesis import given
from hypothesis import strategies as st
from support.builders.aggregator import ACCOUNT, TARGET, a_release, pending_row, published_row
from support.labs.relay_lab import (
    BUSY,
    DENIED,
    EVERYTHING,
    FIRST,
    GONE,
    MALFORMED,
    NOW,
    OTHER,
    THROTTLED,
    KilledError,
    Lab,
)

from services.aggregator.announce import Announcement, announcement
from services.aggregator.event import Sweep
from services.aggregator.outbox import Found, Key
from services.aggregator.relay import Relay
from services.kernel.deadline import Deadline
from services.kernel.errors import Failure
from services.kernel.model import Release, State, Target
from services.kernel.observability import Measure
from services.kernel.wire import timestamp

TOPIC_FAILURES = [
    Failure.of(state, "Code", "why")
    for state in State
    if state not in {State.OK, State.BAD_LOOKUP, State.UNCLASSIFIED}
]


def releases(count: int, target: Target = TARGET) -> list[Release]:
    """Build this number of releases of different images."""
    return [a_release(f"image-{number:03d}", target=target) for number in range(count)]


def of_workers(seconds_left: Callable[[], float]) -> Deadline:
    """Build a deadline that is near for publishing threads and far for the main thread."""

    def left() -> float:
        main = threading.current_thread() is threading.main_thread()
        return 60.0 if main else seconds_left()

    return Deadline(left, 0.0)


# --- the usual case


def test_a_release_is_published_and_marked() -> None:
    """The topic gets the announcement; the row gets time and message id."""
    release = a_release()
    lab = Lab(release)
    report = lab.stream(release)
    assert lab.publisher.published == [(TARGET, announcement(release))]
    expected = published_row(release) | {"published_at": timestamp(NOW)}
    assert lab.rows.table.rows() == [expected]
    assert report.answer() == {"batchItemFailures": [], "announced": 1, "pending": 0}


def test_an_announcement_is_logged_with_its_message_id() -> None:
    """The log shows whether and when an event was announced."""
    release = a_release()
    lab = Lab(release)
    lab.stream(release)
    assert lab.log.fields("release announced") == [
        {
            "event_id": release.event_id,
            "image_name": "al2023",
            "round": "2026-11-22T07:00:00Z",
            "region": "eu-west-1",
            "account_id": ACCOUNT,
            "message_id": "message-1",
        }
    ]


def test_each_release_goes_to_its_own_target() -> None:
    """The account and region of the row select the topic."""
    here, there = a_release(), a_release(target=OTHER)
    lab = Lab(here, there)
    lab.stream(here, there)
    assert lab.publisher.names(TARGET) == [("al2023", 2)]
    assert lab.publisher.names(OTHER) == [("al2023", 2)]


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [1]), (10, [10]), (11, [10, 1]), (25, [10, 10, 5])]
)
def test_ten_announcements_share_a_call(count: int, expected: list[int]) -> None:
    """Announcements take as few calls as possible."""
    lab = Lab(*releases(count))
    lab.sweep()
    assert lab.publisher.calls == [(TARGET, size) for size in expected]


def test_more_targets_than_threads_are_all_processed() -> None:
    """With more targets than threads, each target gets its own release."""
    targets = [Target(f"{number:012d}", "eu-west-1") for number in range(40)]
    lab = Lab(*(a_release(target=target) for target in targets))
    assert lab.sweep().announced == {"eu-west-1": 40}
    assert sorted(target for target, _ in lab.publisher.published) == targets


def test_a_published_release_is_not_published_again() -> None:
    """A stream may deliver a record more than once, and the event is sent once."""
    release = a_release()
    lab = Lab(release)
    lab.stream(release)
    lab.stream(release)
    assert lab.publisher.copies() == {release.event_id: 1}


def test_a_record_that_is_twice_in_a_batch_is_one_event() -> None:
    """A batch that contains a key twice causes one event."""
    release = a_release()
    lab = Lab(release)
    lab.stream(release, release)
    assert lab.publisher.copies() == {release.event_id: 1}


@pytest.mark.parametrize("name", ["not to be announced", "no row"])
def test_a_release_that_is_not_pending_is_not_announced(name: str) -> None:
    """The stream shows every release; only rows with `pending` are announced."""
    release = a_release()
    lab = Lab()
    if name != "no row":
        row = pending_row(release)
        del row["pending"]
        lab.rows.table.put(row)
    report = lab.stream(release)
    assert (lab.publisher.calls, report.announced.total(), report.pending) == ([], 0, 0)


def test_an_empty_batch_is_no_error() -> None:
    """An empty batch and a sweep without pending releases succeed."""
    lab = Lab()
    expected = {"batchItemFailures": [], "announced": 0, "pending": 0}
    assert expected == lab.stream().answer() == lab.sweep().answer()


# --- at least once


def test_a_release_that_the_stream_missed_is_swept() -> None:
    """The sweep announces a pending release however long ago it was committed."""
    old = a_release(detected_at="2025-01-01T00:00:00.000Z")
    lab = Lab(old)
    lab.sweep()
    assert lab.publisher.copies() == {old.event_id: 1}


def test_a_kill_between_publishing_and_marking_causes_an_identical_copy() -> None:
    """The next sweep publishes a copy with the same bytes."""
    release = a_release()
    lab = Lab(release)
    lab.rows.unmarkable = KilledError()
    with pytest.raises(KilledError):
        lab.stream(release)
    lab.rows.unmarkable = None
    lab.sweep()
    one, copy = lab.publisher.published
    assert one == copy
    assert lab.pending() == []


@pytest.mark.parametrize("error", [GONE, BUSY], ids=["gone", "busy"])
def test_a_mark_that_fails_is_tolerated(error: Exception) -> None:
    """The release counts as announced, other releases are marked, and a copy follows."""
    one, two = releases(2)
    lab = Lab(one, two)
    lab.rows.unmarkable = error
    report = lab.stream(one, two)
    assert report.answer() == {"batchItemFailures": [], "announced": 2, "pending": 0}
    assert len(lab.log.fields("release not marked")) == 2
    assert lab.log.events("info") == []
    lab.rows.unmarkable = None
    lab.sweep()
    assert lab.publisher.copies() == {one.event_id: 2, two.event_id: 2}
    assert lab.publisher.published[:2] == lab.publisher.published[2:]


@pytest.mark.parametrize("error", [GONE, BUSY], ids=["gone", "busy"])
def test_a_table_that_cannot_be_read_is_reported_to_the_stream(error: Exception) -> None:
    """Lambda retries the batch from its first record."""
    release = a_release()
    lab = Lab(release)
    lab.rows.unreadable = error
    report = lab.stream(release)
    assert report.answer()["batchItemFailures"] == [{"itemIdentifier": FIRST}]
    assert lab.log.fields("table not readable") == [{"problem": str(error)}]
    assert lab.publisher.calls == []


@pytest.mark.parametrize("error", [GONE, BUSY], ids=["gone", "busy"])
def test_a_table_that_cannot_be_read_fails_a_sweep(error: Exception) -> None:
    """The sweep fails, which raises the alarm for the function's errors."""
    lab = Lab(a_release())
    lab.rows.unreadable = error
    with pytest.raises(type(error)):
        lab.sweep()


# --- failing topics


@pytest.mark.parametrize("failure", TOPIC_FAILURES, ids=lambda found: found.state.value)
def test_a_failing_topic_affects_only_its_own_releases(failure: Failure) -> None:
    """The failing topic is not reported, because a retry would send the other releases again."""
    ours, theirs = a_release(), a_release(target=OTHER)
    lab = Lab(ours, theirs)
    lab.publisher.failing[TARGET] = failure
    report = lab.stream(ours, theirs)
    assert report.answer() == {"batchItemFailures": [], "announced": 1, "pending": 1}
    assert dict(report.announced) == {"us-east-1": 1}
    assert dict(report.failures) == {(failure.state.value, "eu-west-1"): 1}
    assert lab.publisher.names(OTHER) == [("al2023", 2)]
    assert lab.pending() == [("al2023", 2)]


def test_a_rejected_announcement_is_logged_with_its_cause() -> None:
    """The log has event, target, state, code and the service's own message."""
    release = a_release()
    lab = Lab(release)
    lab.publisher.failing[TARGET] = DENIED
    lab.stream(release)
    assert lab.log.fields("release not accepted") == [
        {
            "event_id": release.event_id,
            "image_name": "al2023",
            "round": "2026-11-22T07:00:00Z",
            "region": "eu-west-1",
            "account_id": ACCOUNT,
            "state": State.ACCESS_DENIED,
            "code": "AccessDenied",
            "detail": "not authorized",
        }
    ]


def test_a_failing_topic_gets_one_call() -> None:
    """Releases without an attempt stay pending, because further calls only take time."""
    lab = Lab(*releases(25))
    lab.publisher.failing[TARGET] = DENIED
    report = lab.sweep()
    assert lab.publisher.calls == [(TARGET, 10)]
    assert (report.pending, report.failures.total()) == (25, 10)


def test_a_failing_topic_gets_one_call_in_a_sweep_of_many_pages() -> None:
    """The pages of the other targets are published."""
    lab = Lab(*releases(6), *releases(6, OTHER))
    lab.rows.page_size = 2
    lab.publisher.failing[TARGET] = DENIED
    report = lab.sweep()
    assert [call for call in lab.publisher.calls if call[0] == TARGET] == [(TARGET, 2)]
    assert dict(report.announced) == {"us-east-1": 6}
    assert report.pending == 6


def test_a_repaired_topic_gets_all_releases_in_order() -> None:
    """No release was lost while the topic was gone."""
    lab = Lab(*(a_release(version=version) for version in (1, 2, 3)))
    lab.publisher.failing[TARGET] = THROTTLED
    lab.sweep()
    lab.publisher.heal()
    lab.sweep()
    assert lab.publisher.names() == [("al2023", 1), ("al2023", 2), ("al2023", 3)]
    assert lab.pending() == []


def test_an_unexpected_error_in_one_target_does_not_affect_others() -> None:
    """The error is logged as unexpected, and the target's releases stay pending."""
    ours, theirs = a_release(), a_release(target=OTHER)
    lab = Lab(ours, theirs)
    lab.publisher.failing[TARGET] = ZeroDivisionError()
    report = lab.stream(ours, theirs)
    assert report.answer() == {"batchItemFailures": [], "announced": 1, "pending": 1}
    assert lab.log.events("exception") == ["target failed unexpectedly"]
    assert lab.log.fields("target failed unexpectedly") == [
        {"region": "eu-west-1", "account_id": ACCOUNT}
    ]
    assert not report.failures


# --- announcements that fail, and order


@pytest.mark.parametrize("state", [State.BAD_LOOKUP, State.UNCLASSIFIED])
def test_a_failing_announcement_does_not_affect_others(state: State) -> None:
    """Announcements in the same call and in later calls are published."""
    failing = a_release("image-000-failing")
    lab = Lab(failing, *releases(24))
    lab.publisher.refused["image-000-failing"] = Failure.of(state, "Code", "why")
    report = lab.sweep()
    assert lab.publisher.calls == [(TARGET, 10), (TARGET, 10), (TARGET, 5)]
    assert (report.announced.total(), report.pending) == (24, 1)
    assert lab.pending() == [("image-000-failing", 2)]


@pytest.mark.parametrize("state", [State.BAD_LOOKUP, State.UNCLASSIFIED])
@pytest.mark.parametrize("page_size", [100, 4])
def test_a_topic_that_rejects_a_whole_batch_gets_one_call(state: State, page_size: int) -> None:
    """A rejected batch shows that the topic fails, and further calls only take time."""
    failing = Failure.of(state, "Code", "why")
    ours = [a_release(f"image-{n:03d}", version) for n in range(15) for version in (1, 2)]
    lab = Lab(*ours, *releases(5, OTHER))
    lab.rows.page_size = page_size
    lab.publisher.failing[TARGET] = failing
    report = lab.sweep()
    assert [where for where, _ in lab.publisher.calls if where == TARGET] == [TARGET]
    assert (report.pending, report.announced.total()) == (30, 5)


@pytest.mark.parametrize("page_size", [100, 4])
def test_a_topic_that_accepts_a_part_gets_further_calls(page_size: int) -> None:
    """A topic that accepts part of a batch works, whatever happens to the rest."""
    lab = Lab(*releases(24))
    lab.rows.page_size = page_size
    lab.publisher.refused["image-000"] = THROTTLED
    report = lab.sweep()
    assert (report.announced.total(), report.pending) == (23, 1)


@pytest.mark.parametrize("state", [State.BAD_LOOKUP, State.UNCLASSIFIED])
def test_the_rejection_of_a_single_entry_does_not_stop_the_target(state: State) -> None:
    """The failure of the only entry of a call does not show that the topic fails."""
    lab = Lab(*releases(4))
    lab.rows.page_size = 1
    lab.publisher.refused["image-000"] = Failure.of(state, "Code", "why")
    lab.sweep()
    assert lab.publisher.names() == [("image-001", 2), ("image-002", 2), ("image-003", 2)]


def test_the_versions_of_an_image_are_published_in_order() -> None:
    """Versions are published in order whatever order they are read in."""
    versions = [a_release("b", version) for version in (3, 1, 2)]
    lab = Lab(*versions, a_release("a"), a_release("c"))
    lab.stream(*versions, a_release("c"), a_release("a"))
    assert lab.publisher.names() == [("a", 2), ("b", 1), ("c", 2), ("b", 2), ("b", 3)]


def test_a_version_that_fails_holds_back_the_later_ones_of_its_image() -> None:
    """Later versions stay pending, and are published in order after the repair."""
    versions = [a_release("b", version) for version in (1, 2, 3)]
    lab = Lab(*versions, a_release("a", 1), a_release("a", 2))
    lab.publisher.refused["b"] = MALFORMED
    report = lab.sweep()
    assert lab.publisher.names() == [("a", 1), ("a", 2)]
    assert (report.pending, report.failures.total()) == (3, 1)
    lab.publisher.heal()
    lab.sweep()
    assert lab.publisher.names()[2:] == [("b", 1), ("b", 2), ("b", 3)]


@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_a_failing_announcement_does_not_affect_other_pages_of_a_sweep(page_size: int) -> None:
    """Held-back versions of its image do not show that the topic fails."""
    failing = [a_release("a-failing", version) for version in (1, 2)]
    lab = Lab(*failing, *releases(4))
    lab.rows.page_size = page_size
    lab.publisher.refused["a-failing"] = MALFORMED
    report = lab.sweep()
    assert lab.publisher.names() == [(r.image_name, 2) for r in releases(4)]
    assert report.pending == 2
    assert lab.pending() == [("a-failing", 1), ("a-failing", 2)]


def test_versions_are_held_back_over_the_pages_of_a_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page may end between two versions of an image."""
    lab = Lab(*(a_release(version=version) for version in (1, 2, 3)))
    lab.rows.page_size = 1
    broken = lab.publisher.publish

    def refuse_first(
        target: Target, announcements: Sequence[Announcement]
    ) -> dict[str, str | Failure]:
        if any(each.attributes["version"] == 1 for each in announcements):
            return {each.event_id: MALFORMED for each in announcements}
        return broken(target, announcements)

    monkeypatch.setattr(lab.publisher, "publish", refuse_first)
    report = lab.sweep()
    assert lab.publisher.names() == []
    assert report.pending == 3


# --- order over several invocations


def test_a_pending_release_of_an_earlier_invocation_goes_first() -> None:
    """Subscribers receive the newest image last, not the delayed one."""
    two, three = a_release(version=2), a_release(version=3)
    lab = Lab(two)
    lab.publisher.failing[TARGET] = THROTTLED
    lab.stream(two)
    lab.publisher.heal()
    lab.given(three)
    report = lab.stream(three)
    assert lab.publisher.names() == [("al2023", 2), ("al2023", 3)]
    assert report.answer() == {"batchItemFailures": [], "announced": 2, "pending": 0}
    assert lab.pending() == []


def test_all_pending_versions_of_an_image_go_first() -> None:
    """Pending versions are read one by one, only for images that have some."""
    lab = Lab(*(a_release(version=version) for version in (2, 3, 4, 5)), a_release("other"))
    lab.rows.table.put(published_row(a_release(version=1)))
    lab.stream(a_release(version=5), a_release(version=4), a_release("other"))
    assert lab.pending() == []
    assert [version for name, version in lab.publisher.names() if name == "al2023"] == [2, 3, 4, 5]
    assert lab.rows.reads[:3] == [5, 1, 1]
    assert lab.rows.searches == []


@pytest.mark.parametrize(("version", "keys"), [(1, 1), (2, 2)])
def test_the_predecessor_takes_no_further_call(version: int, keys: int) -> None:
    """The predecessor's key is read in the same call; a first version has no predecessor."""
    lab = Lab(a_release(version=version))
    lab.rows.table.put(published_row(a_release(version=3)))
    lab.stream(a_release(version=version))
    assert lab.rows.reads == [keys, 1]
    assert lab.rows.searches == []
    assert lab.publisher.names() == [("al2023", version)]


def test_pending_releases_of_other_images_stay_for_the_sweep() -> None:
    """Other images and targets have their own order."""
    left = [a_release("b", 1), a_release(version=1, target=OTHER)]
    lab = Lab(*left, a_release())
    lab.stream(a_release())
    assert lab.publisher.names() == [("al2023", 2)]
    assert lab.publisher.names(OTHER) == []


def test_a_release_that_is_rejected_again_holds_back_the_new_one() -> None:
    """The new release is held back until the failure is repaired."""
    two, three = a_release(version=2), a_release(version=3)
    lab = Lab(two, three)
    lab.publisher.refused["al2023"] = MALFORMED
    report = lab.stream(three)
    assert report.answer() == {"batchItemFailures": [], "announced": 0, "pending": 2}
    assert lab.publisher.calls == [(TARGET, 1)]
    lab.publisher.heal()
    lab.sweep()
    assert lab.publisher.names() == [("al2023", 2), ("al2023", 3)]


def test_a_failed_read_of_predecessors_is_reported_to_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is published, because it might be out of order."""
    lab = Lab(*(a_release(version=version) for version in (1, 2, 3)))
    read = lab.rows.read

    def once(keys: Sequence[Key]) -> Found:
        found = read(keys)
        lab.rows.unreadable = BUSY
        return found

    monkeypatch.setattr(lab.rows, "read", once)
    report = lab.stream(a_release(version=3))
    assert report.answer()["batchItemFailures"] == [{"itemIdentifier": FIRST}]
    assert lab.publisher.calls == []


def test_without_time_no_predecessor_is_read() -> None:
    """Earlier versions that are found could not be published any more."""
    lab = Lab(*(a_release(version=version) for version in (1, 2, 3, 4)))
    lab.stream(a_release(version=4), deadline=Deadline(lambda: 0.0, 0.0))
    assert lab.rows.reads == [2]
    assert lab.publisher.calls == []


# --- rows that cannot be decoded


def unreadable(name: str) -> dict[str, object]:
    """Build a pending row of a kind that only a newer deployment has."""
    return pending_row(a_release(name)) | {"kind": "unheard-of"}


def test_a_row_that_cannot_be_read_is_counted_by_a_sweep() -> None:
    """A row that cannot be decoded is counted as pending and as unreadable."""
    lab = Lab(a_release("good"))
    for name in ("bad", "worse"):
        lab.rows.table.put(unreadable(name))
    report = lab.sweep()
    assert report.answer() == {"batchItemFailures": [], "announced": 1, "pending": 2}
    assert list(report.measures())[-3:] == [
        Measure("PendingReleases", 2),
        Measure("OldestPendingSeconds", 0.0, MetricUnit.Seconds),
        Measure("UnreadableReleases", 2),
    ]


def test_a_row_that_cannot_be_read_is_pending_to_the_stream_too() -> None:
    """The stream counts the row as pending; only the sweep measures it."""
    lab = Lab()
    lab.rows.table.put(unreadable("bad"))
    report = lab.stream(a_release("bad"))
    assert report.answer() == {"batchItemFailures": [], "announced": 0, "pending": 1}
    assert list(report.measures()) == []


# --- sweeps skip young releases


@pytest.mark.parametrize(("age", "announced"), [(59.0, 0), (60.0, 1), (61.0, 1)])
def test_a_sweep_publishes_releases_that_are_old_enough(age: float, announced: int) -> None:
    """A young release is left to the stream, but counted."""
    detected = timestamp(NOW - timedelta(seconds=age))
    lab = Lab(a_release(detected_at=detected))
    report = lab.sweep(Sweep(older_than_seconds=60.0))
    assert (report.announced.total(), report.pending) == (announced, 1 - announced)


def test_a_later_version_never_overtakes_a_young_one() -> None:
    """Versions are detected in order, so the older version is due first."""
    old = a_release(version=1, detected_at="2026-11-22T07:00:00.000Z")
    young = a_release(version=2, detected_at=timestamp(NOW))
    lab = Lab(old, young)
    lab.sweep(Sweep(older_than_seconds=60.0))
    assert lab.publisher.names() == [("al2023", 1)]


# --- time


def test_without_time_nothing_is_published() -> None:
    """All releases stay pending, and no failure is reported."""
    lab = Lab(*releases(3))
    report = lab.stream(*releases(3), deadline=of_workers(lambda: 0.0))
    assert report.answer() == {"batchItemFailures": [], "announced": 0, "pending": 3}
    assert lab.publisher.calls == []
    assert not report.failures


def test_publishing_ends_between_two_calls_when_time_is_over() -> None:
    """Sent releases are marked; the others stay for the next sweep."""
    lab = Lab(*releases(25))
    calls = lab.publisher.calls
    report = lab.sweep(deadline=of_workers(lambda: 60.0 - 30.0 * len(calls)))
    assert calls == [(TARGET, 10), (TARGET, 10)]
    assert (report.announced.total(), report.pending) == (20, 5)
    lab.sweep()
    assert set(lab.publisher.copies().values()) == {1}


def by_page(*seconds: float) -> tuple[Lab, Deadline]:
    """Build six releases, two a page, with times left at each page and five seconds in reserve."""
    lab = Lab(*releases(6))
    lab.rows.page_size = 2
    return lab, Deadline(lambda: seconds[lab.rows.pages - 1], 5.0)


def test_a_sweep_counts_on_after_the_deadline() -> None:
    """The alarm must show a backlog that is too long for one sweep."""
    lab, deadline = by_page(60.0, 5.0, 4.0)
    report = lab.sweep(deadline=deadline)
    assert lab.publisher.calls == [(TARGET, 2)]
    assert (report.announced.total(), report.pending) == (2, 4)
    assert lab.rows.reads == [4, 2]


def test_a_sweep_stops_counting_in_time_to_respond() -> None:
    """Without a response there is no metric; the page that was read still counts."""
    lab, deadline = by_page(60.0, 1.5, 1.0)
    report = lab.sweep(deadline=deadline)
    assert (report.announced.total(), report.pending, lab.rows.pages) == (2, 2, 2)
    assert Measure("PendingReleases", 2) in list(report.measures())


def test_a_call_in_progress_at_the_deadline_is_marked_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the deadline no call starts, and releases of earlier calls are not sent again."""
    lab = Lab(*releases(11))
    publish = lab.publisher.publish
    end = time.monotonic() + 5.2
    deadline = Deadline(lambda: end - time.monotonic(), 5.0)

    def wait_slowly(
        target: Target, announcements: Sequence[Announcement]
    ) -> dict[str, str | Failure]:
        time.sleep(deadline.seconds_left() + 0.2)
        return publish(target, announcements)

    monkeypatch.setattr(lab.publisher, "publish", wait_slowly)
    report = lab.sweep(deadline=deadline)
    assert (report.announced.total(), report.pending) == (10, 1)
    assert lab.pending() == [("image-010", 2)]
    assert lab.log.events("error") == []


@pytest.fixture
def slow() -> Iterator[threading.Event]:
    """Return the event that a slow topic waits for; the event is set at the end."""
    event = threading.Event()
    yield event
    event.set()


def test_the_relay_does_not_wait_for_a_hanging_target(
    slow: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Releases of other targets count as announced; those of the hanging topic stay pending."""
    ours, theirs = a_release(), a_release(target=OTHER)
    lab = Lab(ours, theirs)
    publish, mark = lab.publisher.publish, lab.rows.mark
    marked = threading.Event()

    def hang(target: Target, announcements: Sequence[Announcement]) -> dict[str, str | Failure]:
        assert target != TARGET or slow.wait(30)
        return publish(target, announcements)

    def mark_and_release(release: Release, message_id: str, moment: datetime) -> None:
        mark(release, message_id, moment)
        marked.set()

    def left() -> float:
        if threading.current_thread() is not threading.main_thread():
            return 60.0
        assert marked.wait(30)
        return 0.2

    monkeypatch.setattr(lab.publisher, "publish", hang)
    monkeypatch.setattr(lab.rows, "mark", mark_and_release)
    report = lab.stream(ours, theirs, deadline=Deadline(left, 0.0))
    assert report.answer() == {"batchItemFailures": [], "announced": 1, "pending": 1}
    assert lab.log.fields("target not finished in time") == [
        {"region": "eu-west-1", "account_id": ACCOUNT}
    ]


# --- order of the targets

TURNS = [Target(f"{number:012d}", "eu-west-1") for number in range(40)]


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Process targets one after the other."""
    monkeypatch.setattr("services.aggregator.relay.MAX_THREADS", 1)


@pytest.mark.usefixtures("one_thread")
def test_the_order_of_the_targets_is_random() -> None:
    """The order of the targets does not depend on the table."""
    lab = Lab(*(a_release(target=target) for target in TURNS))
    lab.shuffle = list.reverse
    lab.sweep()
    assert [target for target, _ in lab.publisher.calls] == TURNS[::-1]


@pytest.mark.usefixtures("one_thread")
def test_the_order_differs_from_sweep_to_sweep() -> None:
    """Hanging topics occupy the threads of other targets in one sweep, but not in all sweeps."""
    lab = Lab(*(a_release(target=target) for target in TURNS))
    lab.publisher.failing |= dict.fromkeys(TURNS, THROTTLED)
    relay = Relay(lab.rows, lab.publisher, lab.log, lambda: NOW)
    for _ in range(2):
        relay.run(EVERYTHING, Deadline.after(60))
    asked = [target for target, _ in lab.publisher.calls]
    assert TURNS == sorted(asked[:40]) == sorted(asked[40:])
    assert asked[:40] != asked[40:]


# --- metrics


def test_a_stream_batch_is_measured() -> None:
    """The batch has announcements and durations per target, and failures; no other metric."""
    ours, theirs = a_release(), [a_release(f"image-{n}", target=OTHER) for n in range(2)]
    lab = Lab(ours, *theirs)
    lab.publisher.failing[TARGET] = DENIED
    assert list(lab.stream(ours, *theirs).measures()) == [
        Measure("Announced", 2, fields={"region": "us-east-1"}),
        Measure("AnnounceFailed", 1, fields={"class": "access_denied", "region": "eu-west-1"}),
        Measure("SecondsToAnnouncement", 60.0, MetricUnit.Seconds),
        Measure("SecondsToAnnouncement", 60.0, MetricUnit.Seconds),
    ]


def test_a_sweep_measures_pending_releases() -> None:
    """The alarm uses the number of pending releases and the age of the oldest."""
    older = a_release(detected_at="2026-11-22T06:01:10.000Z")
    lab = Lab(older, a_release("b"), a_release(target=OTHER))
    lab.publisher.failing[TARGET] = DENIED
    assert list(lab.sweep().measures()) == [
        Measure("Announced", 1, fields={"region": "us-east-1"}),
        Measure("AnnounceFailed", 2, fields={"class": "access_denied", "region": "eu-west-1"}),
        Measure("SecondsToAnnouncement", 60.0, MetricUnit.Seconds),
        Measure("PendingReleases", 2),
        Measure("OldestPendingSeconds", 3600.0, MetricUnit.Seconds),
    ]


def test_a_sweep_without_releases_measures_zero() -> None:
    """A zero is measured, because the alarm would have no data otherwise."""
    assert list(Lab().sweep().measures()) == [
        Measure("PendingReleases", 0),
        Measure("OldestPendingSeconds", 0.0, MetricUnit.Seconds),
    ]


# --- any combination of failures

TARGETS = [TARGET, OTHER, Target(ACCOUNT, "us-east-1")]
committed = st.lists(
    st.builds(a_release, st.sampled_from("abc"), st.integers(1, 4), st.sampled_from(TARGETS)),
    max_size=12,
    unique_by=lambda release: release.event_id,
)
faults = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from(TARGETS), st.sampled_from([DENIED, THROTTLED, ZeroDivisionError()])
        ),
        st.dictionaries(st.sampled_from("abc"), st.just(MALFORMED)),
        st.sampled_from([None, GONE, BUSY]),
        st.integers(1, 5),
    ),
    max_size=4,
)
Faults = tuple[dict[Target, Failure | Exception], dict[str, Failure], Exception | None, int]


@given(committed, faults)
def test_every_release_arrives_after_the_faults_end(
    found: list[Release], rounds: list[Faults]
) -> None:
    """Each release arrives at least once and in order; each lost mark causes an identical copy."""
    lab = Lab(*found)
    lost_marks = 0
    for failing, refused, unmarkable, page_size in rounds:
        lab.publisher.failing, lab.publisher.refused = dict(failing), dict(refused)
        lab.rows.unmarkable, lab.rows.page_size = unmarkable, page_size
        before = len(lab.publisher.published)
        report = lab.sweep()
        assert len(found) >= report.pending + report.announced.total()
        lost_marks += (len(lab.publisher.published) - before) if unmarkable else 0
    lab.publisher.heal()
    lab.rows.unmarkable = None
    assert lab.sweep().pending == 0
    assert lab.pending() == []
    copies = lab.publisher.copies()
    assert set(copies) == {release.event_id for release in found}
    assert copies.total() == len(found) + lost_marks
    sent = {announcement(r).event_id: (r.target, announcement(r)) for r in found}
    assert all(sent[copy.event_id] == (target, copy) for target, copy in lab.publisher.published)
    for target in TARGETS:
        assert_in_order(lab.publisher.names(target))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, THROTTLED, MALFORMED, ZeroDivisionError()]),
            st.sampled_from([None, MALFORMED]),
            st.booleans(),
        ),
        max_size=6,
    )
)
def test_an_image_is_announced_in_order_over_any_invocations(
    faults: list[tuple[Failure | Exception | None, Failure | None, bool]],
) -> None:
    """Versions come by the stream, some fail, and sweeps come in between: never 3 before 2."""
    lab = Lab()
    for version, (failure, refused, swept) in enumerate(faults, start=1):
        lab.publisher.heal()
        lab.publisher.failing |= {TARGET: failure} if failure else {}
        lab.publisher.refused |= {"al2023": refused} if refused else {}
        new = [a_release(version=version), a_release("other", version)]
        lab.given(*new)
        lab.stream(*new)
        if swept:
            lab.sweep()
    lab.publisher.heal()
    lab.sweep()
    for name in ("al2023", "other"):
        expected = [(name, version) for version in range(1, len(faults) + 1)]
        assert [each for each in lab.publisher.names() if each[0] == name] == expected


def assert_in_order(names: list[tuple[str, int]]) -> None:
    """Fail if an image's version was first published after a later one."""
    first = list(dict.fromkeys(names))
    for image in "abc":
        versions = [version for name, version in first if name == image]
        assert all(earlier < later for earlier, later in pairwise(versions))


def test_keys_are_read_by_page() -> None:
    """Each page is read with predecessors, and each batch again before it is published."""
    lab = Lab(*releases(9))
    lab.rows.page_size = 4
    assert lab.sweep().announced.total() == 9
    assert lab.rows.reads == [8, 4, 8, 4, 2, 1]
