"""The lookup's port to the table: the fake and the adapter behave alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.builders.lookup import (
    HERE,
    MOMENT,
    NEXT_ROUND,
    THERE,
    a_failure,
    a_pair,
    a_release,
    an_observation,
    by_name,
    by_parameter,
)
from support.fakes.lookup import RowsLab

from services.kernel.errors import Failure
from services.kernel.model import Kind, Lookup, Observation, Pair, State
from services.lookup.commits import Commit
from services.lookup.target import PairRows


@pytest.fixture
def lab(rows_lab: RowsLab) -> RowsLab:
    """Return the fake, then the adapter over DynamoDB."""
    return rows_lab


KNOWN = a_pair(known=an_observation(1), version=3)


def stored(lab: RowsLab, pair: Pair) -> Pair:
    """Return the pair of a consistent read."""
    row = lab.rows.read(pair.target, [pair.image_name])[pair.image_name]
    assert isinstance(row, Pair)
    return row


# --- read


@pytest.mark.parametrize(
    "pair",
    [
        a_pair(),
        a_pair(active=False),
        a_pair(lookup=by_name(exclude=["*-BETA-*"])),
        a_pair(announce=frozenset(Kind)),
        a_pair(announce=frozenset()),
        KNOWN,
        a_pair(known=an_observation(1), confirmed=by_parameter("/before"), state="throttled"),
    ],
)
def test_a_pair_is_read_as_stored(lab: RowsLab, pair: Pair) -> None:
    """Configured and known attributes are returned by both kinds of read."""
    lab.backend.put(pair)
    assert lab.rows.read(HERE, ["al2023"]) == {"al2023": pair}
    assert lab.rows.requested(HERE, {"al2023": pair.lookup}) == {"al2023": pair}


@pytest.mark.parametrize("lookup", [by_parameter("/another"), by_name(exclude=["*-BETA-*"])])
def test_a_pair_with_another_lookup_is_not_the_requested_one(lab: RowsLab, lookup: Lookup) -> None:
    """A row is the requested one only if its digest is that of the request's lookup."""
    lab.backend.put(a_pair("a"))
    lab.backend.put(a_pair("b", lookup=lookup))
    wanted = {"a": a_pair().lookup, "b": a_pair().lookup, "c": a_pair().lookup}
    assert lab.rows.requested(HERE, wanted) == {"a": a_pair("a")}
    assert lab.rows.requested(HERE, {"b": lookup}) == {"b": a_pair("b", lookup=lookup)}
    assert lab.rows.requested(HERE, {}) == {}


def test_only_existing_rows_are_read(lab: RowsLab) -> None:
    """Each existing row of the target is returned once, even if requested twice."""
    lab.backend.put(a_pair("a"))
    lab.backend.put(a_pair("b", target=THERE))
    lab.backend.put(a_pair("c", target=replace(HERE, account_id=THERE.account_id)))
    assert lab.rows.read(HERE, ["a", "b", "a", "c", "d"]) == {"a": a_pair("a")}
    assert lab.rows.read(HERE, []) == {}


def test_an_undecodable_row_is_a_temporary_failure(lab: RowsLab) -> None:
    """An undecodable row is a failure until it is repaired; other rows are read."""
    lab.backend.put(a_pair("a"))
    lab.backend.garble(a_pair("b"))
    found = lab.rows.read(HERE, ["a", "b"])
    assert found["a"] == a_pair("a")
    assert isinstance(found["b"], Failure)
    assert (found["b"].state, found["b"].code) == (State.TRANSIENT, "MalformedRow")


# --- commit


def test_a_first_commit_is_the_pairs_history(lab: RowsLab) -> None:
    """The first commit writes the release and advances the pair to it."""
    pair = a_pair()
    release = a_release(pair, 1, Kind.BASELINE)
    lab.backend.put(pair)
    assert lab.rows.commit(pair, release) == Commit.DONE
    assert lab.backend.releases(pair) == [release]
    assert stored(lab, pair) == a_pair(known=an_observation(1))
    assert lab.rows.history(stored(lab, pair)) == (release,)


def test_commits_build_on_each_other(lab: RowsLab) -> None:
    """Each commit builds on the version of the previous one; the history has all in order."""
    lab.backend.put(a_pair())
    for number in (1, 2, 1):
        pair = stored(lab, a_pair())
        assert lab.rows.commit(pair, a_release(pair, number)) == Commit.DONE
    committed = lab.backend.releases(a_pair())
    assert [release.version for release in committed] == [1, 2, 3]
    assert lab.rows.history(stored(lab, a_pair())) == tuple(committed)


@pytest.mark.parametrize("versions", [50, 51, 120])
def test_the_history_is_the_last_fifty_releases(lab: RowsLab, versions: int) -> None:
    """The history of a long-lived pair has its last fifty releases up to the version read."""
    lab.backend.put(a_pair())
    for number in range(1, versions + 1):
        pair = stored(lab, a_pair())
        lab.rows.commit(pair, a_release(pair, number))
    last = stored(lab, a_pair())
    found = [release.version for release in lab.rows.history(last)]
    assert found == list(range(versions + 1 - 50, versions + 1))
    earlier = lab.rows.history(replace(last, version=50))
    assert [release.version for release in earlier] == list(range(1, 51))


def test_the_history_ends_with_the_version_that_was_read(lab: RowsLab) -> None:
    """Releases that another worker committed after the read are not in the history."""
    lab.backend.put(a_pair())
    first = stored(lab, a_pair())
    lab.rows.commit(first, a_release(first, 1))
    read = stored(lab, a_pair())
    lab.rows.commit(read, a_release(read, 2))
    assert lab.rows.history(read) == (a_release(first, 1),)


def test_the_history_has_only_the_pairs_releases(lab: RowsLab) -> None:
    """Releases of similar names, other accounts and other regions are not in the history."""
    others = [
        a_pair("al2023-arm"),
        a_pair(target=THERE),
        a_pair(target=replace(HERE, account_id=THERE.account_id)),
    ]
    for number, other in enumerate(others, start=1):
        lab.backend.put(other)
        lab.rows.commit(other, a_release(other, number))
    assert lab.rows.history(a_pair()) == ()
    assert lab.rows.history(a_pair(known=an_observation(1))) == ()
    assert lab.rows.history(stored(lab, others[0])) == (a_release(others[0], 1),)


def test_a_second_commit_of_the_same_is_a_success(lab: RowsLab) -> None:
    """A redelivery, or two workers with the same observation, write one release."""
    lab.backend.put(KNOWN)
    release = a_release(KNOWN)
    assert [lab.rows.commit(KNOWN, release) for _ in range(2)] == [Commit.DONE] * 2
    later = replace(
        release, detected_at=datetime.fromisoformat("2026-11-22T08:00:00.000Z"), round=NEXT_ROUND
    )
    assert lab.rows.commit(KNOWN, later) == Commit.DONE
    assert lab.backend.releases(KNOWN) == [release]


def test_a_commit_after_another_one_is_overtaken(lab: RowsLab) -> None:
    """The different image that another worker committed stays."""
    lab.backend.put(KNOWN)
    first, second = a_release(KNOWN, 2), a_release(KNOWN, 3)
    assert lab.rows.commit(KNOWN, first) == Commit.DONE
    assert lab.rows.commit(KNOWN, second) == Commit.OVERTAKEN
    assert lab.backend.releases(KNOWN) == [first]
    assert stored(lab, KNOWN).known == first.observed


def test_a_stale_read_cannot_commit(lab: RowsLab) -> None:
    """A commit after a stale read fails, even if its release row does not exist yet."""
    lab.backend.put(KNOWN)
    stale = replace(KNOWN, version=1)
    assert lab.rows.commit(stale, a_release(stale)) == Commit.OVERTAKEN
    assert lab.rows.commit(a_pair(), a_release(a_pair())) == Commit.OVERTAKEN
    assert (stored(lab, KNOWN), lab.backend.releases(KNOWN)) == (KNOWN, [])


def test_a_commit_without_a_row_is_overtaken(lab: RowsLab) -> None:
    """A commit for a pair whose row was deleted is overtaken and writes nothing."""
    assert lab.rows.commit(KNOWN, a_release(KNOWN)) == Commit.OVERTAKEN
    assert lab.backend.releases(KNOWN) == []


@pytest.mark.parametrize(
    "meanwhile",
    [
        replace(KNOWN, active=False),
        replace(KNOWN, lookup_digest="0123456789abcdef"),
        replace(KNOWN, active=False, version=4, known=an_observation(9)),
    ],
    ids=["deactivated", "edited", "moved on and deactivated"],
)
def test_a_commit_for_a_deactivated_or_edited_pair_is_dropped(
    lab: RowsLab, meanwhile: Pair
) -> None:
    """A commit for a pair that was deactivated or edited since the read writes nothing."""
    lab.backend.put(meanwhile)
    assert lab.rows.commit(KNOWN, a_release(KNOWN)) == Commit.DROPPED
    assert (stored(lab, KNOWN), lab.backend.releases(KNOWN)) == (meanwhile, [])


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("announce", [frozenset(Kind), frozenset({Kind.RELEASE}), frozenset()])
def test_only_announced_kinds_are_pending(
    lab: RowsLab, kind: Kind, announce: frozenset[Kind]
) -> None:
    """The pair's `announce` as it was read decides whether the release is pending."""
    pair = a_pair(announce=announce)
    lab.backend.put(pair)
    release = a_release(pair, kind=kind)
    lab.rows.commit(pair, release)
    assert lab.backend.pending() == ({release.event_id} if kind in announce else set())


def test_a_commit_ends_a_failure_state(lab: RowsLab) -> None:
    """A commit ends the pair's failure state and confirms its lookup."""
    pair = a_pair(known=an_observation(1), confirmed=by_parameter("/before"), state="not_found")
    lab.backend.put(pair)
    lab.rows.commit(pair, a_release(pair))
    now = stored(lab, pair)
    assert (now.state, now.confirmed_digest) == ("ok", now.lookup_digest)


# --- confirm and mark


def test_a_confirmed_lookup_is_recorded(lab: RowsLab) -> None:
    """Confirming a lookup changes no other attribute."""
    pair = a_pair(known=an_observation(1), confirmed=by_parameter("/before"))
    lab.backend.put(pair)
    lab.rows.confirm(pair)
    assert stored(lab, pair) == replace(pair, confirmed_digest=pair.lookup_digest)


SOON, LATER = (datetime(2027, month, 1, tzinfo=UTC) for month in (1, 2))


def deprecated_at(moment: datetime | None) -> Observation:
    """Return the known image with a deprecation time."""
    return replace(an_observation(1), deprecation_time=moment)


def stored_time(lab: RowsLab) -> datetime | None:
    """Return the deprecation time in the row of the known pair."""
    known = stored(lab, KNOWN).known
    return known.deprecation_time if known else None


WRITES: dict[str, Callable[[PairRows, Observation], object]] = {
    "refresh": lambda rows, seen: rows.refresh(KNOWN, seen),
    "confirm": lambda rows, seen: rows.confirm(KNOWN, seen),
    "mark": lambda rows, seen: rows.mark(KNOWN, None, MOMENT, seen),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_deprecation_time_is_written_and_removed(
    lab: RowsLab, write: Callable[[PairRows, Observation], object]
) -> None:
    """It is set, changed and removed; no other attribute of the known image changes."""
    lab.backend.put(KNOWN)
    for moment in (SOON, LATER, None):
        write(lab.rows, deprecated_at(moment))
        assert stored_time(lab) == moment
        assert stored(lab, KNOWN) == KNOWN


def test_other_writes_keep_the_deprecation_time(lab: RowsLab) -> None:
    """A failure says nothing about the image."""
    lab.backend.put(replace(KNOWN, known=deprecated_at(SOON)))
    lab.rows.confirm(KNOWN)
    lab.rows.mark(KNOWN, a_failure("UnauthorizedOperation"), MOMENT)
    assert stored_time(lab) == SOON


@pytest.mark.parametrize("moment", [LATER, None])
def test_a_commit_writes_the_deprecation_time_of_the_new_image(
    lab: RowsLab, moment: datetime | None
) -> None:
    """The one of the image before is replaced or removed."""
    lab.backend.put(replace(KNOWN, known=deprecated_at(SOON)))
    observed = replace(an_observation(2), deprecation_time=moment)
    lab.rows.commit(KNOWN, replace(a_release(KNOWN), observed=observed))
    assert stored(lab, KNOWN).known == observed
    assert stored_time(lab) == moment


def test_a_healed_row_has_no_deprecation_time(lab: RowsLab) -> None:
    """Release rows do not have it; the next lookup writes it."""
    lab.backend.put(replace(KNOWN, known=deprecated_at(SOON)))
    lab.backend.put_release(replace(a_release(KNOWN, 9), version=12))
    lab.rows.heal(KNOWN)
    assert stored_time(lab) is None


@pytest.mark.parametrize("pair", [a_pair(), KNOWN])
def test_a_state_is_written_and_ended(lab: RowsLab, pair: Pair) -> None:
    """The last known image stays when a state is written or ended."""
    lab.backend.put(pair)
    lab.rows.mark(pair, a_failure("UnauthorizedOperation"), MOMENT)
    assert stored(lab, pair) == replace(pair, state=State.ACCESS_DENIED)
    lab.rows.mark(pair, None, MOMENT)
    assert stored(lab, pair) == replace(pair, state=State.OK)


@pytest.mark.parametrize(
    "now",
    [
        replace(KNOWN, version=4),
        replace(KNOWN, active=False),
        replace(KNOWN, lookup_digest="0123456789abcdef"),
        None,
    ],
    ids=["moved on", "deactivated", "edited", "gone"],
)
def test_only_a_row_that_is_as_it_was_read_is_written(lab: RowsLab, now: Pair | None) -> None:
    """A write for a row that changed since the read is ignored, and no row is created."""
    if now:
        lab.backend.put(now)
    lab.rows.mark(KNOWN, a_failure("UnauthorizedOperation"), MOMENT)
    lab.rows.confirm(KNOWN)
    lab.rows.refresh(KNOWN, deprecated_at(SOON))
    assert lab.rows.read(HERE, ["al2023"]) == ({"al2023": now} if now else {})
    if now:
        assert stored_time(lab) is None


# --- rows that are behind their releases


def test_a_newer_release_row_shows_that_the_image_row_is_behind(lab: RowsLab) -> None:
    """A release row with the next version makes the commit `BEHIND`; nothing is written."""
    lab.backend.put(KNOWN)
    lab.backend.put_release(a_release(KNOWN, 5))
    assert lab.rows.commit(KNOWN, a_release(KNOWN, 6)) == Commit.BEHIND
    assert (stored(lab, KNOWN), len(lab.backend.releases(KNOWN))) == (KNOWN, 1)


@pytest.mark.parametrize(
    "read",
    [
        replace(a_pair(), number=4),
        a_pair(known=an_observation(1), version=1),
        a_pair(known=an_observation(1), version=1, confirmed=by_parameter("/before")),
    ],
    ids=["created again", "restored", "restored to before an edit"],
)
def test_a_row_that_is_behind_is_brought_to_its_last_release(lab: RowsLab, read: Pair) -> None:
    """Version, image, name, date and confirmed digest are updated; other attributes stay."""
    lab.backend.put(read)
    last = replace(a_release(read, 9), version=12, lookup_digest="0123456789abcdef")
    for release in (replace(last, version=2), replace(last, version=11), last):
        lab.backend.put_release(release)
    assert lab.rows.heal(read) == last
    healed = replace(read, version=12, known=last.observed, confirmed_digest="0123456789abcdef")
    assert stored(lab, read) == healed
    assert lab.backend.pending() == set()


def test_a_release_that_cannot_be_decoded_heals_nothing(lab: RowsLab) -> None:
    """The last release that can be decoded counts."""
    lab.backend.put(KNOWN)
    for number in range(30):
        lab.backend.garble_release(replace(a_release(KNOWN), version=40 + number))
    lab.backend.put_release(replace(a_release(KNOWN), version=KNOWN.version))
    assert lab.rows.heal(KNOWN) is None
    assert stored(lab, KNOWN) == KNOWN
    last = replace(a_release(KNOWN, 9), version=39)
    lab.backend.put_release(last)
    assert lab.rows.heal(KNOWN) == last


def test_a_garbled_release_shows_that_the_row_is_behind(lab: RowsLab) -> None:
    """A commit is behind if the key of its release row is taken."""
    lab.backend.put(KNOWN)
    lab.backend.garble_release(a_release(KNOWN))
    assert lab.rows.commit(KNOWN, a_release(KNOWN, 6)) == Commit.BEHIND


@pytest.mark.parametrize(
    "now",
    [
        replace(KNOWN, version=7),
        replace(KNOWN, active=False),
        replace(KNOWN, lookup_digest="0123456789abcdef"),
        replace(KNOWN, announce=frozenset()),
    ],
    ids=["moved on", "deactivated", "edited", "announces less"],
)
def test_a_row_that_changed_meanwhile_is_not_healed(lab: RowsLab, now: Pair) -> None:
    """Healing has the same condition as a commit."""
    lab.backend.put(now)
    lab.backend.put_release(replace(a_release(KNOWN), version=9))
    lab.rows.heal(KNOWN)
    assert stored(lab, now) == now


def test_an_edit_of_announce_overtakes_the_commit(lab: RowsLab) -> None:
    """The edit changes which releases are announced, so the commit is overtaken."""
    lab.backend.put(replace(KNOWN, announce=frozenset()))
    assert lab.rows.commit(KNOWN, a_release(KNOWN)) == Commit.OVERTAKEN
    assert lab.backend.releases(KNOWN) == []


# --- answered pairs


def test_answered_pairs_are_added_up(lab: RowsLab) -> None:
    """Answered pairs of several batches are added up, for that target only."""
    for target in (HERE, THERE):
        lab.backend.begin(target)
    lab.rows.answered(HERE, {1, 3})
    lab.rows.answered(HERE, {3, 200})
    assert lab.backend.numbers(HERE) == frozenset({1, 3, 200})
    assert lab.backend.numbers(THERE) == frozenset()


def test_answered_pairs_create_no_round_row(lab: RowsLab) -> None:
    """Only the scheduler creates round rows; a partial row could not be decoded."""
    lab.rows.answered(HERE, {1})
    assert lab.backend.numbers(HERE) is None
