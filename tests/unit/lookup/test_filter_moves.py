"""When a filter lookup moves to another image, and when it stays: a target lookup on fakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from support.builders.lookup import HERE, MOMENT, a_pair, a_request, an_ami, by_name, image_id
from support.fakes.log import FakeLog
from support.fakes.lookup import FakeFacts, FakeRows

from services.kernel.deadline import Deadline
from services.kernel.model import Filter, FilterLookup, Kind, OrderBy, Pair, State
from services.kernel.wire import timestamp
from services.lookup.responses import Ami
from services.lookup.target import TargetLookup

SOON = timestamp(MOMENT + timedelta(hours=1))
PAST = timestamp(MOMENT - timedelta(days=1))


@dataclass(slots=True)
class Lab:
    """One pair with a filter lookup, images that the tests publish, and a clock."""

    rows: FakeRows = field(default_factory=FakeRows)
    facts: FakeFacts = field(default_factory=FakeFacts)
    moment: datetime = MOMENT
    lookup: FilterLookup = field(default_factory=by_name)

    def configure(self, lookup: FilterLookup, known: Ami | None = None) -> None:
        """Edit the lookup, as the scheduler does, or start with a known image."""
        self.lookup = lookup
        pair = a_pair(lookup=lookup, known=known.observation() if known else None)
        if known is None and (stored := self.rows.read(HERE, ["al2023"])):
            before = stored["al2023"]
            assert isinstance(before, Pair)
            pair = replace(before, lookup=lookup, lookup_digest=pair.lookup_digest)
        self.rows.put(pair)

    def show(self, *amis: Ami) -> None:
        """Let EC2 return exactly these images."""
        self.facts._images.clear()  # noqa: SLF001 - the test sets the images
        for ami in amis:
            self.facts.register(HERE, ami)

    def check(self) -> State | None:
        """Look the pair up once."""
        target_lookup = TargetLookup(self.rows, self.facts, FakeLog(), lambda: self.moment)
        request = a_request(lookup=self.lookup)
        return target_lookup.look_up(HERE, {request: 1}, Deadline.after(60))[request].state

    def kinds(self) -> list[Kind]:
        """Return the kinds of all releases."""
        return [release.kind for release in self.rows.releases(a_pair())]

    def known(self) -> str | None:
        """Return the image of the row."""
        known = self.rows.stored(a_pair()).known
        return known.image_id if known else None


@pytest.fixture
def lab() -> Lab:
    """Build a lab without a pair and images."""
    return Lab()


@pytest.mark.parametrize("older", [{}, {"deprecation_time": SOON}, {"deprecation_time": PAST}])
@pytest.mark.parametrize("name", ["acme-linux-1", "zzz-acme-linux"])
def test_deprecation_of_the_known_image_changes_nothing(
    lab: Lab, older: dict[str, str], name: str
) -> None:
    """A deprecated image can still be launched, so no older image is announced."""
    lab.configure(by_name("*acme-linux*"), known=an_ami(9, day=9))
    lab.show(an_ami(9, day=9, deprecation_time=SOON), an_ami(1, day=1, name=name, **older))
    for hours in (0, 1, 2, 24 * 365):
        lab.moment = MOMENT + timedelta(hours=hours)
        assert lab.check() == State.OK
    assert (lab.known(), lab.kinds()) == (image_id(9), [])


def test_a_newer_image_that_is_deprecated_changes_nothing(lab: Lab) -> None:
    """This applies even if the known image is deprecated too."""
    lab.configure(by_name(), known=an_ami(2, day=2))
    for known in (an_ami(2, day=2), an_ami(2, day=2, deprecation_time=PAST)):
        lab.show(known, an_ami(3, day=3, deprecation_time=PAST))
        assert lab.check() == State.OK
    assert (lab.known(), lab.kinds()) == (image_id(2), [])


def test_a_newer_image_that_is_not_deprecated_is_a_release(lab: Lab) -> None:
    """The newest one is announced; an image that will be deprecated later counts."""
    lab.configure(by_name(), known=an_ami(2, day=2))
    lab.show(
        an_ami(2, day=2),
        an_ami(3, day=3),
        an_ami(4, day=4, deprecation_time=SOON),
        an_ami(5, day=5, deprecation_time=PAST),
    )
    assert lab.check() == State.OK
    lab.moment += timedelta(days=1)
    assert lab.check() == State.OK
    assert (lab.known(), lab.kinds()) == (image_id(4), [Kind.RELEASE])


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ([an_ami(3, day=3)], 3),
        ([an_ami(3, day=3), an_ami(1, day=1)], 3),
        ([an_ami(3, day=3, deprecation_time=PAST), an_ami(1, day=1)], 1),
        ([an_ami(3, day=3, deprecation_time=PAST), an_ami(1, day=1, deprecation_time=PAST)], 3),
        ([an_ami(3, day=3), an_ami(9, day=9, state="pending")], 3),
        ([an_ami(3, day=3), an_ami(9, day=9, state="disabled")], 3),
        ([an_ami(3, day=3), an_ami(9, day=9, name="renamed")], 3),
    ],
)
def test_a_known_image_that_no_longer_matches_is_replaced(
    lab: Lab, left: Sequence[Ami], expected: int
) -> None:
    """The newest image that is not deprecated replaces it, or the newest if all are."""
    lab.configure(by_name(), known=an_ami(9, day=9))
    lab.show(*left)
    assert lab.check() == State.OK
    assert (lab.known(), lab.kinds()) == (image_id(expected), [Kind.ROLLBACK])


def test_an_empty_result_is_a_state(lab: Lab) -> None:
    """The known image stays in the row."""
    lab.configure(by_name(), known=an_ami(9, day=9))
    assert lab.check() == State.NOT_FOUND
    assert (lab.known(), lab.kinds()) == (image_id(9), [])


def test_an_empty_list_is_verified(lab: Lab) -> None:
    """The known image is requested by its id after an empty list, too."""
    lab.configure(by_name(), known=an_ami(9, day=9))
    lab.show(an_ami(9, day=9))
    lab.facts.overlooked.add(image_id(9))
    assert lab.check() == State.OK
    assert lab.facts.requests("matching") == 2


def test_a_newer_image_needs_no_second_request(lab: Lab) -> None:
    """A newer image is a release whether or not the known image still matches."""
    lab.configure(by_name(), known=an_ami(2, day=2))
    lab.show(an_ami(3, day=3))
    assert lab.check() == State.OK
    assert (lab.kinds(), lab.facts.requests("matching")) == ([Kind.RELEASE], 1)


def test_an_image_without_a_date_in_its_row_is_requested(lab: Lab) -> None:
    """EC2 has the date; an older image is neither a release nor a rollback."""
    lab.configure(by_name(), known=an_ami(9, day=9, creation_date=""))
    lab.show(an_ami(9, day=9), an_ami(3, day=3))
    lab.facts.overlooked.add(image_id(9))
    assert lab.check() == State.OK
    assert (lab.known(), lab.kinds()) == (image_id(9), [])


@pytest.mark.parametrize(
    "edited",
    [by_name(exclude=["*-9"]), by_name("acme-linux-?")],
    ids=["the known image is excluded", "the known image still passes"],
)
def test_an_edit_chooses_as_a_baseline_does(lab: Lab, edited: FilterLookup) -> None:
    """The newest image that is not deprecated is chosen, and is `reconfigured`."""
    lab.configure(by_name(), known=an_ami(9, day=9))
    lab.show(
        an_ami(9, day=9, deprecation_time=PAST),
        an_ami(3, day=3, deprecation_time=PAST),
        an_ami(1, day=1),
    )
    assert (lab.check(), lab.kinds()) == (State.OK, [])
    lab.configure(edited)
    assert lab.check() == State.OK
    assert (lab.known(), lab.kinds()) == (image_id(1), [Kind.RECONFIGURED])


def test_a_list_of_ids_without_the_known_one_is_an_edit(lab: Lab) -> None:
    """An image that the `image-id` filter excludes is not requested."""
    lookup = FilterLookup((Filter("image-id", (image_id(1), image_id(2))),))
    lab.configure(lookup, known=an_ami(9, day=9))
    lab.show(an_ami(9, day=9), an_ami(1, day=1))
    assert lab.check() == State.OK
    assert (lab.known(), lab.facts.requests("matching")) == (image_id(1), 1)


# --- in the order of release keys

KEY = r"^acme-(?P<release>\d.*)"
BY_RELEASE = replace(by_name("acme-*"), order_by=OrderBy.RELEASE, pattern=KEY)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ([an_ami(3, day=9, name="acme-9.6")], 2),
        ([an_ami(3, day=1, name="acme-9.10")], 3),
        ([an_ami(3, day=9, name="acme-9.8")], 3),
        ([an_ami(3, day=4, name="acme-9.8")], 2),
        ([an_ami(3, day=9, name="acme-beta")], 2),
        ([an_ami(3, day=1, name="acme-9.10", deprecation_time=PAST)], 2),
        ([an_ami(3, day=1, name="acme-9.10"), an_ami(4, day=2, name="acme-10.0")], 4),
    ],
)
def test_the_latest_release_key_is_newest(lab: Lab, shown: Sequence[Ami], expected: int) -> None:
    """Equal keys are ordered by date, and names without a key come first."""
    known = an_ami(2, day=5, name="acme-9.8")
    lab.configure(BY_RELEASE, known=known)
    lab.show(known, *shown)
    assert lab.check() == State.OK
    moved = [] if expected == 2 else [Kind.RELEASE]
    assert (lab.known(), lab.kinds()) == (image_id(expected), moved)


def test_without_any_key_the_date_decides(lab: Lab) -> None:
    """A pattern that does not match leaves the order by date."""
    lab.configure(BY_RELEASE)
    lab.show(an_ami(1, day=1, name="acme-x"), an_ami(2, day=2, name="acme-a"))
    assert lab.check() == State.OK
    assert lab.known() == image_id(2)
