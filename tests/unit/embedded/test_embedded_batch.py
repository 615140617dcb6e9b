"""Lambda's rules for what a handler's answer means, and for what is delivered next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.embedded.event_sources.batch import (
    BatchResult,
    NextStep,
    RecordBatch,
    RetryPolicy,
    lowest_failure,
    next_step,
    parse_answer,
)

SENT = ("1", "2", "3")


def failures(*identifiers: object) -> dict[str, object]:
    """An answer that reports these identifiers."""
    return {"batchItemFailures": [{"itemIdentifier": one} for one in identifiers]}


@pytest.mark.parametrize(
    "answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"checked": 3}]
)
def test_an_empty_answer_means_success(answer: object) -> None:
    """No answer, an empty one, and one without failures all mean that everything succeeded."""
    assert parse_answer(answer, SENT) == BatchResult(())


def test_a_reported_record_fails_alone() -> None:
    """Only what is reported fails, in the order in which it was sent, whatever else is said."""
    assert parse_answer(failures("3", "1", "3") | {"checked": 1}, SENT) == BatchResult(("1", "3"))


@pytest.mark.parametrize(
    "answer",
    [
        failures("4"),
        failures("1", ""),
        failures("1", None),
        failures(2),
        {"batchItemFailures": [{"wrongName": "1"}]},
        {"batchItemFailures": ["1"]},
        {"batchItemFailures": "1"},
        ["1"],
        "ok",
        False,
    ],
)
def test_an_unreadable_answer_fails_the_whole_batch(answer: object) -> None:
    """One wrong identifier, or any other shape, counts against every record of the batch."""
    verdict = parse_answer(answer, SENT)
    assert verdict.failed == SENT
    assert verdict.problem


def test_the_checkpoint_is_the_lowest_number() -> None:
    """Sequence numbers are compared as numbers: 9 is lower than 10."""
    assert lowest_failure(BatchResult(("10", "9")), ("8", "9", "10")) == 1
    assert lowest_failure(BatchResult(()), ("8", "9", "10")) == 3


def test_everything_from_the_checkpoint_is_retried() -> None:
    """Records that succeeded behind the lowest failure are delivered again with it."""
    after = next_step(RecordBatch(("a", "b", "c")), 1, thrown=False, policy=RetryPolicy())
    assert after == NextStep((RecordBatch(("b", "c"), 1),))


def test_nothing_follows_success() -> None:
    """A batch without failures is done with."""
    assert next_step(RecordBatch((1, 2)), 2, thrown=False, policy=RetryPolicy()) == NextStep()


def test_an_exception_halves_the_batch_at_no_cost() -> None:
    """Bisecting uses up no retry, so that one bad record cannot spend its neighbours' retries."""
    after = next_step(RecordBatch((1, 2, 3), 2), 0, thrown=True, policy=RetryPolicy(max_retries=2))
    assert after == NextStep((RecordBatch((1,), 2), RecordBatch((2, 3), 2)))


def test_without_bisecting_an_exception_retries_the_whole_batch() -> None:
    """The batch stays together where bisecting is switched off."""
    policy = RetryPolicy(max_retries=1, bisect=False)
    assert next_step(RecordBatch((1, 2)), 0, thrown=True, policy=policy) == NextStep(
        (RecordBatch((1, 2), 1),)
    )


def test_the_last_retry_gives_the_rest_up() -> None:
    """What still fails after the last retry is discarded, however it failed."""
    policy = RetryPolicy(max_retries=1)
    assert next_step(RecordBatch((1, 2), 1), 1, thrown=False, policy=policy) == NextStep(
        discarded=(2,)
    )
    assert next_step(RecordBatch((1,), 1), 0, thrown=True, policy=policy) == NextStep(
        discarded=(1,)
    )


@given(size=st.integers(1, 40), poison=st.sets(st.integers(0, 39)), retries=st.integers(0, 3))
def test_only_poison_is_lost_when_batches_are_bisected(
    size: int, poison: set[int], retries: int
) -> None:
    """A handler that throws on poison records gets every other record through, and ends."""
    waiting = [RecordBatch(tuple(range(size)))]
    done: list[int] = []
    lost: list[int] = []
    while waiting:
        piece = waiting.pop(0)
        thrown = not poison.isdisjoint(piece.records)
        done += [] if thrown else piece.records
        begin = 0 if thrown else len(piece.records)
        after = next_step(piece, begin, thrown=thrown, policy=RetryPolicy(retries))
        waiting = [*after.next, *waiting]
        lost += after.discarded
    assert sorted(lost) == sorted(poison & set(range(size)))
    assert done == sorted(set(range(size)) - poison)
