"""When a round reads image rows whole, and what it repairs then."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from support.builders.scheduler import (
    ACCOUNT,
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
from support.fakes.scheduler import FakeInventory, FakeQueue
from support.fakes.table import Row

from services.kernel.deadline import Deadline
from services.kernel.errors import RefusedError
from services.kernel.keys import image_record
from services.kernel.model import Catalogue, Image, Target
from services.kernel.records import decode_pair
from services.scheduler.report import RoundReport
from services.scheduler.schedule import Scheduler

FIVE = [f"region-{letter}" for letter in "abcde"]
EVERYWHERE = a_catalogue(FIVE, [an_image("a"), an_image("b")])
START = datetime.fromisoformat(ROUND)


class Lab:
    """A scheduler over tables in memory; rounds are ten minutes apart, in one window."""

    def __init__(self) -> None:
        self.rows = FakeInventory()
        self.queue = FakeQueue()
        self.log = FakeLog()
        self._rounds = 0

    def run(
        self, catalogue: Catalogue = EVERYWHERE, only: Collection[str] | None = None
    ) -> RoundReport:
        """Run a round."""
        self.rows.visited.clear()
        self.rows.whole.clear()
        self.queue.drain()
        moment = START + timedelta(minutes=self._rounds)
        self._rounds += 1
        scheduler = Scheduler(self.rows, self.queue, self.log, 20, lambda: datetime.now(UTC))
        round_id = moment.isoformat().replace("+00:00", "Z")
        return scheduler.run(catalogue, round_id, only, Deadline.after(900))

    def damage(self, region: str, **values: object) -> None:
        """Change attributes of the row of image `a`."""
        self.rows.table.change(region, image_record(ACCOUNT, "a"), **values)

    def row(self, region: str) -> Row:
        """Return the row of image `a`."""
        row = self.rows.table.row(region, image_record(ACCOUNT, "a"))
        assert row is not None
        return row

    def sent(self) -> list[tuple[str, str, object]]:
        """Return region, image and lookup of each message."""
        return [(r.target.region, r.image_name, r.lookup) for r in self.queue.sent]


@pytest.fixture
def lab() -> Lab:
    """Return a scheduler whose first round is over."""
    made = Lab()
    made.run()
    return made


def every_message(names: Sequence[str] = ("a", "b")) -> set[tuple[str, str, object]]:
    """Return the messages of all regions."""
    return {(region, name, lookup_of(name)) for region in FIVE for name in names}


def test_each_round_reads_one_region_whole(lab: Lab) -> None:
    """It is the region with which the round begins, so in five rounds it is each region once."""
    found = []
    for _ in range(5):
        lab.run()
        assert sorted(lab.rows.visited) == FIVE
        found += lab.rows.whole
        assert set(lab.sent()) == every_message()
    assert sorted(found) == FIVE


def test_a_round_for_some_regions_reads_them_whole(lab: Lab) -> None:
    """An operator can have a region checked at once."""
    lab.run(only=["region-b", "region-d"])
    assert lab.rows.whole == ["region-b", "region-d"]


@pytest.mark.parametrize(
    "damage",
    [
        {"lookup": {"unknown": "x"}},
        {"lookup": {"parameter_path": "/by-hand"}},
        {"image_name": "b"},
        {"account_id": "222233334444"},
    ],
    ids=str,
)
def test_damaged_configuration_is_repaired_in_turn(lab: Lab, damage: Row) -> None:
    """Damage that no comparison shows is repaired within as many rounds as there are regions."""
    before = lab.row("region-d")
    lab.damage("region-d", **damage)
    rounds = 0
    while lab.row("region-d") != before:
        lab.run()
        rounds += 1
        assert set(lab.sent()) == every_message()
    assert 1 <= rounds <= 5


@pytest.mark.parametrize(
    "damage", [{"active": "yes"}, {"announce": ["never"]}, {"number": "three"}], ids=str
)
def test_damage_of_compared_attributes_is_repaired_at_once(lab: Lab, damage: Row) -> None:
    """Every round compares these attributes."""
    lab.damage("region-d", **damage)
    lab.run()
    assert decode_pair(lab.row("region-d")).active
    assert set(lab.sent()) == every_message()


def test_damaged_rows_without_an_outcome_are_measured_in_each_round(lab: Lab) -> None:
    """The lookup cannot read the row, so the pair is missed and every round counts the row."""
    lab.damage("region-d", version="three")
    number = lab.row("region-d")["number"]
    target = Target(ACCOUNT, "region-d")
    lab.rows.table.put(round_row(target, a_window(missed={number})))
    for _ in range(5):
        assert lab.run().health.unreadable == {region: region == "region-d" for region in FIVE}
        assert "region-d" in lab.rows.whole


@pytest.mark.parametrize(
    ("tracked", "changed"),
    [
        ([an_image("a", lookup_of("edited")), an_image("b")], 5),
        ([an_image("a")], 5),
        ([an_image("a"), an_image("b", regions=["region-c"])], 4),
    ],
    ids=["edited", "removed", "removed in some"],
)
def test_regions_with_changes_are_read_whole(lab: Lab, tracked: list[Image], changed: int) -> None:
    """Rows that exist are changed only by a plan from whole rows."""
    done = lab.run(a_catalogue(FIVE, tracked))
    assert sum(done.changes.values()) == changed
    assert len(set(lab.rows.whole)) >= changed


def test_a_new_image_needs_no_whole_read(lab: Lab) -> None:
    """The rows that exist are not changed."""
    tracked = [an_image(name) for name in "abc"]
    done = lab.run(a_catalogue(FIVE, tracked))
    assert done.changes == {"created": 5}
    assert len(lab.rows.whole) == 1
    assert set(lab.sent()) == every_message("abc")


def test_a_refused_removal_sends_the_lookups_of_the_rows(lab: Lab) -> None:
    """The catalogue no longer has these images, and edits are not applied either."""
    many = images(12)
    lab.run(a_catalogue(FIVE, many))
    before = {(region, image.name, image.lookup) for region in FIVE for image in many}
    edited = an_image(many[0].name, lookup_of("edited"))
    with pytest.raises(RefusedError):
        lab.run(a_catalogue(FIVE, [edited]))
    assert set(lab.sent()) == before


def test_a_copied_row_is_not_deactivated(lab: Lab) -> None:
    """The content of the row belongs to another key, so the row is counted and not changed."""
    copy = image_row(a_pair(an_image("b"), Target(ACCOUNT, "region-d"))) | {
        "record": image_record(ACCOUNT, "copy")
    }
    lab.rows.table.put(copy)
    for _ in range(3):
        assert lab.run().health.unreadable["region-d"] == 1
    assert lab.rows.table.row("region-d", copy["record"]) == copy
