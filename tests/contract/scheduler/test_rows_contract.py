"""What a round may expect of its rows: the same of the fake as of the table."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from log_fakes import FakeLog
from scheduler_fakes import (
    ACCOUNT,
    OTHER_ACCOUNT,
    TARGET,
    FakeInventory,
    a_pair,
    a_window,
    an_image,
    image_row,
    images,
    round_row,
    stale_status,
)
from table_fakes import DynamoTable, Row, Table

from services.kernel.keys import image_record
from services.kernel.model import Filter, FilterLookup, Kind, Pair, ParameterLookup, Target, Window
from services.kernel.round_records import Note
from services.kernel.sessions import HubSession
from services.kernel.wire import lookup_digest
from services.scheduler.inventory import Inventory
from services.scheduler.plan import Action, Change
from services.scheduler.schedule import RoundRows

REGION = TARGET.region
STARTED = datetime(2026, 11, 22, 7, 0, 1, tzinfo=UTC)
RHEL = FilterLookup(
    (Filter("architecture", ("x86_64",)), Filter("name", ("RHEL-9.*", "RHEL-10.*"))),
    owners=("309956199498",),
    exclude_names=("*-BETA-*",),
)


@dataclass(frozen=True, slots=True)
class Bed:
    """The rows under test, and the table that they stand in."""

    rows: RoundRows
    table: Table

    def given(self, *pairs: Pair) -> None:
        """Put rows as scheduler and lookup leave them."""
        for pair in pairs:
            self.table.put(image_row(pair))

    def row(self, pair: Pair) -> Row | None:
        """A pair's row as it stands."""
        record = image_record(pair.target.account_id, pair.image_name)
        return self.table.row(pair.target.region, record)


@pytest.fixture(params=["fake", "inventory"])
def bed(request: pytest.FixtureRequest) -> Bed:
    """The fake, then the adapter over DynamoDB."""
    if request.param == "fake":
        fake = FakeInventory()
        return Bed(fake, fake.table)
    home: HubSession = request.getfixturevalue("home")
    table: DynamoTable = request.getfixturevalue("table")
    return Bed(Inventory(home.client("dynamodb"), table.name, FakeLog()), table)


class TestImageRows:
    """Configuration is written; what is known stays."""

    def test_a_region_without_rows_has_no_pairs(self, bed: Bed) -> None:
        """An empty table is no error."""
        assert bed.rows.read(REGION).pairs == []

    @pytest.mark.parametrize("lookup", [ParameterLookup("/a"), RHEL], ids=["parameter", "filters"])
    def test_a_created_pair_is_read_back_equal(
        self, bed: Bed, lookup: ParameterLookup | FilterLookup
    ) -> None:
        """Lookup, digest, announce list: all as planned."""
        pair = a_pair(an_image("new", lookup, [Kind.BASELINE]), version=0, known=None)
        bed.rows.apply(Change(Action.CREATE, pair))
        assert bed.rows.read(REGION).pairs == [pair]

    def test_a_pair_may_announce_nothing(self, bed: Bed) -> None:
        """An empty list is a value of its own."""
        pair = a_pair(an_image(announce=[]), version=0, known=None)
        bed.rows.apply(Change(Action.CREATE, pair))
        assert bed.rows.read(REGION).pairs == [pair]

    def test_the_pairs_of_a_region_are_those_of_every_account(self, bed: Bed) -> None:
        """Inactive ones too, but nothing of other regions."""
        here = [
            a_pair(),
            a_pair(an_image("idle"), active=False, state="not_found"),
            a_pair(target=Target(OTHER_ACCOUNT, REGION)),
        ]
        bed.given(*here, a_pair(target=Target(ACCOUNT, "us-east-1")))
        assert sorted(map(repr, bed.rows.read(REGION).pairs)) == sorted(map(repr, here))

    def test_other_records_of_a_region_are_no_pairs(self, bed: Bed) -> None:
        """Round rows and release rows stand in the same partition."""
        bed.table.put(round_row())
        bed.table.put({"region": REGION, "record": f"release#{ACCOUNT}#al2023#00000001"})
        assert bed.rows.read(REGION).pairs == []

    def test_an_edit_keeps_what_is_known(self, bed: Bed) -> None:
        """Image, version, confirmed digest and status survive a change of the configuration."""
        before = a_pair(state="access_denied")
        bed.given(before)
        edited = replace(
            before, lookup=RHEL, lookup_digest=lookup_digest(RHEL), announce=frozenset(Kind)
        )
        bed.rows.apply(Change(Action.CHANGE, edited))
        assert bed.row(edited) == image_row(edited)
        assert bed.rows.read(REGION).pairs == [edited]

    def test_deactivating_touches_one_attribute(self, bed: Bed) -> None:
        """The history stays readable as it was, whatever else the change holds."""
        before = a_pair(state="ok")
        bed.given(before)
        bed.rows.apply(Change(Action.DEACTIVATE, replace(before, active=False, lookup=RHEL)))
        assert bed.row(before) == image_row(before) | {"active": False}

    def test_a_pair_that_comes_back_takes_its_next_answer_for_an_edits(self, bed: Bed) -> None:
        """Without confirmed digest and status; image and version go on."""
        before = a_pair(active=False, state="not_found")
        bed.given(before)
        bed.rows.apply(Change(Action.REACTIVATE, replace(before, active=True)))
        expected = image_row(replace(before, active=True, confirmed_digest=None, state=None))
        assert bed.row(before) == expected

    def test_a_pair_that_is_back_already_is_left_alone(self, bed: Bed) -> None:
        """A slower duplicate round must not undo what a lookup confirmed meanwhile."""
        now = a_pair(state="ok")
        bed.given(now)
        earlier = replace(now, lookup=RHEL, lookup_digest=lookup_digest(RHEL))
        bed.rows.apply(Change(Action.REACTIVATE, earlier))
        assert bed.row(now) == image_row(now)

    @pytest.mark.parametrize("action", [Action.DEACTIVATE, Action.REACTIVATE])
    def test_a_row_that_is_gone_stays_gone(self, bed: Bed, action: Action) -> None:
        """Somebody deleted it meanwhile; half a row would be malformed."""
        bed.rows.apply(Change(action, a_pair()))
        assert bed.table.rows() == []

    def test_a_pair_may_be_deactivated_twice(self, bed: Bed) -> None:
        """A round that is repeated comes to the same row."""
        before = a_pair()
        bed.given(before)
        for _ in range(2):
            bed.rows.apply(Change(Action.DEACTIVATE, replace(before, active=False)))
        assert bed.row(before) == image_row(replace(before, active=False))

    def test_a_change_may_be_written_twice(self, bed: Bed) -> None:
        """A round that is repeated comes to the same row."""
        change = Change(Action.CREATE, a_pair(version=0, known=None))
        bed.rows.apply(change)
        before = bed.table.rows()
        bed.rows.apply(change)
        assert bed.table.rows() == before

    @pytest.mark.parametrize(
        "damage",
        [{"lookup": {"unknown": "x"}}, {"active": "yes"}, {"announce": ["never"]}],
        ids=lambda damage: next(iter(damage)),
    )
    def test_a_malformed_row_counts_as_missing_and_is_configured_anew(
        self, bed: Bed, damage: dict[str, object]
    ) -> None:
        """It hides no other; written anew, it still knows what it knew."""
        pair, other = a_pair(), a_pair(an_image("other"))
        bed.given(other)
        bed.table.put(image_row(pair) | damage)
        assert bed.rows.read(REGION).pairs == [other]
        bed.rows.apply(Change(Action.CREATE, replace(pair, version=0, known=None)))
        assert bed.row(pair) == image_row(pair)

    def test_what_is_known_in_a_malformed_row_is_not_mended(self, bed: Bed) -> None:
        """Only its configuration is the scheduler's to write, so it stays malformed."""
        pair = a_pair()
        bed.table.put(image_row(pair) | {"version": "three"})
        bed.rows.apply(Change(Action.CREATE, replace(pair, version=0, known=None)))
        assert bed.row(pair) == image_row(pair) | {"version": "three"}
        assert bed.rows.read(REGION).pairs == []

    def test_a_change_touches_no_other_row(self, bed: Bed) -> None:
        """Same name in another account, same account in another region."""
        pair = a_pair()
        others = [a_pair(target=Target(OTHER_ACCOUNT, REGION)), a_pair(an_image("al2023-arm"))]
        bed.given(pair, *others)
        bed.rows.apply(Change(Action.DEACTIVATE, replace(pair, active=False)))
        assert [bed.row(other) for other in others] == [image_row(other) for other in others]


class TestRoundRows:
    """One for each target, with the window that its rounds belong to."""

    def test_a_region_without_round_rows_has_no_windows(self, bed: Bed) -> None:
        """The first round of a target finds none."""
        assert bed.rows.read(REGION).windows == {}

    def test_a_row_is_written_and_read_back(self, bed: Bed) -> None:
        """Each account of a region has its own."""
        other = Target(OTHER_ACCOUNT, REGION)
        window = a_window(answered={1, 2}, missed={3}, stale={4})
        assert bed.rows.begin_round(TARGET, Window(), lambda _: window, 2, STARTED) == window
        bed.rows.begin_round(other, Window(), lambda _: a_window(), 3, STARTED)
        assert bed.table.rows() == [round_row(TARGET, window), round_row(other, enqueued=3)]
        assert bed.rows.read(REGION).windows == {ACCOUNT: window, OTHER_ACCOUNT: a_window()}

    def test_a_new_window_leaves_nothing_of_the_old(self, bed: Bed) -> None:
        """Sets that have no members now are taken away."""
        before = a_window(answered={1}, missed={2}, stale={3})
        bed.table.put(round_row(window=before, started_at="2026-11-22T06:00:01.000Z"))
        after = a_window("2026-11-22T08:00:00Z", missed={5})
        bed.rows.begin_round(TARGET, before, lambda _: after, 5, STARTED)
        assert bed.table.rows() == [round_row(window=after, enqueued=5)]

    def test_another_round_of_a_window_keeps_it(self, bed: Bed) -> None:
        """It writes its name, what was enqueued, and the pairs that it created."""
        before = a_window(answered={1}, missed={2}, stale={3})
        bed.table.put(round_row(window=before, started_at="2026-11-22T06:00:01.000Z"))
        after = replace(before, round="2026-11-22T07:30:00Z", answered=frozenset({1, 9}))
        bed.rows.begin_round(TARGET, before, lambda _: after, 5, STARTED)
        expected = round_row(window=after, enqueued=5, started_at="2026-11-22T06:00:01.000Z")
        assert bed.table.rows() == [expected]

    @pytest.mark.parametrize(
        "read", [a_window(answered={1}), Window(), None], ids=["answered less", "absent", "damaged"]
    )
    def test_answers_since_the_read_count(self, bed: Bed, read: Window | None) -> None:
        """Lookups add to the row meanwhile; then it is read again before it is replaced."""
        bed.table.put(round_row(window=a_window(answered={1, 2})))

        def turn(before: Window) -> Window:
            return a_window("2026-11-22T08:00:00Z", missed={1, 2, 3} - before.answered)

        after = bed.rows.begin_round(TARGET, read, turn, 3, STARTED)
        if read is not None:
            assert after.missed == {3}
        assert after.missed == bed.rows.read(REGION).windows[ACCOUNT].missed  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        "damage",
        [{"answered": "all"}, {"answered": [1]}, {"window": 7}, {"stale": [{"a": 1}]}],
        ids=str,
    )
    def test_a_damaged_row_is_replaced(self, bed: Bed, damage: dict[str, object]) -> None:
        """Windows begin again; nothing is stale for a damaged row's sake."""
        bed.table.put(round_row() | damage)
        assert bed.rows.read(REGION).windows == {ACCOUNT: None}
        bed.rows.begin_round(TARGET, None, lambda _: a_window(), 2, STARTED)
        assert bed.table.rows() == [round_row()]


class TestStaleMarks:
    """The scheduler shows in a row that its pair is stale."""

    def test_a_healthy_row_is_marked(self, bed: Bed) -> None:
        """Nothing else of the row changes."""
        pair = a_pair(state="ok")
        bed.given(pair)
        bed.rows.mark_stale(pair, STARTED)
        assert bed.row(pair) == image_row(pair) | {"status": stale_status(STARTED)}

    @pytest.mark.parametrize(
        "now",
        [
            a_pair(state="not_found"),
            replace(a_pair(state="ok"), since="2026-11-22T07:59:00.000Z"),
            a_pair(state="ok", active=False),
        ],
        ids=["another problem", "answered meanwhile", "deactivated"],
    )
    def test_a_row_that_changed_meanwhile_is_left_alone(self, bed: Bed, now: Pair) -> None:
        """Its status is newer than the one that was read."""
        bed.given(now)
        bed.rows.mark_stale(a_pair(state="ok"), STARTED)
        assert bed.row(now) == image_row(now)

    def test_a_row_that_is_gone_stays_gone(self, bed: Bed) -> None:
        """Half a row could not be decoded."""
        bed.rows.mark_stale(a_pair(state="ok"), STARTED)
        assert bed.table.rows() == []


class TestNumbers:
    """Round rows name pairs by their numbers."""

    def test_a_number_is_written_and_read(self, bed: Bed) -> None:
        """With the rest of the configuration."""
        pair = a_pair(version=0, known=None, number=7)
        bed.rows.apply(Change(Action.CREATE, pair))
        assert [pair.number for pair in bed.rows.read(REGION).pairs] == [7]

    def test_the_numbers_of_damaged_rows_are_known(self, bed: Bed) -> None:
        """They must not be given again."""
        bed.table.put(image_row(a_pair(number=12)) | {"active": "yes"})
        bed.table.put(image_row(a_pair(an_image("b"), number=3)) | {"number": "three"})
        assert bed.rows.read(REGION).numbers == {ACCOUNT: {"al2023": 12}}


class TestNote:
    """What the scheduler remembers between rounds."""

    def test_at_first_there_is_none(self, bed: Bed) -> None:
        """The first round of all begins at the first region."""
        assert bed.rows.note() == Note()

    def test_start_and_regions_are_written_apart(self, bed: Bed) -> None:
        """Neither loses the other; each replaces what it was."""
        bed.rows.start_next_at("eu-west-1")
        assert bed.rows.note() == Note(frozenset(), "eu-west-1")
        bed.rows.remember({"us-east-1", "eu-west-1"})
        bed.rows.start_next_at("us-east-1")
        assert bed.rows.note() == Note(frozenset({"eu-west-1", "us-east-1"}), "us-east-1")
        bed.rows.remember({"eu-west-1"})
        assert bed.rows.note() == Note(frozenset({"eu-west-1"}), "us-east-1")

    def test_no_region_is_a_set_too(self, bed: Bed) -> None:
        """DynamoDB knows no empty sets, so the note holds a list."""
        bed.rows.remember({"eu-west-1"})
        bed.rows.remember(set())
        assert bed.rows.note() == Note()


def test_threads_may_write_at_once(bed: Bed) -> None:
    """A round writes the rows of a target over several threads."""
    changes = [Change(Action.CREATE, a_pair(i, version=0, known=None)) for i in images(12)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(bed.rows.apply, changes))
    names = [pair.image_name for pair in bed.rows.read(REGION).pairs]
    assert sorted(names) == [image.name for image in images(12)]
