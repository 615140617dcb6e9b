"""The scheduler's port to the table: the fake and the adapter behave alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from support.builders.scheduler import (
    ACCOUNT,
    OTHER_ACCOUNT,
    TARGET,
    a_pair,
    a_window,
    an_image,
    image_row,
    images,
    round_row,
    stale_status,
)
from support.fakes.log import FakeLog
from support.fakes.scheduler import FakeInventory
from support.fakes.table import DynamoTable, Row, Table

from services.kernel.hub_session import HubSession
from services.kernel.keys import image_record
from services.kernel.model import Filter, FilterLookup, Kind, Pair, ParameterLookup, Target, Window
from services.kernel.round_records import Note
from services.kernel.wire import lookup_digest
from services.scheduler.inventory import Inventory
from services.scheduler.plan import UNREAD, Action, Change
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
    """The port under test, and direct access to its table."""

    rows: RoundRows
    table: Table

    def given(self, *pairs: Pair) -> None:
        """Write rows as scheduler and lookup leave them."""
        for pair in pairs:
            self.table.put(image_row(pair))

    def row(self, pair: Pair) -> Row | None:
        """Return a pair's current row."""
        record = image_record(pair.target.account_id, pair.image_name)
        return self.table.row(pair.target.region, record)


@pytest.fixture(params=["fake", "inventory"])
def lab(request: pytest.FixtureRequest) -> Lab:
    """Return the fake, then the adapter over DynamoDB."""
    if request.param == "fake":
        fake = FakeInventory()
        return Lab(fake, fake.table)
    home: HubSession = request.getfixturevalue("home")
    table: DynamoTable = request.getfixturevalue("table")
    return Lab(Inventory(home.client("dynamodb"), table.name, FakeLog()), table)


class TestImageRows:
    """Configuration is written; observations stay."""

    def test_a_region_without_rows_has_no_pairs(self, lab: Lab) -> None:
        """A read of an empty table is no error."""
        assert lab.rows.read(REGION, whole=True).pairs == []

    @pytest.mark.parametrize("lookup", [ParameterLookup("/a"), RHEL], ids=["parameter", "filters"])
    def test_a_created_pair_is_read_back_equal(
        self, lab: Lab, lookup: ParameterLookup | FilterLookup
    ) -> None:
        """Lookup, digest and `announce` of a created pair are as planned."""
        pair = a_pair(an_image("new", lookup, [Kind.BASELINE]), version=0, known=None)
        lab.rows.apply(Change(Action.CREATE, pair))
        assert lab.rows.read(REGION, whole=True).pairs == [pair]

    def test_a_pair_may_announce_nothing(self, lab: Lab) -> None:
        """An empty `announce` list is stored."""
        pair = a_pair(an_image(announce=[]), version=0, known=None)
        lab.rows.apply(Change(Action.CREATE, pair))
        assert lab.rows.read(REGION, whole=True).pairs == [pair]

    def test_the_pairs_of_a_region_are_those_of_every_account(self, lab: Lab) -> None:
        """Inactive pairs and all accounts' pairs are returned, pairs of other regions are not."""
        here = [
            a_pair(),
            a_pair(an_image("idle"), active=False, state="not_found"),
            a_pair(target=Target(OTHER_ACCOUNT, REGION)),
        ]
        lab.given(*here, a_pair(target=Target(ACCOUNT, "us-east-1")))
        assert sorted(map(repr, lab.rows.read(REGION, whole=True).pairs)) == sorted(map(repr, here))

    def test_other_records_of_a_region_are_not_pairs(self, lab: Lab) -> None:
        """Round rows and release rows in the same partition are not returned as pairs."""
        lab.table.put(round_row())
        lab.table.put({"region": REGION, "record": f"release#{ACCOUNT}#al2023#00000001"})
        assert lab.rows.read(REGION, whole=True).pairs == []

    def test_an_edit_keeps_the_known_image(self, lab: Lab) -> None:
        """Image, version, confirmed digest and status survive a change of the configuration."""
        before = a_pair(state="access_denied")
        lab.given(before)
        edited = replace(
            before, lookup=RHEL, lookup_digest=lookup_digest(RHEL), announce=frozenset(Kind)
        )
        lab.rows.apply(Change(Action.CHANGE, edited))
        assert lab.row(edited) == image_row(edited)
        assert lab.rows.read(REGION, whole=True).pairs == [edited]

    def test_a_row_without_a_family_gets_it(self, lab: Lab) -> None:
        """Nothing else of the row changes, so the lookup does not count as edited."""
        before = a_pair(state="ok")
        lab.given(before)
        wanted = replace(before, family="acme")
        lab.rows.apply(Change(Action.CHANGE, wanted))
        assert lab.row(before) == image_row(before) | {"family": "acme"}
        assert lab.rows.read(REGION, whole=True).pairs == [wanted]

    def test_deactivating_changes_one_attribute(self, lab: Lab) -> None:
        """Deactivating changes no other attribute, whatever else the change holds."""
        before = a_pair(state="ok")
        lab.given(before)
        lab.rows.apply(Change(Action.DEACTIVATE, replace(before, active=False, lookup=RHEL)))
        assert lab.row(before) == image_row(before) | {"active": False}

    def test_a_reactivated_pair_treats_its_next_image_as_an_edit(self, lab: Lab) -> None:
        """The row loses confirmed digest and status, and keeps image and version."""
        before = a_pair(active=False, state="not_found")
        lab.given(before)
        lab.rows.apply(Change(Action.REACTIVATE, replace(before, active=True)))
        expected = image_row(replace(before, active=True, confirmed_digest=None, state=None))
        assert lab.row(before) == expected

    def test_a_pair_that_is_already_active_is_unchanged(self, lab: Lab) -> None:
        """A slow duplicate round does not remove what a lookup confirmed since."""
        now = a_pair(state="ok")
        lab.given(now)
        earlier = replace(now, lookup=RHEL, lookup_digest=lookup_digest(RHEL))
        lab.rows.apply(Change(Action.REACTIVATE, earlier))
        assert lab.row(now) == image_row(now)

    @pytest.mark.parametrize("action", [Action.DEACTIVATE, Action.REACTIVATE])
    def test_a_deleted_row_is_not_created_again(self, lab: Lab, action: Action) -> None:
        """A change of a deleted row does not create a partial row, which would be malformed."""
        lab.rows.apply(Change(action, a_pair()))
        assert lab.table.rows() == []

    def test_a_pair_may_be_deactivated_twice(self, lab: Lab) -> None:
        """A repeated round writes the same row."""
        before = a_pair()
        lab.given(before)
        for _ in range(2):
            lab.rows.apply(Change(Action.DEACTIVATE, replace(before, active=False)))
        assert lab.row(before) == image_row(replace(before, active=False))

    def test_a_change_may_be_written_twice(self, lab: Lab) -> None:
        """A repeated round writes the same row."""
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
    def test_a_malformed_row_counts_as_missing_and_is_configured_again(
        self, lab: Lab, damage: dict[str, object]
    ) -> None:
        """Other rows are read; the malformed row gets its configuration and keeps its image."""
        pair, other = a_pair(), a_pair(an_image("other"))
        lab.given(other)
        lab.table.put(image_row(pair) | damage)
        assert lab.rows.read(REGION, whole=True).pairs == [other]
        lab.rows.apply(Change(Action.CREATE, replace(pair, version=0, known=None)))
        assert lab.row(pair) == image_row(pair)

    def test_a_malformed_version_is_not_repaired(self, lab: Lab) -> None:
        """The scheduler writes only configuration, so a malformed version stays malformed."""
        pair = a_pair()
        lab.table.put(image_row(pair) | {"version": "three"})
        lab.rows.apply(Change(Action.CREATE, replace(pair, version=0, known=None)))
        assert lab.row(pair) == image_row(pair) | {"version": "three"}
        assert lab.rows.read(REGION, whole=True).pairs == []

    def test_a_change_affects_no_other_row(self, lab: Lab) -> None:
        """The same image in another account, or in another region, is unchanged."""
        pair = a_pair()
        others = [a_pair(target=Target(OTHER_ACCOUNT, REGION)), a_pair(an_image("al2023-arm"))]
        lab.given(pair, *others)
        lab.rows.apply(Change(Action.DEACTIVATE, replace(pair, active=False)))
        assert [lab.row(other) for other in others] == [image_row(other) for other in others]


class TestComparedAttributes:
    """A read that is not whole has only the attributes that a round compares."""

    @pytest.mark.parametrize("lookup", [ParameterLookup("/a"), RHEL], ids=["parameter", "filters"])
    @pytest.mark.parametrize("state", [None, "ok", "not_found"])
    @pytest.mark.parametrize("active", [True, False], ids=["active", "inactive"])
    def test_lookup_and_image_are_not_read(
        self, lab: Lab, lookup: ParameterLookup | FilterLookup, state: str | None, *, active: bool
    ) -> None:
        """Everything else is as in a whole read."""
        pair = a_pair(an_image("a", lookup, family="acme"), active=active, state=state)
        lab.given(pair)
        expected = replace(pair, lookup=UNREAD, version=0, known=None)
        rows = lab.rows.read(REGION, whole=False)
        assert (rows.pairs, rows.whole) == ([expected], False)
        assert rows.pairs[0].since == pair.since

    def test_a_new_row_has_the_same_attributes(self, lab: Lab) -> None:
        """A row that no lookup has read has no status and no confirmed digest."""
        pair = a_pair(an_image(announce=[]), version=0, known=None)
        lab.rows.create([pair])
        expected = replace(pair, lookup=UNREAD)
        assert lab.rows.read(REGION, whole=False).pairs == [expected]

    @pytest.mark.parametrize(
        "damage",
        [
            {"active": "yes"},
            {"announce": ["never"]},
            {"announce": ["rollback", "release"]},
            {"lookup_digest": 7},
            {"confirmed_digest": 7},
            {"family": 7},
            {"status": {"since": "2026-11-22T07:00:00.000Z"}},
        ],
        ids=str,
    )
    def test_damage_of_compared_attributes_is_found(
        self, lab: Lab, damage: dict[str, object]
    ) -> None:
        """The row counts as missing, and its number is known."""
        lab.given(a_pair(an_image("other")))
        lab.table.put(image_row(a_pair(number=12)) | damage)
        rows = lab.rows.read(REGION, whole=False)
        assert [pair.image_name for pair in rows.pairs] == ["other"]
        assert (rows.unreadable, rows.numbers) == (1, {ACCOUNT: {"al2023": 12}})

    @pytest.mark.parametrize(
        "damage",
        [{"lookup": {"unknown": "x"}}, {"version": "three"}, {"image_name": "b"}, {"status": "ok"}],
        ids=str,
    )
    def test_damage_of_other_attributes_is_found_if_a_pair_was_missed(
        self, lab: Lab, damage: dict[str, object]
    ) -> None:
        """No lookup reads such a row, so the pair has no outcome, and the region is read whole."""
        lab.table.put(image_row(a_pair(number=12)) | damage)
        assert lab.rows.read(REGION, whole=False).unreadable == 0
        lab.table.put(round_row(window=a_window(missed={12})))
        rows = lab.rows.read(REGION, whole=False)
        assert (rows.whole, rows.unreadable, rows.pairs) == (True, 1, [])

    def test_a_damaged_round_row_leads_to_a_whole_read(self, lab: Lab) -> None:
        """The pairs without an outcome are unknown."""
        lab.table.put(round_row() | {"missed": "all"})
        lab.table.put(image_row(a_pair()) | {"version": "three"})
        assert lab.rows.read(REGION, whole=False).unreadable == 2

    def test_a_key_that_is_not_of_a_pair_is_damage(self, lab: Lab) -> None:
        """A key has the account and the name of an image."""
        lab.table.put(image_row(a_pair()) | {"record": "image#al2023"})
        rows = lab.rows.read(REGION, whole=False)
        assert (rows.pairs, rows.unreadable, rows.numbers) == ([], 1, {})


class TestRoundRows:
    """Each target has a round row, with the window of its rounds."""

    def test_a_region_without_round_rows_has_no_windows(self, lab: Lab) -> None:
        """The first round of a target finds no window."""
        assert lab.rows.read(REGION, whole=True).windows == {}

    def test_a_row_is_written_and_read_back(self, lab: Lab) -> None:
        """Each account of a region has its own row."""
        other = Target(OTHER_ACCOUNT, REGION)
        window = a_window(answered={1, 2}, missed={3}, stale={4})
        assert lab.rows.begin_round(TARGET, Window(), lambda _: window, 2, STARTED) == window
        lab.rows.begin_round(other, Window(), lambda _: a_window(), 3, STARTED)
        assert lab.table.rows() == [round_row(TARGET, window), round_row(other, enqueued=3)]
        assert lab.rows.read(REGION, whole=True).windows == {
            ACCOUNT: window,
            OTHER_ACCOUNT: a_window(),
        }

    def test_a_new_window_replaces_the_old_one(self, lab: Lab) -> None:
        """Sets that are empty now are removed."""
        before = a_window(answered={1}, missed={2}, stale={3})
        lab.table.put(round_row(window=before, started_at="2026-11-22T06:00:01.000Z"))
        after = a_window("2026-11-22T08:00:00Z", missed={5})
        lab.rows.begin_round(TARGET, before, lambda _: after, 5, STARTED)
        assert lab.table.rows() == [round_row(window=after, enqueued=5)]

    def test_another_round_of_a_window_keeps_it(self, lab: Lab) -> None:
        """The round writes its name, the number of messages, and the pairs that it created."""
        before = a_window(answered={1}, missed={2}, stale={3})
        lab.table.put(round_row(window=before, started_at="2026-11-22T06:00:01.000Z"))
        after = replace(before, round="2026-11-22T07:30:00Z", answered=frozenset({1, 9}))
        lab.rows.begin_round(TARGET, before, lambda _: after, 5, STARTED)
        expected = round_row(window=after, enqueued=5, started_at="2026-11-22T06:00:01.000Z")
        assert lab.table.rows() == [expected]

    @pytest.mark.parametrize(
        "read", [a_window(answered={1}), Window(), None], ids=["answered less", "absent", "damaged"]
    )
    def test_pairs_answered_since_the_read_count(self, lab: Lab, read: Window | None) -> None:
        """If lookups changed the row since it was read, it is read again before it is replaced."""
        lab.table.put(round_row(window=a_window(answered={1, 2})))

        def turn(before: Window) -> Window:
            return a_window("2026-11-22T08:00:00Z", missed={1, 2, 3} - before.answered)

        after = lab.rows.begin_round(TARGET, read, turn, 3, STARTED)
        if read is not None:
            assert after.missed == {3}
        assert after.missed == lab.rows.read(REGION, whole=True).windows[ACCOUNT].missed  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        "damage",
        [{"answered": "all"}, {"answered": [1]}, {"window": 7}, {"stale": [{"a": 1}]}],
        ids=str,
    )
    def test_a_damaged_row_is_replaced(self, lab: Lab, damage: dict[str, object]) -> None:
        """A damaged round row starts a new window and marks no pair as stale."""
        lab.table.put(round_row() | damage)
        assert lab.rows.read(REGION, whole=True).windows == {ACCOUNT: None}
        lab.rows.begin_round(TARGET, None, lambda _: a_window(), 2, STARTED)
        assert lab.table.rows() == [round_row()]


class TestStaleMarks:
    """The scheduler marks the row of a stale pair."""

    def test_a_healthy_row_is_marked(self, lab: Lab) -> None:
        """A mark changes no other attribute of the row."""
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
    def test_a_row_that_changed_since_the_read_is_unchanged(self, lab: Lab, now: Pair) -> None:
        """A status that is newer than the one that was read stays."""
        lab.given(now)
        lab.rows.mark_stale(a_pair(state="ok"), STARTED)
        assert lab.row(now) == image_row(now)

    def test_a_deleted_row_is_not_created_again(self, lab: Lab) -> None:
        """A mark does not create a partial row, which could not be decoded."""
        lab.rows.mark_stale(a_pair(state="ok"), STARTED)
        assert lab.table.rows() == []


class TestNumbers:
    """Round rows refer to pairs by number."""

    def test_a_number_is_written_and_read(self, lab: Lab) -> None:
        """The number is written with the rest of the configuration."""
        pair = a_pair(version=0, known=None, number=7)
        lab.rows.apply(Change(Action.CREATE, pair))
        assert [pair.number for pair in lab.rows.read(REGION, whole=True).pairs] == [7]

    def test_the_numbers_of_damaged_rows_are_known(self, lab: Lab) -> None:
        """The numbers of undecodable rows are read, because they must not be assigned again."""
        lab.table.put(image_row(a_pair(number=12)) | {"active": "yes"})
        lab.table.put(image_row(a_pair(an_image("b"), number=3)) | {"number": "three"})
        assert lab.rows.read(REGION, whole=True).numbers == {ACCOUNT: {"al2023": 12}}


class TestNote:
    """The note is what the scheduler stores between rounds."""

    def test_an_empty_table_has_no_note(self, lab: Lab) -> None:
        """The very first round starts at the first region."""
        assert lab.rows.note() == Note()

    def test_start_and_regions_are_written_separately(self, lab: Lab) -> None:
        """Writing the start keeps the regions, and writing the regions keeps the start."""
        lab.rows.start_next_at("eu-west-1")
        assert lab.rows.note() == Note(frozenset(), "eu-west-1")
        lab.rows.remember({"us-east-1", "eu-west-1"})
        lab.rows.start_next_at("us-east-1")
        assert lab.rows.note() == Note(frozenset({"eu-west-1", "us-east-1"}), "us-east-1")
        lab.rows.remember({"eu-west-1"})
        assert lab.rows.note() == Note(frozenset({"eu-west-1"}), "us-east-1")

    def test_the_interval_is_written_and_removed(self, lab: Lab) -> None:
        """Regions and start are kept, and a second removal changes nothing."""
        lab.rows.remember({"eu-west-1"})
        lab.rows.start_next_at("eu-west-1")
        for minutes in (60, 1440, None, None):
            lab.rows.keep_interval(minutes)
            assert lab.rows.note() == Note(frozenset({"eu-west-1"}), "eu-west-1", minutes)

    def test_an_interval_without_a_note_is_stored(self, lab: Lab) -> None:
        """The first round writes the note, in any order."""
        lab.rows.keep_interval(60)
        assert lab.rows.note() == Note(interval_minutes=60)

    def test_an_empty_set_of_regions_is_stored(self, lab: Lab) -> None:
        """DynamoDB has no empty sets, so the note holds a list."""
        lab.rows.remember({"eu-west-1"})
        lab.rows.remember(set())
        assert lab.rows.note() == Note()


def test_threads_may_write_at_once(lab: Lab) -> None:
    """A round writes the rows of a target in several threads."""
    changes = [Change(Action.CREATE, a_pair(i, version=0, known=None)) for i in images(12)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lab.rows.apply, changes))
    names = [pair.image_name for pair in lab.rows.read(REGION, whole=True).pairs]
    assert sorted(names) == [image.name for image in images(12)]
