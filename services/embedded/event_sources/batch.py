"""What becomes of a batch once its function has answered: Lambda's rules, as pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Which records failed; `problem` says why all did, when the function did not name them."""

    failed: tuple[str, ...]
    problem: str | None = None


def parse_answer(answer: object, sent: Sequence[str]) -> BatchResult:
    """The verdict over the records that were sent, by the function's answer out of its JSON.

    No answer, an empty one, or no failures in it: all succeeded. An answer that Lambda cannot read,
    or a failure without an identifier or with one that was not sent: all failed.
    """
    if answer is None:
        return BatchResult(())
    if not isinstance(answer, dict):
        return BatchResult(tuple(sent), f"the answer is no object: {_short(answer)}")
    return _judge_failures(answer.get("batchItemFailures"), sent)


def _judge_failures(failures: object, sent: Sequence[str]) -> BatchResult:
    if failures is None:
        return BatchResult(())
    if not isinstance(failures, list):
        return BatchResult(tuple(sent), f"batchItemFailures is no list: {_short(failures)}")
    named = [f.get("itemIdentifier") if isinstance(f, Mapping) else None for f in failures]
    for name in named:
        if not isinstance(name, str) or name not in sent:
            return BatchResult(tuple(sent), f"itemIdentifier {_short(name)} names no record sent")
    return BatchResult(tuple(identifier for identifier in sent if identifier in named))


def _short(value: object) -> str:
    return json.dumps(value)[:80]


@dataclass(frozen=True, slots=True)
class RecordBatch(Generic[T]):
    """Stream records that are delivered together, and how often that was tried again."""

    records: tuple[T, ...]
    retries: int = 0


@dataclass(frozen=True, slots=True)
class NextStep(Generic[T]):
    """What is to be delivered next, in order, and what is given up."""

    next: tuple[RecordBatch[T], ...] = ()
    discarded: tuple[T, ...] = ()


def lowest_failure(verdict: BatchResult, sequence_numbers: Sequence[str]) -> int:
    """Where the next delivery begins: the place of the lowest sequence number that failed.

    The number of records when none failed. Sequence numbers compare as numbers, not as texts.
    """
    failed = [place for place, number in enumerate(sequence_numbers) if number in verdict.failed]
    return min(
        failed, key=lambda place: int(sequence_numbers[place]), default=len(sequence_numbers)
    )


def next_step(
    piece: RecordBatch[T], begin: int, *, thrown: bool, policy: RetryPolicy
) -> NextStep[T]:
    """What follows a delivery whose records from `begin` on count as failed.

    With `thrown` (an exception, or an unreadable answer) and bisecting, the piece is halved, which
    costs no retry. Otherwise everything from `begin` is retried, or given up after the last retry.
    """
    rest = piece.records[begin:]
    if not rest:
        return NextStep()
    if thrown and policy.bisect and len(rest) > 1:
        middle = len(rest) // 2
        return NextStep(
            (RecordBatch(rest[:middle], piece.retries), RecordBatch(rest[middle:], piece.retries))
        )
    if piece.retries >= policy.max_retries:
        return NextStep(discarded=rest)
    return NextStep((RecordBatch(rest, piece.retries + 1),))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a stream's mapping keeps trying."""

    max_retries: int = 3
    bisect: bool = True
