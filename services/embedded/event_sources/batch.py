"""How Lambda handles a batch after its function returned, as pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The records that failed; `problem` is set if the whole batch failed."""

    failed: tuple[str, ...]
    problem: str | None = None


def parse_answer(answer: object, sent: Sequence[str]) -> BatchResult:
    """The result of the records that were sent, from the function's response.

    No response, an empty one, or one without failures: all records succeeded. A response that
    Lambda cannot read, or a failure with a missing or unknown identifier: all records failed.
    """
    if answer is None:
        return BatchResult(())
    if not isinstance(answer, dict):
        return BatchResult(tuple(sent), f"the response is not an object: {_short(answer)}")
    return _judge_failures(answer.get("batchItemFailures"), sent)


def _judge_failures(failures: object, sent: Sequence[str]) -> BatchResult:
    if failures is None:
        return BatchResult(())
    if not isinstance(failures, list):
        return BatchResult(tuple(sent), f"batchItemFailures is not a list: {_short(failures)}")
    named = [f.get("itemIdentifier") if isinstance(f, Mapping) else None for f in failures]
    for name in named:
        if not isinstance(name, str) or name not in sent:
            return BatchResult(tuple(sent), f"itemIdentifier {_short(name)} is not in the batch")
    return BatchResult(tuple(identifier for identifier in sent if identifier in named))


def _short(value: object) -> str:
    return json.dumps(value)[:80]


@dataclass(frozen=True, slots=True)
class RecordBatch(Generic[T]):
    """Stream records that are delivered together, and the number of retries so far."""

    records: tuple[T, ...]
    retries: int = 0


@dataclass(frozen=True, slots=True)
class NextStep(Generic[T]):
    """The batches to deliver next, in order, and the records that are discarded."""

    next: tuple[RecordBatch[T], ...] = ()
    discarded: tuple[T, ...] = ()


def lowest_failure(result: BatchResult, sequence_numbers: Sequence[str]) -> int:
    """The index of the lowest sequence number that failed, where the next delivery begins.

    The number of records if none failed. Sequence numbers are compared as numbers.
    """
    failed = [place for place, number in enumerate(sequence_numbers) if number in result.failed]
    return min(
        failed, key=lambda place: int(sequence_numbers[place]), default=len(sequence_numbers)
    )


def next_step(
    batch: RecordBatch[T], begin: int, *, thrown: bool, policy: RetryPolicy
) -> NextStep[T]:
    """The step after a delivery whose records from `begin` on count as failed.

    With `thrown` (an exception or an unreadable response) and `bisect`, the batch is split in two,
    which does not count as a retry. Otherwise the records from `begin` are retried, or discarded
    after the last retry.
    """
    rest = batch.records[begin:]
    if not rest:
        return NextStep()
    if thrown and policy.bisect and len(rest) > 1:
        middle = len(rest) // 2
        return NextStep(
            (RecordBatch(rest[:middle], batch.retries), RecordBatch(rest[middle:], batch.retries))
        )
    if batch.retries >= policy.max_retries:
        return NextStep(discarded=rest)
    return NextStep((RecordBatch(rest, batch.retries + 1),))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often the mapping of a stream retries."""

    max_retries: int = 3
    bisect: bool = True
