"""Creates image rows in transactions, which do not change a row that exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from tenacity import Retrying, retry_if_result, stop_after_attempt, stop_after_delay
from tenacity.wait import wait_exponential, wait_random

from services.kernel.errors import CallFailedError, Failure
from services.kernel.failures import hub
from services.kernel.model import Pair, State
from services.scheduler.creation_request import creation_request
from services.scheduler.encoded import accept_bodies, sending

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ROWS_PER_TRANSACTION = 100  # dynamodb:TransactWriteItems
_PARTS = 3
"""Transactions without a wait in between, each without the rows that cancelled the one before."""

# dynamodb:TransactWriteItems, CancellationReasons. These pass: another transaction writes the same
# row, or the partition is busy.
_TEMPORARY = {
    "TransactionConflict": State.TRANSIENT,
    "ThrottlingError": State.THROTTLED,
    "ProvisionedThroughputExceeded": State.THROTTLED,
}


@dataclass(frozen=True, slots=True)
class Creation:
    """The rows that were not created.

    `singly` are to be written one by one: they exist now, or the table refuses them. `failed` were
    not written because of `problem`.
    """

    singly: Sequence[Pair] = ()
    failed: Sequence[Pair] = ()
    problem: CallFailedError | None = None


@dataclass(slots=True)
class _Rows:
    """The rows that are left to create, and those to write one by one.

    `code` is that of the last temporary failure.
    """

    left: list[Pair]
    singly: list[Pair] = field(default_factory=list)
    code: str = ""

    def take_out(self, codes: Sequence[str]) -> None:
        """Take out the rows that cancelled the transaction, unless the reason is temporary."""
        left: list[Pair] = []
        for pair, code in zip(self.left, codes, strict=True):
            self.code = code if code in _TEMPORARY else self.code
            (left if code == "None" or code in _TEMPORARY else self.singly).append(pair)
        self.left = left


class RowCreation:
    """Creates rows of one target in one transaction, of up to 100 rows."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        accept_bodies(client, "TransactWriteItems")

    def create(self, pairs: Sequence[Pair]) -> Creation:
        """Create the rows of these pairs.

        A row cancels the transaction if it exists, for example since another run created it; the
        others are created without it. Throttled and conflicting transactions are retried.

        Raises:
            HubBrokenError: the table cannot be used.
        """
        rows = _Rows(list(pairs))
        retrying = Retrying(
            retry=retry_if_result(bool),
            stop=stop_after_attempt(6) | stop_after_delay(15),
            wait=wait_exponential(multiplier=0.1, max=2) + wait_random(0, 1),
            retry_error_callback=lambda _: None,
        )
        try:
            retrying(self._attempt, rows)
        except CallFailedError as error:
            if error.failure.state is State.BAD_LOOKUP:  # one row can be the reason
                return Creation([*rows.singly, *rows.left])
            return Creation(rows.singly, rows.left, error)
        return Creation(rows.singly, rows.left, _problem(rows.code) if rows.left else None)

    def _attempt(self, rows: _Rows) -> bool:
        """Create the rows that are left; returns whether to try again later."""
        for _ in range(_PARTS):
            codes = self._write(rows.left)
            if not codes:
                rows.left = []
                return False
            rows.take_out(codes)
            if not rows.left:
                return False
            if any(code in _TEMPORARY for code in codes):
                return True
        rows.singly += rows.left
        rows.left = []
        return False

    def _write(self, pairs: Sequence[Pair]) -> list[str]:
        """Create all rows, or none; returns the code of each row if none was created."""
        with hub(f"table {self._table}"):
            try:
                with sending(creation_request(self._table, pairs, str(uuid4()))):
                    self._client.transact_write_items(TransactItems=[{}])
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = error.response.get("CancellationReasons", [])
                codes = [reason.get("Code", "None") for reason in reasons]
                known = len(codes) == len(pairs) and set(codes) != {"None"}
                return codes if known else ["Unknown"] * len(pairs)
        return []


def _problem(code: str) -> CallFailedError:
    detail = "the table cancelled the transaction that creates the row at each attempt"
    return CallFailedError(Failure.of(_TEMPORARY[code], code, detail))
