"""A round: the rows that it writes, its requests, and the start of the next round."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.builders.scheduler import (
    ACCOUNT,
    OTHER_ACCOUNT,
    ROUND,
    a_catalogue,
    a_pair,
    a_window,
    an_image,
    image_row,
    images,
    lookup_of,
    round_row,
)
from support.fakes.log import FakeLog
from support.fakes.scheduler import FakeInventory, FakeQueue, KilledError
from support.fakes.table import Row

from services.kernel.deadline import Deadline
from services.kernel.errors import (
    CallFailedError,
    Failure,
    HubBrokenError,
    MalformedError,
    OutOfTimeError,
    RefusedError,
    RegionsFailedError,
    UnsentError,
)
from services.kernel.keys import image_record, round_record
from services.kernel.model import Catalogue, Image, Request, State, Target, Window
from services.kernel.observability import Measure
from services.kernel.round_records import Note, decode_window
from services.scheduler.health import Health
from services.scheduler.report import RoundReport
from services.scheduler.schedule import Scheduler, Timing

NEXT_ROUND = "2026-11-22T08:00:00Z"
STARTED = datetime(2026, 11, 22, 7, 0, 1, tzinfo=UTC)
MIXED = Catalogue(
    targets=(
        Target(ACCOUNT, "us-east-1"),
        Target(OTHER_ACCOUNT, "eu-west-1"),
        Target(ACCOUNT, "eu-west-1"),
    ),
    images=(an_image("rhel-9"), an_image("al2023"), an_image("eks", regions=["us-east-1"])),
)


class Lab:
    """A scheduler over a table and a queue in memory."""

    def __init__(self) -> None:
        self.rows = FakeInventory()
        self.queue = FakeQueue()
        self.log = FakeLog()
        self.reported: list[RoundReport] = []

    def run(
        self,
        catalogue: Catalogue,
        round_id: str = ROUND,
        only: Collection[str] | None = None,
        deadline: Deadline | None = None,
        percent: int = 20,
        interval: int | None = None,
    ) -> RoundReport:
        """Run one round."""
        scheduler = Scheduler(
            self.rows,
            self.queue,
            self.log,
            percent,
            lambda: STARTED,
            self.reported.append,
            Timing(interval_minutes=interval),
        )
        return scheduler.run(catalogue, round_id, only, deadline or Deadline.after(900))

    def visited(self, catalogue: Catalogue, only: Collection[str] | None = None) -> list[str]:
        """Return the regions that a further round visits, in order, also if it is killed."""
        self.rows.visited.clear()
        with contextlib.suppress(KilledError):
            self.run(catalogue, only=only)
        return list(self.rows.visited)

    def measured(self) -> dict[str, float]:
        """Return the metrics of the latest round without health, by name, dimensions and fields."""
        return {
            name: value
            for name, value in self.health().items()
            if name.startswith(("Rounds", "Removals", "Regions", "PairsEnqueued"))
        }

    def health(self) -> dict[str, float]:
        """Return all metrics of the latest round, by name, dimensions and fields."""
        found: Counter[str] = Counter()
        for each in self.reported[-1].measures():
            name = " ".join([each.name, *each.dimensions.values(), *each.fields.values()])
            found[name] += int(each.value)
        return dict(found)

    def asked(self) -> list[tuple[str, str, str]]:
        """Return region, account and image name of each new request, in order."""
        return [(r.target.region, r.target.account_id, r.image_name) for r in self.queue.drain()]

    def image_rows(self) -> list[Row]:
        """Return the image rows."""
        return [row for row in self.rows.table.rows() if row["record"].startswith("image#")]

    def window(self, region: str = "eu-west-1") -> Window:
        """Return the window of a region's first account."""
        row = self.rows.table.row(region, round_record(ACCOUNT))
        assert row is not None
        return decode_window(row)

    def active(self) -> list[tuple[str, str]]:
        """Return region and name of every active image row."""
        return [(row["region"], row["image_name"]) for row in self.image_rows() if row["active"]]


@pytest.fixture
def lab() -> Lab:
    """Return a scheduler over an empty table and an empty queue."""
    return Lab()


def time_for(checks: int) -> Deadline:
    """Build a deadline that passes after this many checks."""
    left = itertools.chain(itertools.repeat(1.0, checks), itertools.repeat(0.0))
    return Deadline(lambda: next(left), 0.0)


def without(*names: str, of: Catalogue) -> Catalogue:
    """Return the catalogue without some regions."""
    return replace(of, targets=tuple(t for t in of.targets if t.region not in names))


# --- messages


def test_each_active_pair_is_requested_once(lab: Lab) -> None:
    """A round sends one message per image and target, by region, account and name."""
    lab.run(MIXED)
    assert lab.asked() == [
        ("eu-west-1", ACCOUNT, "al2023"),
        ("eu-west-1", ACCOUNT, "rhel-9"),
        ("eu-west-1", OTHER_ACCOUNT, "al2023"),
        ("eu-west-1", OTHER_ACCOUNT, "rhel-9"),
        ("us-east-1", ACCOUNT, "al2023"),
        ("us-east-1", ACCOUNT, "eks"),
        ("us-east-1", ACCOUNT, "rhel-9"),
    ]


def test_a_request_has_all_values_that_a_lookup_needs(lab: Lab) -> None:
    """A request has round, target, name, and the lookup of the catalogue."""
    lab.run(a_catalogue(["eu-west-1"], [an_image("al2023")]))
    target = Target(ACCOUNT, "eu-west-1")
    assert lab.queue.sent == [Request(ROUND, target, "al2023", lookup_of("al2023"))]


def test_the_requests_of_a_target_are_sent_together(lab: Lab) -> None:
    """Lookups of a target arrive together in batches, which saves most calls."""
    lab.run(MIXED)
    runs = [target for target, _ in itertools.groupby(r.target for r in lab.queue.sent)]
    assert sorted(runs) == sorted(MIXED.targets)


def test_an_inactive_pair_is_not_requested(lab: Lab) -> None:
    """A row of an image that is no longer tracked causes no request."""
    lab.rows.table.put(image_row(a_pair(an_image("old"), active=False)))
    lab.run(a_catalogue(["eu-west-1"], [an_image("al2023")]))
    assert lab.asked() == [("eu-west-1", ACCOUNT, "al2023")]


def test_an_empty_catalogue_is_an_empty_round(lab: Lab) -> None:
    """The round visits no region, writes no row, sends no message, and counts as finished."""
    assert lab.run(Catalogue((), ())) == RoundReport(
        ROUND, finished=True, health=Health(complete=True)
    )
    assert (lab.rows.table.rows(), lab.queue.sent, lab.rows.noted) == ([], [], Note())


# --- rows


def test_rows_are_written_before_the_messages_are_sent(lab: Lab) -> None:
    """The row exists before a fast lookup reads it, so a failure of the queue comes later."""
    lab.queue.broken_with = UnsentError(1, "queue", "throttled")
    with pytest.raises(RegionsFailedError):
        lab.run(a_catalogue(["eu-west-1"], [an_image("al2023")]))
    assert lab.active() == [("eu-west-1", "al2023")]
    assert lab.rows.table.row("eu-west-1", round_record(ACCOUNT)) is not None


def test_each_target_gets_its_round_row(lab: Lab) -> None:
    """The row has the number of requests and the start; new pairs count as answered."""
    lab.run(MIXED)
    two, three = a_window(answered={1, 2}), a_window(answered={1, 2, 3})
    expected = [
        round_row(Target(ACCOUNT, "eu-west-1"), two, enqueued=2),
        round_row(Target(OTHER_ACCOUNT, "eu-west-1"), two, enqueued=2),
        round_row(Target(ACCOUNT, "us-east-1"), three, enqueued=3),
    ]
    found = [row for row in lab.rows.table.rows() if row["record"].startswith("round#")]
    assert found == expected


def test_a_round_without_changes_writes_no_image_row(lab: Lab) -> None:
    """Rows that match the catalogue stay, and no line is logged."""
    lab.run(MIXED)
    before, lines = lab.image_rows(), len(lab.log.lines)
    summary = lab.run(MIXED, NEXT_ROUND)
    assert (lab.image_rows(), len(lab.log.lines)) == (before, lines)
    assert not summary.changes


@pytest.mark.parametrize(
    "grown",
    [
        replace(MIXED, targets=(*MIXED.targets, Target(ACCOUNT, "ap-south-1"))),
        replace(MIXED, targets=(*MIXED.targets, Target("999988887777", "us-east-1"))),
        replace(MIXED, images=(*MIXED.images, an_image("windows"))),
    ],
    ids=["region", "account", "image"],
)
def test_an_addition_changes_no_other_row(lab: Lab, grown: Catalogue) -> None:
    """Every existing row is unchanged, with its version and known image."""
    lab.run(MIXED)
    for row in lab.image_rows():
        lab.rows.table.put(row | {"version": 7, "image_id": "ami-1", "status": {"state": "ok"}})
    before = lab.image_rows()
    summary = lab.run(grown, NEXT_ROUND)
    after = lab.image_rows()
    assert [row for row in after if row in before] == before
    assert dict(summary.changes) == {"created": len(after) - len(before)}


def test_a_region_that_moves_to_another_account_is_two_changes(lab: Lab) -> None:
    """The old account's rows are deactivated, and the new account's rows are created."""
    lab.run(a_catalogue(["eu-west-1"]))
    lab.asked()
    summary = lab.run(a_catalogue(["eu-west-1"], account_id=OTHER_ACCOUNT))
    assert dict(summary.changes) == {"created": 2, "deactivated": 2}
    assert lab.asked() == [
        ("eu-west-1", OTHER_ACCOUNT, "al2023"),
        ("eu-west-1", OTHER_ACCOUNT, "rhel-9"),
    ]


def test_a_target_without_active_pairs_gets_no_round_row(lab: Lab) -> None:
    """A target without active pairs has no pair that could be answered."""
    lab.run(a_catalogue(["eu-west-1"], [an_image(regions=["us-east-1"])]))
    assert (lab.rows.table.rows(), lab.asked()) == ([], [])


# --- refusals


def shrunk(lab: Lab, tracked: list[Image]) -> Catalogue:
    """Run a round with twelve images, and return a catalogue without most of them in one region."""
    regions = ("ap-south-1", "eu-west-1", "us-east-1")
    lab.run(a_catalogue(regions, tracked))
    lab.asked()
    kept = tuple(replace(i, regions=frozenset({"ap-south-1", "us-east-1"})) for i in tracked)
    return a_catalogue(regions, [*kept, an_image("new")])


def test_a_refused_target_is_unchanged_and_the_others_continue(lab: Lab) -> None:
    """The previous requests are sent; the new image is added elsewhere; the error is last."""
    catalogue = shrunk(lab, images(12))
    before = [row for row in lab.image_rows() if row["region"] == "eu-west-1"]
    with pytest.raises(RefusedError) as caught:
        lab.run(catalogue, NEXT_ROUND)
    (refusal,) = caught.value.refusals
    assert refusal.startswith("eu-west-1 of account 111122223333: 12 of 12 active images")
    assert "MAX_REMOVED_PERCENT=100" in str(caught.value)
    assert [row for row in lab.image_rows() if row["region"] == "eu-west-1"] == before
    asked = lab.asked()
    assert [name for region, _, name in asked if "eu" in region] == [i.name for i in images(12)]
    assert {region for region, _, name in asked if name == "new"} == {"ap-south-1", "us-east-1"}


def test_every_refusal_is_logged_with_its_target(lab: Lab) -> None:
    """One line has the target and the cause."""
    catalogue = shrunk(lab, images(12))
    with pytest.raises(RefusedError) as caught:
        lab.run(catalogue)
    assert lab.log.fields("removal refused") == [
        {"region": "eu-west-1", "account_id": ACCOUNT, "problem": caught.value.refusals[0]}
    ]


def test_an_intended_removal_is_carried_out(lab: Lab) -> None:
    """With a higher limit for one round, the rows are deactivated."""
    catalogue = shrunk(lab, images(12))
    summary = lab.run(catalogue, NEXT_ROUND, percent=100)
    assert dict(summary.changes) == {"created": 3, "deactivated": 12}


def test_a_refused_region_that_was_removed_is_still_visited(lab: Lab) -> None:
    """The region has active rows, so each round visits it until the removal is allowed."""
    full = a_catalogue(("eu-west-1", "us-east-1"), images(12))
    lab.run(full)
    left = without("us-east-1", of=full)
    for _ in range(2):
        with pytest.raises(RefusedError):
            lab.run(left)
        assert "us-east-1" in lab.rows.noted.regions
    lab.run(left, percent=100)
    assert lab.rows.noted.regions == {"eu-west-1"}


# --- the start of rounds, and their ends

FIVE = [f"region-{letter}" for letter in "abcde"]
EVERYWHERE = a_catalogue(FIVE, [an_image()])


def test_each_complete_round_starts_one_region_later(lab: Lab) -> None:
    """Each round starts one region later, so that no region is always the last."""
    found = [lab.visited(EVERYWHERE) for _ in range(6)]
    assert found == [FIVE[n % 5 :] + FIVE[: n % 5] for n in range(6)]


def test_a_single_region_is_visited_every_time(lab: Lab) -> None:
    """A single region has no rotation."""
    catalogue = a_catalogue(["eu-west-1"])
    assert [lab.visited(catalogue) for _ in range(3)] == [["eu-west-1"]] * 3


@pytest.mark.parametrize("checks", range(5))
def test_a_round_stops_before_its_time_is_over(lab: Lab, checks: int) -> None:
    """The current region is finished, and the next round starts at the ones in the error."""
    with pytest.raises(OutOfTimeError) as caught:
        lab.run(EVERYWHERE, deadline=time_for(checks))
    assert caught.value.left == tuple(FIVE[checks:])
    assert [region for region, _, _ in lab.asked()] == FIVE[:checks]
    assert lab.visited(EVERYWHERE) == FIVE[checks:] + FIVE[:checks]


def test_rounds_that_are_always_cut_short_reach_every_region(lab: Lab) -> None:
    """With time for two of five regions, three rounds visit all."""
    for _ in range(3):
        with pytest.raises(OutOfTimeError):
            lab.run(EVERYWHERE, deadline=time_for(2))
    assert [region for region, _, _ in lab.asked()] == [*FIVE, "region-a"]


@pytest.mark.parametrize("fatal", FIVE)
def test_the_round_after_a_kill_starts_after_its_region(lab: Lab, fatal: str) -> None:
    """The note is written before the region, so the next round starts after a fatal region."""
    lab.rows.killed_in = fatal
    first = lab.visited(EVERYWHERE)
    assert first == FIVE[: FIVE.index(fatal) + 1]
    lab.rows.killed_in = None
    behind = (FIVE.index(fatal) + 1) % 5
    assert lab.visited(EVERYWHERE) == FIVE[behind:] + FIVE[:behind]


@pytest.mark.parametrize("fatal", FIVE)
@pytest.mark.parametrize("start", [None, *FIVE])
def test_a_region_that_always_kills_the_round_delays_no_other(
    lab: Lab, fatal: str, start: str | None
) -> None:
    """Wherever a round starts, every other region is visited within two rounds."""
    lab.rows.noted = Note(frozenset(FIVE), start)
    lab.rows.killed_in = fatal
    two_rounds = lab.visited(EVERYWHERE) + lab.visited(EVERYWHERE)
    assert set(two_rounds) == set(FIVE)
    assert {region for region, _, _ in lab.asked()} == set(FIVE) - {fatal}


def test_rounds_that_end_at_once_still_advance(lab: Lab) -> None:
    """After a round that ends in its first region, the next round starts at another region."""
    found = []
    for region in FIVE:
        lab.rows.killed_in = region
        found += lab.visited(EVERYWHERE)
    assert found == FIVE


# --- regions that fail

BUSY = CallFailedError(Failure.of(State.THROTTLED, "ThrottlingException", "Rate exceeded"))
UNSENT = UnsentError(1, "queue", "throttled")


@pytest.mark.parametrize("broken", FIVE)
@pytest.mark.parametrize("error", [BUSY, UNSENT], ids=["rows", "queue"])
def test_a_failing_region_does_not_affect_others(lab: Lab, broken: str, error: Exception) -> None:
    """All other regions are requested, wherever the failing one is; the error comes last."""
    (lab.rows.busy if error is BUSY else lab.queue.refused)[broken] = error
    with pytest.raises(RegionsFailedError) as caught:
        lab.run(EVERYWHERE)
    ((region, (problem,)),) = caught.value.problems.items()
    assert (region, str(error) in problem) == (broken, True)
    assert [region for region, _, _ in lab.asked()] == sorted(set(FIVE) - {broken})


def test_each_failed_region_is_logged(lab: Lab) -> None:
    """One line has each failed region and its error."""
    lab.rows.busy["region-b"] = BUSY
    lab.queue.refused["region-d"] = UNSENT
    with pytest.raises(RegionsFailedError):
        lab.run(EVERYWHERE)
    assert lab.log.fields("region failed") == [
        {"region": "region-b", "problem": str(BUSY)},
        {"region": "region-d", "problem": f"account {ACCOUNT}: {UNSENT}"},
    ]


def test_a_row_that_cannot_be_written_does_not_affect_others(lab: Lab) -> None:
    """Every other pair of the region and of its other accounts has its message."""
    lab.rows.unwritable["al2023"] = BUSY
    with pytest.raises(RegionsFailedError) as caught:
        lab.run(MIXED)
    assert lab.asked() == [
        ("eu-west-1", ACCOUNT, "rhel-9"),
        ("eu-west-1", OTHER_ACCOUNT, "rhel-9"),
        ("us-east-1", ACCOUNT, "eks"),
        ("us-east-1", ACCOUNT, "rhel-9"),
    ]
    assert caught.value.problems == {
        "eu-west-1": (
            f"1 of 2 rows of account {ACCOUNT} were not written, first: al2023: {BUSY}",
            f"1 of 2 rows of account {OTHER_ACCOUNT} were not written, first: al2023: {BUSY}",
        ),
        "us-east-1": (f"1 of 3 rows of account {ACCOUNT} were not written, first: al2023: {BUSY}",),
    }
    assert {1, 2, 3} >= lab.window("us-east-1").answered
    assert len(lab.window("us-east-1").answered) == 2


@pytest.mark.parametrize(
    "error",
    [
        BUSY,
        CallFailedError(Failure.of(State.BAD_LOOKUP, "ValidationException", "item too large")),
        TypeError("Float types are not supported"),
    ],
    ids=["throttled", "refused", "unexpected"],
)
@pytest.mark.parametrize("change", ["create", "edit", "remove", "return"])
def test_any_error_of_a_row_does_not_affect_others(lab: Lab, change: str, error: Exception) -> None:
    """If one in 50 of 1,000 rows cannot be written, 980 messages are sent in the same round."""
    tracked = images(1000)
    names = {image.name for image in tracked[::50]}
    if change in {"edit", "remove"}:
        lab.run(a_catalogue(["eu-west-1"], tracked))
    if change == "return":
        lab.rows.table.put(image_row(a_pair(tracked[0], active=False)))
    if change == "edit":
        tracked = [replace(i, lookup=lookup_of(f"{i.name}-2")) for i in tracked]
    if change == "remove":
        tracked = [image for image in tracked if image.name not in names]
    lab.queue.drain()
    lab.rows.unwritable = dict.fromkeys(names, error)
    with pytest.raises(RegionsFailedError):
        lab.run(a_catalogue(["eu-west-1"], tracked), NEXT_ROUND)
    assert len(lab.queue.drain()) == 980
    lab.rows.unwritable.clear()
    lab.run(a_catalogue(["eu-west-1"], tracked), NEXT_ROUND)
    assert len(lab.queue.drain()) == len(tracked)


def test_a_table_that_cannot_be_used_ends_the_round(lab: Lab) -> None:
    """A permanent failure of one write is a failure of all writes."""
    denied = Failure.of(State.ACCESS_DENIED, "AccessDeniedException", "no")
    lab.rows.unwritable["al2023"] = HubBrokenError("table", denied)
    with pytest.raises(HubBrokenError):
        lab.run(MIXED)


def test_messages_are_sent_without_the_round_row(lab: Lab) -> None:
    """The window continues until the next round that can write it."""
    lab.rows.unwritable["round row"] = BUSY
    with pytest.raises(RegionsFailedError, match=f"the round row of account {ACCOUNT} was not"):
        lab.run(a_catalogue(["eu-west-1"]))
    assert len(lab.asked()) == 2


def test_messages_are_sent_without_the_note(lab: Lab) -> None:
    """A failed write of the note does not prevent the round."""
    lab.rows.unwritable["note"] = BUSY
    with pytest.raises(RegionsFailedError, match=r"\*: the scheduler's note was not written"):
        lab.run(EVERYWHERE)
    assert {region for region, _, _ in lab.asked()} == set(FIVE)
    assert lab.rows.noted.regions == set()


def test_the_interval_is_written_when_it_differs(lab: Lab) -> None:
    """A round for some regions writes it too, and other rounds write nothing."""
    for interval in (None, 60, 60, 30, None, None):
        lab.run(EVERYWHERE, interval=interval, only=FIVE[:1] if interval == 30 else None)
        assert lab.rows.noted.interval_minutes == interval
    assert lab.rows.intervals == [60, 30, None]


def test_an_interval_that_is_not_written_does_not_prevent_the_round(lab: Lab) -> None:
    """The next round writes it again."""
    lab.run(EVERYWHERE)
    lab.asked()
    lab.rows.unwritable["note"] = BUSY
    with pytest.raises(RegionsFailedError, match=r"\*: the scheduler's note was not written"):
        lab.run(EVERYWHERE, interval=60)
    assert {region for region, _, _ in lab.asked()} == set(FIVE)
    del lab.rows.unwritable["note"]
    lab.run(EVERYWHERE, interval=60)
    assert lab.rows.intervals == [60]


def test_an_account_whose_messages_fail_does_not_affect_others(lab: Lab) -> None:
    """The next account of the region is requested."""
    lab.queue.refused[ACCOUNT] = UnsentError(1, "queue", "throttled")
    with pytest.raises(RegionsFailedError):
        lab.run(MIXED)
    assert lab.asked() == [
        ("eu-west-1", OTHER_ACCOUNT, "al2023"),
        ("eu-west-1", OTHER_ACCOUNT, "rhel-9"),
    ]
    assert dict(lab.reported[-1].enqueued) == {"eu-west-1": 3, "us-east-1": 2}


def test_the_round_after_a_failed_one_starts_one_region_later(lab: Lab) -> None:
    """A region that always fails moves through the order like every other region."""
    lab.queue.broken_with = UNSENT
    with pytest.raises(RegionsFailedError):
        lab.run(EVERYWHERE)
    lab.queue.broken_with = None
    assert lab.visited(EVERYWHERE) == FIVE[1:] + FIVE[:1]


def test_a_removed_region_that_failed_is_still_visited(lab: Lab) -> None:
    """The region may still have active rows, so the next round visits it again."""
    lab.run(EVERYWHERE)
    fewer = without("region-e", of=EVERYWHERE)
    lab.rows.busy["region-e"] = BUSY
    with pytest.raises(RegionsFailedError):
        lab.run(fewer)
    assert lab.rows.noted.regions == set(FIVE)
    lab.rows.busy.clear()
    lab.run(fewer)
    assert lab.rows.noted.regions == set(FIVE) - {"region-e"}


def test_a_broken_hub_ends_the_round_at_once(lab: Lab) -> None:
    """A failure of the hub affects all regions, so the round ends."""
    broken = Failure.of(State.NOT_FOUND, "ResourceNotFoundException", "no such table")
    lab.rows.busy["region-b"] = HubBrokenError("table", broken)
    with pytest.raises(HubBrokenError):
        lab.run(EVERYWHERE)
    assert lab.rows.visited == ["region-a", "region-b"]


def test_a_failed_region_is_raised_before_a_refusal(lab: Lab) -> None:
    """One error is raised, and both are in the log."""
    catalogue = shrunk(lab, images(12))
    lab.rows.busy["us-east-1"] = BUSY
    with pytest.raises(RegionsFailedError) as caught:
        lab.run(catalogue, NEXT_ROUND)
    assert list(caught.value.problems) == ["us-east-1"]
    assert lab.log.events("error").count("removal refused") == 1
    assert lab.log.events("error").count("region failed") == 1


def test_the_deadline_is_raised_before_a_failed_region(lab: Lab) -> None:
    """The error names the regions that were not visited; the failed one is in the log."""
    lab.rows.busy["region-a"] = BUSY
    with pytest.raises(OutOfTimeError) as caught:
        lab.run(EVERYWHERE, deadline=time_for(2))
    assert caught.value.left == tuple(FIVE[2:])
    assert lab.log.events("error") == ["region failed"]


# --- removed regions


def test_a_removed_region_is_deactivated_once(lab: Lab) -> None:
    """The next round deactivates its rows; later rounds do not read it."""
    before = a_catalogue(["eu-west-1", "us-east-1"])
    lab.run(before)
    lab.asked()
    after = without("us-east-1", of=before)
    summary = lab.run(after, NEXT_ROUND)
    assert dict(summary.changes) == {"deactivated": 2}
    assert lab.asked() == [("eu-west-1", ACCOUNT, name) for name in ("al2023", "rhel-9")]
    assert lab.active() == [("eu-west-1", "al2023"), ("eu-west-1", "rhel-9")]
    assert lab.rows.noted.regions == {"eu-west-1"}
    assert lab.visited(after) == ["eu-west-1"]


def test_a_removed_region_keeps_its_history(lab: Lab) -> None:
    """Version and image stay in the row and continue when the region is added again."""
    before = a_catalogue(["eu-west-1", "us-east-1"], [an_image()])
    lab.run(before)
    record = image_record(ACCOUNT, "al2023")
    lab.rows.table.change("us-east-1", record, version=7, image_id="ami-7", status={"state": "ok"})
    lab.run(without("us-east-1", of=before))
    summary = lab.run(before)
    row = lab.rows.table.row("us-east-1", record)
    assert row is not None
    assert (row["active"], row["version"], row["image_id"]) == (True, 7, "ami-7")
    assert dict(summary.changes) == {"reactivated": 1}


def test_a_killed_round_keeps_removed_regions_in_the_note(lab: Lab) -> None:
    """A region is removed from the note only after a round found no active rows in it."""
    before = a_catalogue(["eu-west-1", "us-east-1"])
    lab.run(before)
    after = without("us-east-1", of=before)
    lab.rows.noted = Note(lab.rows.noted.regions, "eu-west-1")
    lab.rows.killed_in = "eu-west-1"
    assert lab.visited(after) == ["eu-west-1"]
    lab.rows.killed_in = None
    assert "us-east-1" in lab.visited(after)
    assert {region for region, _ in lab.active()} == {"eu-west-1"}


def test_a_new_region_is_noted_before_its_rows_are_written(lab: Lab) -> None:
    """A round that is killed in it leaves no active rows in a region that is not noted."""
    lab.rows.killed_in = "eu-west-1"
    with pytest.raises(KilledError):
        lab.run(a_catalogue())
    assert lab.rows.noted.regions == {"eu-west-1", "us-east-1"}


# --- partial rounds


def test_a_partial_round_visits_only_its_regions_and_keeps_the_cursor(lab: Lab) -> None:
    """A request for one region does not change the start of the next round."""
    lab.visited(EVERYWHERE)
    before = lab.rows.noted
    assert lab.visited(EVERYWHERE, only={"region-d"}) == ["region-d"]
    assert lab.rows.noted == before
    assert lab.visited(EVERYWHERE) == FIVE[1:] + FIVE[:1]


def test_a_partial_round_keeps_all_regions_in_the_note(lab: Lab) -> None:
    """A region that the partial round did not visit may still have active rows."""
    lab.run(EVERYWHERE)
    fewer = without("region-e", of=EVERYWHERE)
    lab.run(fewer, only={"region-a"})
    assert lab.rows.noted.regions == set(FIVE)
    assert ("region-e", "al2023") in lab.active()


def test_a_partial_round_that_ends_early_names_the_remaining_regions(lab: Lab) -> None:
    """The cursor stays, because the next full round visits those regions."""
    lab.visited(EVERYWHERE)
    before = lab.rows.noted
    with pytest.raises(OutOfTimeError) as caught:
        lab.run(EVERYWHERE, only={"region-a", "region-d"}, deadline=time_for(1))
    assert caught.value.left == ("region-a",)
    assert lab.rows.noted == before


@pytest.mark.parametrize("only", [{"region-x"}, {"region-a", "region-x"}])
def test_a_partial_round_with_an_unknown_region_is_rejected(lab: Lab, only: set[str]) -> None:
    """An unknown region is rejected by name before any write."""
    lab.rows.noted = Note(frozenset(FIVE), "region-b")
    with pytest.raises(MalformedError, match="regions region-x are neither in"):
        lab.run(EVERYWHERE, only=only)
    assert (lab.rows.table.rows(), lab.asked()) == ([], [])


def test_a_partial_round_may_name_a_removed_region(lab: Lab) -> None:
    """The rows of a removed region are deactivated without waiting for the next full round."""
    lab.run(EVERYWHERE)
    lab.run(without("region-e", of=EVERYWHERE), only={"region-e"})
    assert ("region-e", "al2023") not in lab.active()


# --- reports


def test_the_summary_counts_the_changes_and_messages(lab: Lab) -> None:
    """The response has the totals, and the metrics are by region."""
    lab.rows.table.put(image_row(a_pair(an_image("old"))))
    summary = lab.run(MIXED)
    assert summary.answer() == {
        "round": ROUND,
        "regions": 2,
        "enqueued": 7,
        "created": 7,
        "deactivated": 1,
    }
    assert list(summary.measures())[:3] == [
        Measure("RoundsFinished", 1),
        Measure("PairsEnqueued", 4, fields={"region": "eu-west-1"}),
        Measure("PairsEnqueued", 3, fields={"region": "us-east-1"}),
    ]


def test_a_round_is_reported_once(lab: Lab) -> None:
    """The reported summary is the returned one."""
    summary = lab.run(MIXED)
    assert lab.reported == [summary]


def test_a_refused_round_counts_as_finished(lab: Lab) -> None:
    """Every region was visited; the refusals are counted separately."""
    catalogue = shrunk(lab, images(12))
    with pytest.raises(RefusedError):
        lab.run(catalogue, NEXT_ROUND)
    assert lab.measured() == {
        "RoundsFinished": 1,
        "RemovalsRefused": 1,
        "PairsEnqueued ap-south-1": 13,
        "PairsEnqueued eu-west-1": 12,
        "PairsEnqueued us-east-1": 13,
    }


def test_a_round_with_failed_regions_is_not_finished(lab: Lab) -> None:
    """The messages of the other regions are measured."""
    for region in FIVE[1:4]:
        lab.queue.refused[region] = UNSENT
    with pytest.raises(RegionsFailedError):
        lab.run(EVERYWHERE)
    assert lab.measured() == {
        "RegionsFailed": 3,
        "PairsEnqueued region-a": 1,
        "PairsEnqueued region-e": 1,
    }


def test_a_round_that_ran_out_of_time_is_not_finished(lab: Lab) -> None:
    """The messages that were sent before are measured."""
    with pytest.raises(OutOfTimeError):
        lab.run(EVERYWHERE, deadline=time_for(1))
    assert lab.measured() == {"PairsEnqueued region-a": 1}


def test_a_partial_round_is_not_a_finished_round(lab: Lab) -> None:
    """A scheduled part must not end the alarm on missing rounds."""
    lab.run(EVERYWHERE, only=["region-a"])
    assert lab.measured() == {"PairsEnqueued region-a": 1}


def test_a_round_that_fails_is_reported(lab: Lab) -> None:
    """A round is reported whatever ends it: here, the hub fails in its second region."""
    broken = Failure.of(State.NOT_FOUND, "ResourceNotFoundException", "no such table")
    lab.rows.busy["region-b"] = HubBrokenError("table", broken)
    with pytest.raises(HubBrokenError):
        lab.run(EVERYWHERE)
    assert lab.measured() == {"PairsEnqueued region-a": 1}


def test_changes_are_logged_by_target(lab: Lab) -> None:
    """One line for each target whose configuration changed has the counts."""
    lab.run(a_catalogue(["eu-west-1"]))
    assert lab.log.fields("configuration applied") == [
        {"region": "eu-west-1", "account_id": ACCOUNT, "changes": {"created": 2}}
    ]


@pytest.mark.parametrize("count", [0, 1, 40])
def test_all_rows_of_a_target_are_written(lab: Lab, count: int) -> None:
    """Several threads write the rows, and no row is lost."""
    summary = lab.run(a_catalogue(["eu-west-1"], images(count)))
    assert summary.changes["created"] == count
    assert [name for _, name in lab.active()] == [image.name for image in images(count)]


def test_a_row_that_stays_damaged_becomes_stale(lab: Lab) -> None:
    """Each round configures the row again, but this does not count as an answer."""
    damaged = image_row(a_pair(an_image("al2023"), number=7)) | {"status": "damaged"}
    lab.rows.table.put(damaged)
    catalogue = a_catalogue(["eu-west-1"], [an_image("al2023"), an_image("rhel-9")])
    for hour in (7, 8, 9):
        lab.run(catalogue, f"2026-11-22T{hour:02}:00:00Z")

    assert 7 in lab.window().unanswered()
    assert 8 not in lab.window().unanswered()


# --- health


HEALTHY = {
    "Pairs": 0,
    "PairsFailing throttling": 0,
    "PairsFailing access": 0,
    "PairsFailing image": 0,
    "PairsFailing other": 0,
    "PairsStale": 0,
    "TargetsFailing": 0,
    "RowsUnreadable": 0,
    "ImagesNeverFound": 0,
}


def health_of(lab: Lab) -> dict[str, float]:
    """Return only the health metrics."""
    others = ("RoundsFinished", "PairsEnqueued", "RegionsFailed", "RemovalsRefused")
    return {name: value for name, value in lab.health().items() if not name.startswith(others)}


def test_the_first_round_measures_zeros(lab: Lab) -> None:
    """New pairs do not fail, and every alarm has a value."""
    lab.run(MIXED)
    assert health_of(lab) == HEALTHY


def test_health_is_computed_from_the_rows_before_the_round(lab: Lab) -> None:
    """Metrics of a target have region and account as fields; the sums have neither."""
    other = Target(OTHER_ACCOUNT, "eu-west-1")
    for pair in (
        a_pair(an_image("al2023"), state="ok", number=1),
        a_pair(an_image("rhel-9"), state="throttled", number=2),
        a_pair(an_image("al2023"), other, state="access_denied", number=1),
        a_pair(an_image("rhel-9"), other, state="access_denied", number=2),
    ):
        lab.rows.table.put(image_row(pair))
    lab.run(MIXED)
    there = f"eu-west-1 {OTHER_ACCOUNT}"
    assert health_of(lab) == HEALTHY | {
        "Pairs": 4,
        f"PairsFailing throttling eu-west-1 {ACCOUNT}": 1,
        f"PairsFailing access {there}": 2,
        f"TargetsFailing {there}": 1,
    }


def test_a_round_repeats_the_measures_of_a_continuing_state(lab: Lab) -> None:
    """A state that continues is measured again, and its end is measured as zero."""
    catalogue = a_catalogue(["eu-west-1"], [an_image()])
    lab.rows.table.put(image_row(a_pair(state="access_denied")))
    for round_id in (ROUND, NEXT_ROUND):
        lab.run(catalogue, round_id)
        assert lab.health()[f"TargetsFailing eu-west-1 {ACCOUNT}"] == 1
    lab.rows.table.put(image_row(a_pair(state="ok")))
    lab.run(catalogue, NEXT_ROUND)
    assert health_of(lab) == HEALTHY | {"Pairs": 1}


def test_stale_pairs_are_measured_when_they_are_marked(lab: Lab) -> None:
    """The window of this round decides which pairs of any state are stale."""
    catalogue = a_catalogue(["eu-west-1"])
    for number, (name, state) in enumerate([("al2023", "ok"), ("rhel-9", "not_found")], 1):
        lab.rows.table.put(image_row(a_pair(an_image(name), state=state, number=number)))
    before = a_window("2026-11-22T06:00:00Z", missed={1, 2})
    lab.rows.table.put(round_row(window=before))
    lab.run(catalogue)
    assert lab.health()[f"PairsStale eu-west-1 {ACCOUNT}"] == 2
    assert lab.health()[f"TargetsFailing eu-west-1 {ACCOUNT}"] == 1
    assert lab.log.fields("pairs are stale") == [{"region": "eu-west-1", "stale": 1, "marked": 1}]


def test_a_round_row_that_cannot_be_written_hides_no_stale_pair(lab: Lab) -> None:
    """If the row cannot be written, the window that was read is used."""
    lab.rows.table.put(image_row(a_pair(state="ok", number=1)))
    lab.rows.table.put(round_row(window=a_window(stale={1})))
    busy = Failure.of(State.TRANSIENT, "InternalServerError", "later")
    lab.rows.unwritable["round row"] = CallFailedError(busy)
    with pytest.raises(RegionsFailedError):
        lab.run(a_catalogue(["eu-west-1"], [an_image()]))
    assert lab.health()[f"PairsStale eu-west-1 {ACCOUNT}"] == 1


def test_rows_that_cannot_be_decoded_are_measured(lab: Lab) -> None:
    """Undecodable image rows and round rows are counted by region."""
    lab.rows.table.put(image_row(a_pair()) | {"version": "three"})
    lab.rows.table.put(round_row() | {"answered": "all"})
    lab.run(a_catalogue(["eu-west-1"], [an_image()]))
    assert lab.health()["RowsUnreadable eu-west-1"] == 2


def test_images_that_were_never_found_are_named(lab: Lab) -> None:
    """The round after the first lookups reports a typo in a parameter path."""
    catalogue = a_catalogue(tracked=[an_image("typo"), an_image("al2023")])
    for region in catalogue.regions():
        target = Target(ACCOUNT, region)
        lab.rows.table.put(image_row(a_pair(an_image("al2023"), target, state="ok", number=1)))
        unknown = a_pair(an_image("typo"), target, known=None, version=0, state="not_found")
        lab.rows.table.put(image_row(replace(unknown, number=2)))
    lab.run(catalogue)
    assert lab.health()["ImagesNeverFound"] == 1
    assert lab.log.fields("image never found") == [{"image_name": "typo"}]


def test_a_partial_round_measures_no_health(lab: Lab) -> None:
    """The zeros of a partial round would end alarms of the other regions."""
    lab.run(EVERYWHERE)
    lab.run(EVERYWHERE, NEXT_ROUND, only=list(FIVE))
    assert health_of(lab) == {}


def test_a_round_that_could_not_read_a_region_measures_no_health(lab: Lab) -> None:
    """The failures in the region are unknown, so no sum is correct."""
    busy = Failure.of(State.THROTTLED, "ThrottlingException", "slow down")
    lab.rows.busy["region-c"] = CallFailedError(busy)
    with pytest.raises(RegionsFailedError):
        lab.run(EVERYWHERE)
    assert health_of(lab) == {}
    assert lab.log.fields("image never found") == []


def test_a_round_that_ran_out_of_time_measures_no_health(lab: Lab) -> None:
    """The round did not read every region."""
    with pytest.raises(OutOfTimeError):
        lab.run(EVERYWHERE, deadline=time_for(1))
    assert health_of(lab) == {}


def test_a_round_that_could_not_send_measures_health(lab: Lab) -> None:
    """Every row was read, and health is computed from the rows."""
    lab.queue.refused["region-b"] = UNSENT
    with pytest.raises(RegionsFailedError):
        lab.run(EVERYWHERE)
    assert health_of(lab) == HEALTHY
