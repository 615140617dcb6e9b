"""What a target lookup may rely on of the table, asked of the fake and of DynamoDB alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from lookup_fakes import (
    HERE,
    MOMENT,
    NEXT_ROUND,
    THERE,
    RowsBed,
    a_failure,
    a_pair,
    a_release,
    an_observation,
    by_name,
    by_parameter,
)

from services.kernel.errors import Failure
from services.kernel.model import Kind, Pair, State
from services.lookup.observations import Commit


@pytest.fixture
def bed(rows_bed: RowsBed) -> RowsBed:
    """The fake, then DynamoDB."""
    return rows_bed


KNOWN = a_pair(known=an_observation(1), version=3)


def stored(bed: RowsBed, pair: Pair) -> Pair:
    """The pair as a consistent read has it."""
    row = bed.rows.read(pair.target, [pair.image_name], consistent=True)[pair.image_name]
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
def test_a_pair_is_read_as_it_stands(bed: RowsBed, pair: Pair) -> None:
    """Configured and known alike, by either sort of read."""
    bed.stage.put(pair)
    for consistent in (False, True):
        assert bed.rows.read(HERE, ["al2023"], consistent=consistent) == {"al2023": pair}


def test_only_rows_that_are_there_are_read(bed: RowsBed) -> None:
    """In that target, each once however often it is asked for."""
    bed.stage.put(a_pair("a"))
    bed.stage.put(a_pair("b", target=THERE))
    bed.stage.put(a_pair("c", target=replace(HERE, account_id=THERE.account_id)))
    assert bed.rows.read(HERE, ["a", "b", "a", "c", "d"]) == {"a": a_pair("a")}
    assert bed.rows.read(HERE, []) == {}


def test_an_unreadable_row_is_a_failure_that_may_pass(bed: RowsBed) -> None:
    """Once somebody has mended it; the rows beside it are read."""
    bed.stage.put(a_pair("a"))
    bed.stage.garble(a_pair("b"))
    found = bed.rows.read(HERE, ["a", "b"])
    assert found["a"] == a_pair("a")
    assert isinstance(found["b"], Failure)
    assert (found["b"].state, found["b"].code) == (State.TRANSIENT, "MalformedRow")


# --- commit


def test_a_first_commit_is_the_pairs_history(bed: RowsBed) -> None:
    """It writes the release, and moves the pair on to it."""
    pair = a_pair()
    release = a_release(pair, 1, Kind.BASELINE)
    bed.stage.put(pair)
    assert bed.rows.commit(pair, release) == Commit.DONE
    assert bed.stage.releases(pair) == [release]
    assert stored(bed, pair) == a_pair(known=an_observation(1))
    assert bed.rows.history(stored(bed, pair)) == (release,)


def test_commits_follow_one_another(bed: RowsBed) -> None:
    """Each over the version that the last one wrote; the history has all of them in order."""
    bed.stage.put(a_pair())
    for number in (1, 2, 1):
        pair = stored(bed, a_pair())
        assert bed.rows.commit(pair, a_release(pair, number)) == Commit.DONE
    committed = bed.stage.releases(a_pair())
    assert [release.version for release in committed] == [1, 2, 3]
    assert bed.rows.history(stored(bed, a_pair())) == tuple(committed)


@pytest.mark.parametrize("versions", [50, 51, 120])
def test_the_history_is_the_last_fifty_releases(bed: RowsBed, versions: int) -> None:
    """However long a pair lives; of an earlier version, the fifty up to that one."""
    bed.stage.put(a_pair())
    for number in range(1, versions + 1):
        pair = stored(bed, a_pair())
        bed.rows.commit(pair, a_release(pair, number))
    last = stored(bed, a_pair())
    found = [release.version for release in bed.rows.history(last)]
    assert found == list(range(versions + 1 - 50, versions + 1))
    earlier = bed.rows.history(replace(last, version=50))
    assert [release.version for release in earlier] == list(range(1, 51))


def test_the_history_ends_with_the_version_that_was_read(bed: RowsBed) -> None:
    """What another worker has committed since is no past of this one's finding."""
    bed.stage.put(a_pair())
    first = stored(bed, a_pair())
    bed.rows.commit(first, a_release(first, 1))
    read = stored(bed, a_pair())
    bed.rows.commit(read, a_release(read, 2))
    assert bed.rows.history(read) == (a_release(first, 1),)


def test_the_history_is_the_pairs_own(bed: RowsBed) -> None:
    """Not that of a name that begins with its name, nor of another account or region."""
    others = [
        a_pair("al2023-arm"),
        a_pair(target=THERE),
        a_pair(target=replace(HERE, account_id=THERE.account_id)),
    ]
    for number, other in enumerate(others, start=1):
        bed.stage.put(other)
        bed.rows.commit(other, a_release(other, number))
    assert bed.rows.history(a_pair()) == ()
    assert bed.rows.history(a_pair(known=an_observation(1))) == ()
    assert bed.rows.history(stored(bed, others[0])) == (a_release(others[0], 1),)


def test_a_second_commit_of_the_same_is_a_success(bed: RowsBed) -> None:
    """A redelivery, or two workers with one finding: one release, written once."""
    bed.stage.put(KNOWN)
    release = a_release(KNOWN)
    assert [bed.rows.commit(KNOWN, release) for _ in range(2)] == [Commit.DONE] * 2
    later = replace(
        release, detected_at=datetime.fromisoformat("2026-11-22T08:00:00.000Z"), round=NEXT_ROUND
    )
    assert bed.rows.commit(KNOWN, later) == Commit.DONE
    assert bed.stage.releases(KNOWN) == [release]


def test_a_commit_over_a_version_that_is_gone_is_overtaken(bed: RowsBed) -> None:
    """The other worker's different image stays."""
    bed.stage.put(KNOWN)
    first, second = a_release(KNOWN, 2), a_release(KNOWN, 3)
    assert bed.rows.commit(KNOWN, first) == Commit.DONE
    assert bed.rows.commit(KNOWN, second) == Commit.OVERTAKEN
    assert bed.stage.releases(KNOWN) == [first]
    assert stored(bed, KNOWN).known == first.observed


def test_a_stale_read_cannot_commit(bed: RowsBed) -> None:
    """Not even a release whose own row does not exist yet."""
    bed.stage.put(KNOWN)
    stale = replace(KNOWN, version=1)
    assert bed.rows.commit(stale, a_release(stale)) == Commit.OVERTAKEN
    assert bed.rows.commit(a_pair(), a_release(a_pair())) == Commit.OVERTAKEN
    assert (stored(bed, KNOWN), bed.stage.releases(KNOWN)) == (KNOWN, [])


def test_a_commit_without_a_row_is_overtaken(bed: RowsBed) -> None:
    """A known version cannot be there any more, so nothing is made up."""
    assert bed.rows.commit(KNOWN, a_release(KNOWN)) == Commit.OVERTAKEN
    assert bed.stage.releases(KNOWN) == []


@pytest.mark.parametrize(
    "meanwhile",
    [
        replace(KNOWN, active=False),
        replace(KNOWN, lookup_digest="0123456789abcdef"),
        replace(KNOWN, active=False, version=4, known=an_observation(9)),
    ],
    ids=["deactivated", "edited", "moved on and deactivated"],
)
def test_what_was_deactivated_or_edited_meanwhile_is_dropped(bed: RowsBed, meanwhile: Pair) -> None:
    """Nothing new is committed for it."""
    bed.stage.put(meanwhile)
    assert bed.rows.commit(KNOWN, a_release(KNOWN)) == Commit.DROPPED
    assert (stored(bed, KNOWN), bed.stage.releases(KNOWN)) == (meanwhile, [])


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("announce", [frozenset(Kind), frozenset({Kind.RELEASE}), frozenset()])
def test_only_announced_kinds_are_pending(
    bed: RowsBed, kind: Kind, announce: frozenset[Kind]
) -> None:
    """As the pair was configured when it was read."""
    pair = a_pair(announce=announce)
    bed.stage.put(pair)
    release = a_release(pair, kind=kind)
    bed.rows.commit(pair, release)
    assert bed.stage.pending() == ({release.event_id} if kind in announce else set())


def test_a_commit_is_an_answer_again(bed: RowsBed) -> None:
    """It ends whatever state the pair was in, and confirms its lookup."""
    pair = a_pair(known=an_observation(1), confirmed=by_parameter("/before"), state="not_found")
    bed.stage.put(pair)
    bed.rows.commit(pair, a_release(pair))
    now = stored(bed, pair)
    assert (now.state, now.confirmed_digest) == ("ok", now.lookup_digest)


# --- confirm and mark


def test_a_confirmed_lookup_is_remembered(bed: RowsBed) -> None:
    """Nothing else changes."""
    pair = a_pair(known=an_observation(1), confirmed=by_parameter("/before"))
    bed.stage.put(pair)
    bed.rows.confirm(pair)
    assert stored(bed, pair) == replace(pair, confirmed_digest=pair.lookup_digest)


@pytest.mark.parametrize("pair", [a_pair(), KNOWN])
def test_a_state_is_written_and_ended(bed: RowsBed, pair: Pair) -> None:
    """The last good image stays as it is."""
    bed.stage.put(pair)
    bed.rows.mark(pair, a_failure("UnauthorizedOperation"), MOMENT)
    assert stored(bed, pair) == replace(pair, state=State.ACCESS_DENIED)
    bed.rows.mark(pair, None, MOMENT)
    assert stored(bed, pair) == replace(pair, state=State.OK)


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
def test_only_the_row_that_was_read_is_written_to(bed: RowsBed, now: Pair | None) -> None:
    """Somebody newer knows better; that is no error, and brings no row about."""
    if now:
        bed.stage.put(now)
    bed.rows.mark(KNOWN, a_failure("UnauthorizedOperation"), MOMENT)
    bed.rows.confirm(KNOWN)
    assert bed.rows.read(HERE, ["al2023"]) == ({"al2023": now} if now else {})


# --- rows that are behind their releases


def test_a_release_row_alone_shows_that_the_image_row_is_behind(bed: RowsBed) -> None:
    """The row was restored, or deleted and created again; nothing is written."""
    bed.stage.put(KNOWN)
    bed.stage.put_release(a_release(KNOWN, 5))
    assert bed.rows.commit(KNOWN, a_release(KNOWN, 6)) == Commit.BEHIND
    assert (stored(bed, KNOWN), len(bed.stage.releases(KNOWN))) == (KNOWN, 1)


@pytest.mark.parametrize(
    "read",
    [
        replace(a_pair(), number=4),
        a_pair(known=an_observation(1), version=1),
        a_pair(known=an_observation(1), version=1, confirmed=by_parameter("/before")),
    ],
    ids=["created again", "restored", "restored to before an edit"],
)
def test_a_row_that_is_behind_is_brought_to_its_last_release(bed: RowsBed, read: Pair) -> None:
    """Version, image, name, date, and the lookup that found it; the rest stays."""
    bed.stage.put(read)
    last = replace(a_release(read, 9), version=12, lookup_digest="0123456789abcdef")
    for release in (replace(last, version=2), replace(last, version=11), last):
        bed.stage.put_release(release)
    assert bed.rows.heal(read) == last
    healed = replace(read, version=12, known=last.observed, confirmed_digest="0123456789abcdef")
    assert stored(bed, read) == healed
    assert bed.stage.pending() == set()


def test_a_release_that_cannot_be_decoded_heals_nothing(bed: RowsBed) -> None:
    """The last one that can be decoded counts."""
    bed.stage.put(KNOWN)
    for number in range(30):
        bed.stage.garble_release(replace(a_release(KNOWN), version=40 + number))
    bed.stage.put_release(replace(a_release(KNOWN), version=KNOWN.version))
    assert bed.rows.heal(KNOWN) is None
    assert stored(bed, KNOWN) == KNOWN
    last = replace(a_release(KNOWN, 9), version=39)
    bed.stage.put_release(last)
    assert bed.rows.heal(KNOWN) == last


def test_a_garbled_release_shows_that_the_row_is_behind(bed: RowsBed) -> None:
    """Its key is taken."""
    bed.stage.put(KNOWN)
    bed.stage.garble_release(a_release(KNOWN))
    assert bed.rows.commit(KNOWN, a_release(KNOWN, 6)) == Commit.BEHIND


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
def test_a_row_that_changed_meanwhile_is_not_healed(bed: RowsBed, now: Pair) -> None:
    """The condition is that of a commit."""
    bed.stage.put(now)
    bed.stage.put_release(replace(a_release(KNOWN), version=9))
    bed.rows.heal(KNOWN)
    assert stored(bed, now) == now


def test_an_edit_of_announce_lets_the_commit_come_again(bed: RowsBed) -> None:
    """What was read decides what is announced, so it must still hold."""
    bed.stage.put(replace(KNOWN, announce=frozenset()))
    assert bed.rows.commit(KNOWN, a_release(KNOWN)) == Commit.OVERTAKEN
    assert bed.stage.releases(KNOWN) == []


# --- who was answered


def test_answers_add_up(bed: RowsBed) -> None:
    """Over the batches of a window, in that target alone."""
    for target in (HERE, THERE):
        bed.stage.begin(target)
    bed.rows.answered(HERE, {1, 3})
    bed.rows.answered(HERE, {3, 200})
    assert bed.stage.numbers(HERE) == frozenset({1, 3, 200})
    assert bed.stage.numbers(THERE) == frozenset()


def test_answers_make_no_round_row(bed: RowsBed) -> None:
    """Only the scheduler does; half a row could not be decoded."""
    bed.rows.answered(HERE, {1})
    assert bed.stage.numbers(HERE) is None
