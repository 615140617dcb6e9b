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
class Lab:
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
def lab(request: pytest.FixtureRequest) -> Lab:
    """The fake, then the adapter over DynamoDB."""
    if request.param == "fake":
        fake = FakeInventory()
        return Lab(fake, fake.table)
    home: HubSession = request.getfixturevalue("home")
    table: DynamoTable = request.getfixturevalue("table")
    return Lab(Inventory(home.client("dynamodb"), table.name, FakeLog()), table)


class TestImageRows:
    """Configuration is written; what is known stays."""

    def test_a_region_without_rows_has_no_pairs(self, lab: Lab) -> None:
        """An empty table is no error."""
        assert lab.rows.read(REGION).pairs == []

    @pytest.mark.parametrize("lookup", [ParameterLookup("/a"), RHEL], ids=["parameter", "filters"])
    def test_a_created_pair_is_read_back_equal(
        self, lab: Lab, lookup: ParameterLookup | FilterLookup
    ) -> None:
        """Lookup, digest, announce list: all as planned."""
        pair = a_pair(an_image("new", lookup, [Kind.BASELINE]), version=0, known=None)
        lab.rows.apply(Change(Action.CREATE, pair))
        assert lab.rows.read(REGION).pairs == [pair]

    def test_a_pair_may_announce_nothing(self, lab: Lab) -> None:
        """An empty list is a value of its own."""
        pair = a_pair(an_image(announce=[]), version=0, known=None)
        lab.rows.apply(Change(Action.CREATE, pair))
        assert lab.rows.read(REGION).pairs == [pair]

    def test_the_pairs_of_a_region_are_those_of_every_account(self, lab: Lab) -> None:
        """Inactive ones too, but nothing of other regions."""
        here = [
            a_pair(),
            a_pair(an_image("idle"), active=False, state="not_found"),
            a_pair(target=Target(OTHER_ACCOUNT, REGION)),
        ]
        lab.given(*here, a_pair(target=Target(ACCOUNT, "us-east-1")))
        assert sorted(map(repr, lab.rows.read(REGION).pairs)) == sorted(map(repr, here))

    def test_other_records_of_a_region_are_no_pairs(self, lab: Lab) -> None:
        """Round rows and release rows stand in the same partition."""
        lab.table.put(round_row())
        lab.table.put({"region": REGION, "record": f"release#{ACCOUNT}#al2023#00000001"})
        assert lab.rows.read(REGION).pairs == []

    def test_an_edit_keeps_what_is_known(self, lab: Lab) -> None:
        """Image, version, confirmed digest and status survive a change of the configuration."""
        before = a_pair(state="access_denied")
        lab.given(before)
        edited = replace(
            before, lookup=RHEL, lookup_digest=lookup_digest(RHEL), announce=frozenset(Kind)
        )
        lab.rows.apply(Change(Action.CHANGE, edited))
        assert lab.row(edited) == image_row(edited)
        assert lab.rows.read(REGION).pairs == [edited]

    def test_deactivating_touches_one_attribute(self, lab: Lab) -> None:
        """The history stays readable as it was, whatever else the change holds."""
        before = a_pair(state="ok")
        lab.given(before)
        lab.rows.apply(Change(Action.DEACTIVATE, replace(before, active=False, lookup=RHEL)))
        assert lab.row(before) == image_row(before) | {"active": False}

    def test_a_pair_that_comes_back_takes_its_next_answer_for_an_edits(self, lab: Lab) -> None:
        """Without confirmed digest and status; image and version go on."""
        before = a_pair(active=False, state="not_found")
        lab.given(before)
        lab.rows.apply(Change(Action.REACTIVATE, replace(before, active=True)))
        expected = image_row(replace(before, active=True, confirmed_digest=None, state=None))
        assert lab.row(before) == expected

    def test_a_pair_that_is_back_already_is_left_alone(self, lab: Lab) -> None:
        """A slower duplicate round must not undo what a lookup confirmed meanwhile."""
        now = a_pair(state="ok")
        lab.given(now)
        earlier = replace(now, lookup=RHEL, lookup_digest=lookup_digest(RHEL))
        lab.rows.apply(Change(Action.REACTIVATE, earlier))
        assert lab.row(now) == image_row(now)

    @pytest.mark.parametrize("action", [Action.DEACTIVATE, Action.REACTIVATE])
    def test_a_row_that_is_gone_stays_gone(self, lab: Lab, action: Action) -> None:
        """Somebody deleted it meanwhile; half a row would be malformed."""
        lab.rows.apply(Change(action, a_pair()))
        assert lab.table.rows() == []

    def test_a_pair_may_be_deactivated_twice(self, lab: Lab) -> None:
        """A round that is repeated comes to the same row."""
        before = a_pair()
        lab.given(before)
        for _ in range(2):
            lab.rows.apply(Change(Action.DEACTIVATE, replace(before, active=False)))
        assert lab.row(before) == image_row(replace(before, active=False))

    def test_a_change_may_be_written_twice(self, lab: Lab) -> None:
        """A round that is repeated comes to the same row."""
        change = Change(Action.CREATE, a_pair(version=0, known=None))
        lab.rows.apply(change)
        before = lab.table.rows()
        lab.rows.apply(change)
        assert lab.table.rows() == before

    @pytest.mark.parametrize(
        "damage",
        [{"lookup": {"unknown": "x"}}, {"active": "yes"}, {"announce": ["never"]}],
        ids=lambda damage: next(iter(damage)),
    )
    def test_a_malformed_row_counts_as_missing_and_is_configured_anew(
        self, lab: Lab, damage: dict[str, object]
    ) -> None:
        """It hides no other; written anew, it still knows what it knew."""
        pair, other = a_pair(), a_pair(an_image("other"))
        lab.given(other)
        lab.table.put(image_row(pair) | damage)
        assert lab.rows.read(REGION).pairs == [other]
        lab.rows.apply(Change(Action.CREATE, replace(pair, version=0, known=None)))
        assert lab.row(pair) == image_row(pair)

    def test_what_is_known_in_a_malformed_row_is_not_mended(self, lab: Lab) -> None:
        """Only its configuration is the scheduler's to write, so it stays malformed."""
        pair = a_pair()
        lab.table.put(image_row(pair) | {"version": "three"})
        lab.rows.apply(Change(Action.CREATE, replace(pair, version=0, known=None)))
        assert lab.row(pair) == image_row(pair) | {"version": "three"}
        assert lab.rows.read(REGION).pairs == []

    def test_a_change_touches_no_other_row(self, lab: Lab) -> None:
        """Same name in another account, same account in another region."""
        pair = a_pair()
        others = [a_pair(target=Target(OTHER_ACCOUNT, REGION)), a_pair(an_image("al2023-arm"))]
        lab.given(pair, *others)
        lab.rows.apply(Change(Action.DEACTIVATE, replace(pair, active=False)))
        assert [lab.row(other) for other in others] == [image_row(other) for other in others]


class TestRoundRows:
    """One for each target, with the window that its rounds belong to."""

    def test_a_region_without_round_rows_has_no_windows(self, lab: Lab) -> None:
        """The first round of a target finds none."""
        assert lab.rows.read(REGION).windows == {}

    def test_a_row_is_written_and_read_back(self, lab: Lab) -> None:
        """Each account of a region has its own."""
        other = Target(OTHER_ACCOUNT, REGION)
        window = a_window(answered={1, 2}, missed={3}, stale={4})
        assert lab.rows.begin_round(TARGET, Window(), lambda _: window, 2, STARTED) == window
        lab.rows.begin_round(other, Window(), lambda _: a_window(), 3, STARTED)
        assert lab.table.rows() == [round_row(TARGET, window), round_row(other, enqueued=3)]
        assert lab.rows.read(REGION).windows == {ACCOUNT: window, OTHER_ACCOUNT: a_window()}

    def test_a_new_window_leaves_nothing_of_the_old(self, lab: Lab) -> None:
        """Sets that have no members now are taken away."""
        before = a_window(answered={1}, missed={2}, stale={3})
        lab.table.put(round_row(window=before, started_at="2026-11-22T06:00:01.000Z"))
        after = a_window("2026-11-22T08:00:00Z", missed={5})
        lab.rows.begin_round(TARGET, before, lambda _: after, 5, STARTED)
        assert lab.table.rows() == [round_row(window=after, enqueued=5)]

    def test_another_round_of_a_window_keeps_it(self, lab: Lab) -> None:
        """It writes its name, what was enqueued, and the pairs that it created."""
        before = a_window(answered={1}, missed={2}, stale={3})
        lab.table.put(round_row(window=before, started_at="2026-11-22T06:00:01.000Z"))
        after = replace(before, round="2026-11-22T07:30:00Z", answered=frozenset({1, 9}))
        lab.rows.begin_round(TARGET, before, lambda _: after, 5, STARTED)
        expected = round_row(window=after, enqueued=5, started_at="2026-11-22T06:00:01.000Z")
        assert lab.table.rows() == [expected]

    @pytest.mark.parametrize(
        "read", [a_window(answered={1}), Window(), None], ids=["answered less", "absent", "damaged"]
    )
    def test_answers_since_the_read_count(self, lab: Lab, read: Window | None) -> None:
        """Lookups add to the row meanwhile; then it is read again before it is replaced."""
        lab.table.put(round_row(window=a_window(answered={1, 2})))

        def turn(before: Window) -> Window:
            return a_window("2026-11-22T08:00:00Z", missed={1, 2, 3} - before.answered)

        after = lab.rows.begin_round(TARGET, read, turn, 3, STARTED)
        if read is not None:
            assert after.missed == {3}
        assert after.missed == lab.rows.read(REGION).windows[ACCOUNT].missed  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        "damage",
        [{"answered": "all"}, {"answered": [1]}, {"window": 7}, {"stale": [{"a": 1}]}],
        ids=str,
    )
    def test_a_damaged_row_is_replaced(self, lab: Lab, damage: dict[str, object]) -> None:
        """Windows begin again; nothing is stale for a damaged row's sake."""
        lab.table.put(round_row() | damage)
        assert lab.rows.read(REGION).windows == {ACCOUNT: None}
        lab.rows.begin_round(TARGET, None, lambda _: a_window(), 2, STARTED)
        assert lab.table.rows() == [round_row()]


class TestStaleMarks:
    """The scheduler shows in a row that its pair is stale."""

    def test_a_healthy_row_is_marked(self, lab: Lab) -> None:
        """Nothing else of the row changes."""
        pair = a_pair(state="ok")
        lab.given(pair)
        lab.rows.mark_stale(pair, STARTED)
        assert lab.row(pair) == image_row(pair) | {"status": stale_status(STARTED)}

    @pytest.mark.parametrize(
        "now",
        [
            a_pair(state="not_found"),
            replace(a_pair(state="ok"), since="2026-11-22T07:59:00.000Z"),
            a_pair(state="ok", active=False),
        ],
        ids=["another problem", "answered meanwhile", "deactivated"],
    )
    def test_a_row_that_changed_meanwhile_is_left_alone(self, lab: Lab, now: Pair) -> None:
        """Its status is newer than the one that was read."""
        lab.given(now)
        lab.rows.mark_stale(a_pair(state="ok"), STARTED)
        assert lab.row(now) == image_row(now)

    def test_a_row_that_is_gone_stays_gone(self, lab: Lab) -> None:
        """Half a row could not be decoded."""
        lab.rows.mark_stale(a_pair(state="ok"), STARTED)
        assert lab.table.rows() == []


class TestNumbers:
    """Round rows name pairs by their numbers."""

    def test_a_number_is_written_and_read(self, lab: Lab) -> None:
        """With the rest of the configuration."""
        pair = a_pair(version=0, known=None, number=7)
        lab.rows.apply(Change(Action.CREATE, pair))
        assert [pair.number for pair in lab.rows.read(REGION).pairs] == [7]

    def test_the_numbers_of_damaged_rows_are_known(self, lab: Lab) -> None:
        """They must not be given again."""
        lab.table.put(image_row(a_pair(number=12)) | {"active": "yes"})
        lab.table.put(image_row(a_pair(an_image("b"), number=3)) | {"number": "three"})
        assert lab.rows.read(REGION).numbers == {ACCOUNT: {"al2023": 12}}


class TestNote:
    """What the scheduler remembers between rounds."""

    def test_at_first_there_is_none(self, lab: Lab) -> None:
        """The first round of all begins at the first region."""
        assert lab.rows.note() == Note()

    def test_start_and_regions_are_written_apart(self, lab: Lab) -> None:
        """Neither loses the other; each replaces what it was."""
        lab.rows.start_next_at("eu-west-1")
        assert lab.rows.note() == Note(frozenset(), "eu-west-1")
        lab.rows.remember({"us-east-1", "eu-west-1"})
        lab.rows.start_next_at("us-east-1")
        assert lab.rows.note() == Note(frozenset({"eu-west-1", "us-east-1"}), "us-east-1")
        lab.rows.remember({"eu-west-1"})
        assert lab.rows.note() == Note(frozenset({"eu-west-1"}), "us-east-1")

    def test_no_region_is_a_set_too(self, lab: Lab) -> None:
        """DynamoDB knows no empty sets, so the note holds a list."""
        lab.rows.remember({"eu-west-1"})
        lab.rows.remember(set())
        assert lab.rows.note() == Note()


def test_threads_may_write_at_once(lab: Lab) -> None:
    """A round writes the rows of a target over several threads."""
    changes = [Change(Action.CREATE, a_pair(i, version=0, known=None)) for i in images(12)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lab.rows.apply, changes))
    names = [pair.image_name for pair in lab.rows.read(REGION).pairs]
    assert sorted(names) == [image.name for image in images(12)]
