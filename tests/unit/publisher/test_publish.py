"""A run of the publisher: what it writes and deletes, in which order, and what a failure stops."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime

import pytest
from support.fakes.log import FakeLog
from support.fakes.publisher import FakeFiles

from services.history.overview import Overview
from services.history.rows import Snapshot
from services.kernel.deadline import Deadline
from services.kernel.errors import (
    CallFailedError,
    Failure,
    HubBrokenError,
    UnpublishedError,
)
from services.kernel.model import State
from services.kernel.round_records import Note
from services.publisher.publish import Publisher
from services.publisher.report import PublishReport
from services.publisher.site import Site, content_type, decode_record

MOMENT = datetime(2026, 11, 22, 7, tzinfo=UTC)
RECORD = "feed/.published.json"
BUSY = CallFailedError(Failure.of(State.THROTTLED, "SlowDown", "reduce your request rate"))
DENIED = HubBrokenError("bucket site", Failure.of(State.ACCESS_DENIED, "AccessDenied", "no"))
FEED = {
    "index.json": "[]",
    "releases.atom": "<feed/>",
    "eu-west-1/111122223333/web.json": "{}",
    "us-east-1/111122223333/web.json": "{}",
}


class Lab:
    """A bucket in memory, and runs with a site of the test's choice."""

    def __init__(self) -> None:
        self.files = FakeFiles()
        self.log = FakeLog()
        self.earlier_index: str | None = None

    def publish(
        self,
        feed: dict[str, str],
        page: str = "<html>",
        *,
        unread: Collection[str] = (),
        seconds: float = 900,
    ) -> PublishReport:
        """Run the publisher once; the pairs of the files in `unread` could not be read."""
        overview = Overview(Snapshot(MOMENT, Note(frozenset())))

        def make(_: Overview, earlier_index: str | None) -> Site:
            self.earlier_index = earlier_index
            return Site(page, feed, lambda paths: set(paths) - set(unread))

        publisher = Publisher(lambda _: overview, make, self.files, self.log)
        return publisher.run(MOMENT, Deadline.after(seconds))


@pytest.fixture(name="lab")
def new_lab() -> Lab:
    """Return an empty bucket."""
    return Lab()


# --- what is written


def test_the_first_run_writes_everything(lab: Lab) -> None:
    """Page and feed are written with their content types."""
    answer = lab.publish(FEED).answer()

    assert answer == {"written": 5, "unchanged": 0, "deleted": 0}
    assert {path: text for path, text in lab.files.texts.items() if path != RECORD} == {
        "index.html": "<html>",
        **{f"feed/{path}": text for path, text in FEED.items()},
    }
    assert set(lab.files.types.items()) == {
        ("index.html", "text/html; charset=utf-8"),
        ("feed/releases.atom", "application/atom+xml; charset=utf-8"),
        ("feed/index.json", "application/json"),
        ("feed/eu-west-1/111122223333/web.json", "application/json"),
        ("feed/us-east-1/111122223333/web.json", "application/json"),
        (RECORD, "application/json"),
    }


def test_files_come_first_and_the_page_last(lab: Lab) -> None:
    """The index is written after the files that it names, and the page after the index."""
    lab.publish(FEED)
    written = lab.files.called("write")

    assert {path.count("/") for path in written[:2]} == {3}
    assert set(written[2:4]) == {"feed/index.json", "feed/releases.atom"}
    assert written[4:] == [RECORD, "index.html"]


def test_an_unchanged_feed_is_not_written_again(lab: Lab) -> None:
    """A second run lists the folder, reads the record, and writes only the page."""
    lab.publish(FEED)
    lab.files.calls.clear()
    report = lab.publish(FEED, "<html> of another time")

    assert lab.files.calls == [
        ("etags", "feed/"),
        ("read", "feed/index.json"),
        ("read", RECORD),
        ("write", "index.html"),
    ]
    assert (report.written, report.unchanged) == (1, 4)
    assert lab.files.texts["index.html"] == "<html> of another time"


def test_only_changed_files_are_written(lab: Lab) -> None:
    """A changed file is written with the files that list it, and the record."""
    lab.publish(FEED)
    lab.files.calls.clear()
    changed = {"eu-west-1/111122223333/web.json": '{"new": 1}', "index.json": "[1]"}
    lab.publish(FEED | changed)

    assert lab.files.called("write") == [
        "feed/eu-west-1/111122223333/web.json",
        "feed/index.json",
        RECORD,
        "index.html",
    ]


def test_a_file_that_was_changed_by_hand_is_written_again(lab: Lab) -> None:
    """An object with another ETag, and one that is gone, do not count as written."""
    lab.publish(FEED)
    lab.files.write("feed/index.json", "changed by hand", "text/plain")
    lab.files.delete(["feed/eu-west-1/111122223333/web.json"])
    lab.publish(FEED)

    assert lab.files.texts["feed/index.json"] == FEED["index.json"]
    assert lab.files.texts["feed/eu-west-1/111122223333/web.json"] == "{}"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"schema": 2, "files": {}}', '{"schema": 1, "files": [1]}',
             '{"schema": 1, "files": {"index.json": 1}}', '{"schema": 1, "files": {"a": ["b"]}}']
)  # fmt: skip
def test_a_damaged_record_writes_everything_again(lab: Lab, text: str) -> None:
    """A record that cannot be decoded counts as empty."""
    lab.publish(FEED)
    lab.files.write(RECORD, text, "application/json")

    assert decode_record(text) == {}
    assert lab.publish(FEED).written == 5


# --- what is deleted


def test_files_of_removed_pairs_are_deleted_last(lab: Lab) -> None:
    """A file that the index no longer names is deleted; the record stays."""
    lab.publish(FEED)
    lab.files.calls.clear()
    report = lab.publish({k: v for k, v in FEED.items() if not k.startswith("eu-")})

    assert report.answer() == {"written": 1, "unchanged": 3, "deleted": 1}
    assert lab.files.calls[-1] == ("delete", "feed/eu-west-1/111122223333/web.json")
    assert "feed/eu-west-1/111122223333/web.json" not in lab.files.texts
    assert set(json.loads(lab.files.texts[RECORD])["files"]) == {
        "index.json", "releases.atom", "us-east-1/111122223333/web.json",
    }  # fmt: skip


def test_files_of_pairs_that_could_not_be_read_stay(lab: Lab) -> None:
    """They are neither written nor deleted, and need not be written when the pair is read again."""
    lab.publish(FEED)
    rest = {path: text for path, text in FEED.items() if not path.startswith("eu-")}
    report = lab.publish(rest, unread=["eu-west-1/111122223333/web.json"])

    assert report.answer() == {"written": 1, "unchanged": 4, "deleted": 0}
    assert lab.publish(FEED).answer() == {"written": 1, "unchanged": 4, "deleted": 0}


def test_the_earlier_index_is_read(lab: Lab) -> None:
    """The feed needs it for the entries of pairs that cannot be read."""
    lab.publish(FEED)
    assert lab.earlier_index is None
    lab.publish(FEED)

    assert lab.earlier_index == FEED["index.json"]


def test_files_outside_of_the_feed_are_kept(lab: Lab) -> None:
    """Only the folder of the feed is the publisher's."""
    lab.files.write("robots.txt", "User-agent: *", "text/plain")
    lab.publish({})

    assert lab.files.texts["robots.txt"] == "User-agent: *"


# --- failures


def test_a_busy_bucket_stops_before_the_index(lab: Lab) -> None:
    """The other files are written and recorded; index and page stay as they were."""
    lab.publish(FEED, "old page")
    lab.files.errors["feed/eu-west-1/111122223333/web.json"] = BUSY
    new = {path: f"{text} " for path, text in FEED.items()}
    with pytest.raises(UnpublishedError, match=r"1 file.*such as eu-west-1/.*SlowDown") as caught:
        lab.publish(new, "new page")

    assert caught.value.left == ("eu-west-1/111122223333/web.json",)
    assert (lab.files.texts["index.html"], lab.files.texts["feed/index.json"]) == ("old page", "[]")
    assert lab.log.fields("file not written") == [
        {
            "path": "eu-west-1/111122223333/web.json",
            "code": "SlowDown",
            "detail": "reduce your request rate",
        }
    ]
    lab.files.errors.clear()
    lab.files.calls.clear()
    lab.publish(new, "new page")
    assert lab.files.called("write") == [
        "feed/eu-west-1/111122223333/web.json", "feed/index.json", "feed/releases.atom", RECORD,
        "index.html",
    ]  # fmt: skip


def test_a_run_without_time_continues_in_the_next_one(lab: Lab) -> None:
    """Nothing is begun after the deadline, and the error says so."""
    with pytest.raises(UnpublishedError, match="the time of the function is up"):
        lab.publish(FEED, seconds=0)

    assert "index.html" not in lab.files.texts


@pytest.mark.parametrize("path", ["feed/index.json", "feed/us-east-1/111122223333/web.json",
                                  "index.html"])  # fmt: skip
def test_a_denied_bucket_ends_the_run(lab: Lab, path: str) -> None:
    """The next files would be denied too."""
    lab.files.errors[path] = DENIED
    with pytest.raises(HubBrokenError, match="bucket site cannot be used: AccessDenied"):
        lab.publish(FEED)


def test_files_that_are_not_deleted_are_reported(lab: Lab) -> None:
    """The next run deletes them."""
    lab.publish(FEED)
    lab.files.undeleted = {"feed/releases.atom"}
    rest = {path: text for path, text in FEED.items() if path != "releases.atom"}
    with pytest.raises(UnpublishedError, match=r"feed/releases\.atom: S3 did not delete it"):
        lab.publish(rest)
    lab.files.undeleted = set()

    assert lab.publish(rest).deleted == 1


def test_a_run_is_logged(lab: Lab) -> None:
    """One line has the counts of a run."""
    lab.publish(FEED)

    assert lab.log.fields("site published") == [{"written": 5, "unchanged": 0, "deleted": 0}]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.html", "text/html; charset=utf-8"),
        ("a.b/c.json", "application/json"),
        ("releases.atom", "application/atom+xml; charset=utf-8"),
    ],
)
def test_content_types(path: str, expected: str) -> None:
    """A content type follows the end of the path."""
    assert content_type(path) == expected
