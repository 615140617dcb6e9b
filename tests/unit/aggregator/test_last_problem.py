"""The rows of pending releases have the failure of their last announcement."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders.aggregator import TARGET, a_release
from support.fakes.aggregator import FakePublisher
from support.labs.relay_lab import BUSY, DENIED, GONE, MALFORMED, OTHER, THROTTLED, Lab

from services.aggregator.deliver import MOST_PROBLEMS
from services.kernel.deadline import Deadline
from services.kernel.model import Release, Target
from services.kernel.release_records import decode_release_row


def releases(count: int, target: Target = TARGET) -> list[Release]:
    """Build this number of releases of different images."""
    return [a_release(f"image-{number:04d}", target=target) for number in range(count)]


def codes(lab: Lab) -> list[str | None]:
    """Return the code of each row's last problem."""
    problems = [decode_release_row(row).last_problem for row in lab.rows.table.rows()]
    return [problem.code if problem else None for problem in problems]


def test_a_failure_is_written_once() -> None:
    """Further sweeps with the same code write nothing, although the detail differs."""
    lab = Lab(a_release())
    for number, failure in enumerate([DENIED, DENIED, THROTTLED, THROTTLED, DENIED]):
        lab.publisher.failing[TARGET] = replace(failure, detail=f"request {number}")
        lab.sweep()
        assert codes(lab) == [failure.code]
    assert lab.rows.kept == [
        ("al2023", "AccessDenied"),
        ("al2023", "Throttled"),
        ("al2023", "AccessDenied"),
    ]


def test_an_announced_release_keeps_it() -> None:
    """It explains why the event was late."""
    lab = Lab(a_release())
    lab.publisher.failing[TARGET] = DENIED
    lab.sweep()
    lab.publisher.failing.clear()
    assert lab.sweep().announced.total() == 1
    assert (codes(lab), lab.pending()) == (["AccessDenied"], [])
    assert lab.rows.kept == [("al2023", "AccessDenied")]


def test_an_accepted_release_has_none() -> None:
    """A release that is accepted at once has no further write."""
    lab = Lab(a_release())
    lab.stream(a_release())
    assert (codes(lab), lab.rows.kept) == ([None], [])


def test_only_the_refused_announcement_of_a_batch_gets_it() -> None:
    """Later versions of the image were not tried, so their rows do not change."""
    lab = Lab(a_release("a"), a_release("b", 2), a_release("b", 3))
    lab.publisher.refused["b"] = MALFORMED
    lab.sweep()
    assert lab.rows.kept == [("b", "InvalidParameter")]
    assert codes(lab) == [None, "InvalidParameter", None]


@pytest.mark.parametrize("page_size", [100, 1000])
def test_only_releases_that_were_tried_get_it(page_size: int) -> None:
    """A topic that is stuck gets one call for a thousand releases, and ten rows are written."""
    lab = Lab(*releases(1000), *releases(3, OTHER))
    lab.rows.page_size = page_size
    lab.publisher.failing[TARGET] = DENIED
    report = lab.sweep()
    assert report.announced.total() == 3
    assert len(lab.rows.kept) == 10


def test_the_writes_of_a_delivery_are_limited() -> None:
    """A topic that refuses many single announcements leaves time for other targets."""
    many = releases(200)
    lab = Lab(*many)
    lab.rows.page_size = 1000
    for release in many[1::2]:
        lab.publisher.refused[release.image_name] = MALFORMED
    assert lab.sweep().announced.total() == 100
    assert len(lab.rows.kept) == MOST_PROBLEMS


@pytest.mark.parametrize("error", [BUSY, GONE, ValueError("unexpected")])
def test_a_failed_write_changes_nothing_else(error: Exception) -> None:
    """It is logged, is not repeated for the other releases, and other targets are announced."""
    lab = Lab(*releases(10), *releases(3, OTHER))
    lab.publisher.failing[TARGET] = DENIED
    lab.rows.unkeepable = error
    report = lab.sweep()
    assert (report.announced.total(), report.pending) == (3, 10)
    assert len(lab.rows.kept) == 1
    (logged,) = lab.log.fields("problem not written")
    assert (logged["image_name"], logged["problem"]) == ("image-0000", str(error))


class SlowTopics(FakePublisher):
    """Topics whose first call takes the time that is left."""

    def __init__(self) -> None:
        super().__init__(topics=())
        self.deadline = Deadline(lambda: 29.0 if self.calls else 60.0, 30.0)


def test_without_time_no_problem_is_written() -> None:
    """The next sweep writes it."""
    lab = Lab(a_release())
    topics = lab.publisher = SlowTopics()
    assert lab.sweep(deadline=topics.deadline).pending == 1
    assert (len(topics.calls), lab.rows.kept) == (1, [])
    assert lab.sweep().pending == 1
    assert lab.rows.kept == [("al2023", "NotFound")]


def test_problems_are_written_after_all_announcements() -> None:
    """The announcements of the target do not wait for writes that are only information."""
    lab = Lab(*releases(30))
    for number in range(5):
        lab.publisher.refused[f"image-{number:04d}"] = MALFORMED
    announced = []

    def keep_problem(*_: object) -> None:
        announced.append(len(lab.publisher.published))

    lab.rows.keep_problem = keep_problem  # type: ignore[method-assign,assignment] # observed
    lab.sweep()
    assert announced == [25] * 5
