"""Lambda's rules for the meaning of a handler's response, and for the next delivery."""

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
    """Build a response that reports these identifiers."""
    return {"batchItemFailures": [{"itemIdentifier": one} for one in identifiers]}


@pytest.mark.parametrize(
    "answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"checked": 3}]
)
def test_an_empty_response_means_success(answer: object) -> None:
    """No response, an empty one, and one without failures mean that every record succeeded."""
    assert parse_answer(answer, SENT) == BatchResult(())


def test_only_reported_records_fail() -> None:
    """Only the reported records fail, in the order of the batch, whatever else the response has."""
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
def test_an_invalid_response_fails_the_whole_batch(answer: object) -> None:
    """A wrong identifier, or any other format, fails every record of the batch."""
    verdict = parse_answer(answer, SENT)
    assert verdict.failed == SENT
    assert verdict.problem


def test_the_checkpoint_is_the_lowest_number() -> None:
    """Sequence numbers are compared as numbers: 9 is lower than 10."""
    assert lowest_failure(BatchResult(("10", "9")), ("8", "9", "10")) == 1
    assert lowest_failure(BatchResult(()), ("8", "9", "10")) == 3


def test_everything_from_the_checkpoint_is_retried() -> None:
    """Records after the lowest failure are delivered again, even if they succeeded."""
    after = next_step(RecordBatch(("a", "b", "c")), 1, thrown=False, policy=RetryPolicy())
    assert after == NextStep((RecordBatch(("b", "c"), 1),))


def test_a_batch_without_failures_ends() -> None:
    """A batch without failures has no next delivery."""
    assert next_step(RecordBatch((1, 2)), 2, thrown=False, policy=RetryPolicy()) == NextStep()


def test_an_exception_halves_the_batch_without_a_retry() -> None:
    """Bisecting uses no retry, so a failing record does not use up the retries of others."""
    after = next_step(RecordBatch((1, 2, 3), 2), 0, thrown=True, policy=RetryPolicy(max_retries=2))
    assert after == NextStep((RecordBatch((1,), 2), RecordBatch((2, 3), 2)))


def test_without_bisecting_an_exception_retries_the_whole_batch() -> None:
    """The batch stays together if bisecting is switched off."""
    policy = RetryPolicy(max_retries=1, bisect=False)
    assert next_step(RecordBatch((1, 2)), 0, thrown=True, policy=policy) == NextStep(
        (RecordBatch((1, 2), 1),)
    )


def test_failures_of_the_last_retry_are_discarded() -> None:
    """Records that still fail after the last retry are discarded, however they failed."""
    policy = RetryPolicy(max_retries=1)
    assert next_step(RecordBatch((1, 2), 1), 1, thrown=False, policy=policy) == NextStep(
        discarded=(2,)
    )
    assert next_step(RecordBatch((1,), 1), 0, thrown=True, policy=policy) == NextStep(
        discarded=(1,)
    )


@given(size=st.integers(1, 40), failing=st.sets(st.integers(0, 39)), retries=st.integers(0, 3))
def test_only_failing_records_are_lost_when_batches_are_bisected(
    size: int, failing: set[int], retries: int
) -> None:
    """If a handler raises for some records, every other record succeeds, and the loop ends."""
    waiting = [RecordBatch(tuple(range(size)))]
    done: list[int] = []
    lost: list[int] = []
    while waiting:
        piece = waiting.pop(0)
        thrown = not failing.isdisjoint(piece.records)
        done += [] if thrown else piece.records
        begin = 0 if thrown else len(piece.records)
        after = next_step(piece, begin, thrown=thrown, policy=RetryPolicy(retries))
        waiting = [*after.next, *waiting]
        lost += after.discarded
    assert sorted(lost) == sorted(failing & set(range(size)))
    assert done == sorted(set(range(size)) - failing)
