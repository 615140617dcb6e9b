"""A damaged or foreign row is counted, logged and never published, and affects no other row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.aggregator import TARGET, a_release, key_of, pending_row
from support.labs.relay_lab import FIRST, OTHER, Lab

from services.aggregator import deliver
from services.aggregator.announce import Announcement, announcement
from services.aggregator.event import Inserted, Sweep
from services.aggregator.outbox import Key
from services.kernel.deadline import Deadline
from services.kernel.errors import MalformedError
from services.kernel.keys import release_record
from services.kernel.model import Release

GOOD = [a_release("good-a"), a_release("good-z"), a_release("bad", 3), a_release(target=OTHER)]
"""Releases of the same target, of the same image, and of another target."""

LONG = "x" * 300_000

DAMAGES: Mapping[str, Mapping[str, object]] = {
    "the content of another version": {"version": 9},
    "the content of another image": {"image_name": "other"},
    "the content of another account": {"account_id": "999988887777"},
    "a version that is text": {"version": "two"},
    "a version that is null": {"version": None},
    "an unknown kind": {"kind": "unknown"},
    "no image id": {"image_id": None},
    "an empty image id": {"image_id": ""},
    "a surrogate in the image id": {"image_id": "ami-\ud800"},
    "a line end in the image id": {"image_id": "ami-1\nami-2"},
    "a long image id": {"image_id": LONG},
    "a surrogate in the previous image id": {"previous_image_id": "\udfff"},
    "a long previous image id": {"previous_image_id": LONG},
    "a list as image id": {"image_id": ["ami-1"]},
    "no time": {"detected_at": ""},
    "a word as time": {"detected_at": "yesterday"},
    "a time without an offset": {"detected_at": "2026-11-22T07:00:10"},
    "a surrogate in the time": {"detected_at": "2026-11-22\ud80007:00:10Z"},
    "a number as time": {"detected_at": 7},
    "another region in the index": {"pending": "us-east-1"},
    "a word in the index": {"pending": "yes"},
    "a list as AMI name": {"ami_name": ["al2023"]},
    "a map as kind": {"kind": {"a": 1}},
    "a set as round": {"round": frozenset({"a"})},
}
damages = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)

KEYS: Mapping[str, str] = {
    "a surrogate in the name": release_record(TARGET.account_id, "b\ud800d", 2),
    "a line end in the name": release_record(TARGET.account_id, "bad\nname", 2),
    "an empty name": release_record(TARGET.account_id, "", 2),
    "version 0": release_record(TARGET.account_id, "bad", 0),
    "a negative version": release_record(TARGET.account_id, "bad", -2),
    "nine digits": release_record(TARGET.account_id, "bad", 100_000_000),
    "forty digits": release_record(TARGET.account_id, "bad", 10**39),
    "a long name": release_record(TARGET.account_id, "b" * 900, 2),
}
"""Keys that belong to their content, which no service of the tracker writes."""


def damaged(damage: Mapping[str, object]) -> dict[str, Any]:
    """Build a damaged pending row."""
    return {**pending_row(a_release("bad")), **damage}


def foreign(record: str) -> dict[str, Any]:
    """Build a pending row whose content belongs to an unusual key."""
    _, _, name, version = record.split("#")
    content = {"record": record, "image_name": name, "version": int(version)}
    return pending_row(a_release("bad")) | content


def lab_with(row: Mapping[str, Any], page_size: int = 100) -> Lab:
    """Build a lab with the good releases and a row."""
    lab = Lab(*GOOD)
    lab.rows.page_size = page_size
    lab.rows.table.put(row)
    return lab


def assert_only_the_good_left(lab: Lab) -> None:
    """Fail unless each good release was published once, and no other."""
    expected = {announcement(release).event_id: 1 for release in GOOD}
    assert dict(lab.publisher.copies()) == expected


@damages
@pytest.mark.parametrize("page_size", [1, 2, 100])
def test_a_damaged_row_is_never_published_by_sweeps(
    damage: Mapping[str, object], page_size: int
) -> None:
    """Five sweeps publish every other release once, and count and log the row each time."""
    lab = lab_with(damaged(damage), page_size)
    reports = [lab.sweep() for _ in range(5)]
    assert_only_the_good_left(lab)
    assert [(report.unreadable, report.pending) for report in reports] == [(1, 1)] * 5
    assert lab.rows.table.row("eu-west-1", damaged(damage)["record"]) == damaged(damage)


@damages
def test_a_damaged_row_is_never_published_by_the_stream(damage: Mapping[str, object]) -> None:
    """The other releases of the batch are published, and the batch is not retried."""
    row = damaged(damage)
    lab = lab_with(row)
    keys = [key_of(row), *(Key.of(release) for release in GOOD)]
    report = lab.relay().run(Inserted(tuple(keys), FIRST), Deadline.after(60))
    assert_only_the_good_left(lab)
    expected = {"batchItemFailures": [], "announced": len(GOOD), "pending": 1}
    assert report.answer() == expected


@pytest.mark.parametrize("record", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("page_size", [1, 100])
def test_an_unusual_key_affects_no_other_row(record: str, page_size: int) -> None:
    """The row is counted and logged as one that cannot be announced."""
    lab = lab_with(foreign(record), page_size)
    reports = [lab.sweep() for _ in range(5)]
    assert_only_the_good_left(lab)
    assert [(report.unreadable, report.pending) for report in reports] == [(1, 1)] * 5
    assert {"row malformed", "release not announceable"} & set(lab.log.events())


def test_a_row_under_the_key_of_another_image_is_not_repeated() -> None:
    """The row is not published, because its mark would go to the key of the content."""
    row = pending_row(a_release("other")) | {"record": key_of(damaged({})).record}
    lab = lab_with(row)
    for _ in range(5):
        lab.sweep()
    assert_only_the_good_left(lab)


def test_a_release_detected_in_the_far_future_is_due() -> None:
    """A damaged time does not delay the sweep of a release for years."""
    lab = Lab(a_release(detected_at="2999-01-01T00:00:00.000Z"))
    report = lab.sweep(Sweep(older_than_seconds=120))
    assert (report.announced.total(), report.pending) == (1, 0)


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-W01-7T07:00:00Z"]
)
@pytest.mark.parametrize("older", [0, 120])
def test_any_time_has_an_age(moment: str, older: float) -> None:
    """The earliest and latest times have an age; times outside of UTC's years are rejected."""
    lab = Lab(*GOOD)
    lab.rows.table.put({**pending_row(a_release()), "detected_at": moment})
    report = lab.sweep(Sweep(older_than_seconds=older))
    assert report.announced.total() + report.pending == len(GOOD) + 1
    assert report.announced.total() >= (0 if older else len(GOOD))
    assert report.oldest_seconds >= 0


def test_a_row_that_was_deleted_in_the_meantime_is_no_error() -> None:
    """The index may still list a deleted row for a moment."""
    lab = Lab(*GOOD)
    keys = [Key.of(a_release("deleted")), *(Key.of(release) for release in GOOD)]
    lab.rows.pending = lambda: iter([keys])  # type: ignore[method-assign] # an index that is not up to date
    report = lab.sweep()
    assert_only_the_good_left(lab)
    assert (report.pending, report.unreadable) == (0, 0)


@pytest.mark.parametrize("change", ["deleted", "published", "damaged", "replaced"])
def test_a_row_that_changes_before_its_batch_affects_no_other(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that was published or damaged before the second read is not sent."""
    lab = lab_with(pending_row(a_release("bad")))
    key, read = Key.of(a_release("bad")), lab.rows.read

    def change_after_the_first(keys: Sequence[Key]) -> object:
        found = read(keys)
        lab.rows.table.remove(key.region, key.record, "pending")
        if change == "damaged":
            lab.rows.table.put(damaged({"kind": "unknown"}))
        elif change == "published":
            lab.rows.table.change(key.region, key.record, published_at="2026-11-22T07:00:11.000Z")
        monkeypatch.setattr(lab.rows, "read", read)
        return found

    monkeypatch.setattr(lab.rows, "read", change_after_the_first)
    report = lab.sweep()
    assert_only_the_good_left(lab)
    assert report.pending == (1 if change == "damaged" else 0)
    assert not report.failures


ERRORS = [
    ValueError("x"),
    KeyError("x"),
    UnicodeError(),
    RecursionError(),
    MalformedError("a", "b"),
]
errors = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


@errors
def test_an_error_in_one_announcement_affects_no_other(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any error, the release is counted as one that cannot be announced."""

    def fail(release: Release) -> Announcement:
        if release.image_name == "bad" and release.version == 2:
            raise error
        return announcement(release)

    monkeypatch.setattr(deliver, "announcement", fail)
    lab = lab_with(pending_row(a_release("bad")))
    report = lab.sweep()
    assert_only_the_good_left(lab)
    assert (report.unreadable, report.pending) == (1, 1)


@errors
def test_an_error_in_one_mark_affects_no_other(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release was announced, stays pending in the table, and is logged."""
    lab = lab_with(pending_row(a_release("bad")))
    mark = lab.rows.mark

    def fail(release: Release, message_id: str, moment: datetime) -> None:
        if release.image_name == "bad" and release.version == 2:
            raise error
        mark(release, message_id, moment)

    monkeypatch.setattr(lab.rows, "mark", fail)
    report = lab.sweep()
    assert report.announced.total() == len(GOOD) + 1
    assert lab.pending() == [("bad", 2)]
    assert lab.log.events("error") == ["release not marked"]


foreign_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(codec=None), max_size=20)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
attributes = sorted(set(pending_row(a_release())) - {"region", "record"})


@given(st.dictionaries(st.sampled_from(attributes), foreign_values, min_size=1, max_size=3))
def test_no_row_stops_a_page(damage: dict[str, object]) -> None:
    """With any content of an attribute, the page's other releases are published once."""
    lab = lab_with(damaged(damage), page_size=3)
    for _ in range(2):
        lab.sweep()
    copies = lab.publisher.copies()
    assert all(copies[announcement(release).event_id] == 1 for release in GOOD)
    assert all(count == 1 for count in copies.values())
