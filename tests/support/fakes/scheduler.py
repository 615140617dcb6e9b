"""The scheduler's ports in memory.

`tests/contract/scheduler` checks that the fakes behave like the adapters over DynamoDB and SQS.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from services.kernel.errors import MalformedError
from services.kernel.keys import image_record, round_record
from services.kernel.model import (
    Pair,
    Request,
    Target,
    Window,
)
from services.kernel.records import decode_pair, encode_configuration
from services.kernel.round_records import Note, decode_window
from services.kernel.wire import timestamp
from services.scheduler.compared import COMPARED, decode_compared
from services.scheduler.creation import Creation
from services.scheduler.inventory import RegionRows
from services.scheduler.plan import Action, Change
from support.builders.scheduler import round_row, stale_status
from support.fakes.table import MemoryTable, Row

T = TypeVar("T")


_REQUIRED = {Action.REACTIVATE: False, Action.DEACTIVATE: True}


class KilledError(Exception):
    """An error that ends a function at once, as a time-out does."""


class FakeInventory:
    """The scheduler's port to the table, over a table in memory.

    `killed_in` is a region in which the run ends at once. `busy` maps a region to the error of
    reading its rows. `unwritable` maps an image, `round row` or `note` to the error of writing it.
    `visited` lists the regions that were read, `whole` those that were read whole, `intervals` the
    written intervals.
    """

    def __init__(self, table: MemoryTable | None = None) -> None:
        self.table = table or MemoryTable()
        self.noted = Note()
        self.killed_in: str | None = None
        self.busy: dict[str, Exception] = {}
        self.unwritable: dict[str, Exception] = {}
        self.visited: list[str] = []
        self.whole: list[str] = []
        self.intervals: list[int | None] = []

    def prepare(self, targets: Collection[Target]) -> None:
        """Do nothing: the reads of regions find the same."""

    def read(self, region: str, *, whole: bool) -> RegionRows:
        """Read the region's rows; of rows that cannot be decoded, only the numbers."""
        self.visited.append(region)
        if region == self.killed_in:
            raise KilledError(region)
        if region in self.busy:
            raise self.busy[region]
        found = RegionRows()
        rows = [row for row in self.table.rows() if row["region"] == region]
        for row in rows:
            kind, _, account_id = row["record"].partition("#")
            if kind == "round":
                found.windows[account_id] = window = _decoded(row, decode_window)
                found.unreadable += window is None
        found.whole = whole or found.has_doubt()
        self.whole += [region] * found.whole
        for row in rows:
            if row["record"].startswith("image#"):
                self._sort(row, found)
        return found

    def _sort(self, row: Row, found: RegionRows) -> None:
        pair = _decoded(row, decode_pair) if found.whole else _compared(row)
        found.unreadable += pair is None
        if pair is not None:
            found.pairs.append(pair)
        elif isinstance(row.get("number"), int) and row["record"].count("#") == 2:
            _, account_id, name = row["record"].split("#")
            found.numbers.setdefault(account_id, {})[name] = row["number"]

    def apply(self, change: Change) -> None:
        """Write a pair's configuration, unless a newer round did, and keep its known image."""
        pair = change.pair
        if pair.image_name in self.unwritable:
            raise self.unwritable[pair.image_name]
        region, record = pair.target.region, image_record(pair.target.account_id, pair.image_name)
        with self.table.lock:
            row = self.table.row(region, record) or {}
            if row.get("active") is not _REQUIRED.get(change.action, row.get("active")):
                return
            if change.action is Action.DEACTIVATE:
                self.table.change(region, record, active=False)
                return
            self.table.change(region, record, **encode_configuration(pair))
            if change.action is Action.REACTIVATE:
                self.table.remove(region, record, "confirmed_digest", "status")

    def create(self, pairs: Sequence[Pair]) -> Creation:
        """Create rows in one step, without those that exist or cannot be written."""
        singly: list[Pair] = []
        with self.table.lock:
            for pair in pairs:
                region = pair.target.region
                record = image_record(pair.target.account_id, pair.image_name)
                if pair.image_name in self.unwritable or self.table.row(region, record):
                    singly.append(pair)
                else:
                    self.table.change(region, record, **encode_configuration(pair))
        return Creation(singly)

    def begin_round(
        self,
        target: Target,
        before: Window | None,  # noqa: ARG002 - the port's argument
        advance: Callable[[Window], Window],
        enqueued: int,
        moment: datetime,
    ) -> Window:
        """Write the target's round row as `advance` computes it from the current row."""
        if "round row" in self.unwritable:
            raise self.unwritable["round row"]
        with self.table.lock:
            row = self.table.row(target.region, round_record(target.account_id))
            now = _decoded(row, decode_window) if row else Window()
            after = advance(now or Window())
            begins = now is None or now.window != after.window
            started = timestamp(moment) if begins or row is None else row["started_at"]
            self.table.put(round_row(target, after, enqueued, started))
            return after

    def mark_stale(self, pair: Pair, moment: datetime) -> None:
        """Write the state `stale`, unless the status is not as it was read."""
        region, record = pair.target.region, image_record(pair.target.account_id, pair.image_name)
        with self.table.lock:
            row = self.table.row(region, record) or {}
            status = row.get("status", {})
            same = (status.get("state"), status.get("since")) == (pair.state, pair.since)
            if row.get("active") and same:
                self.table.change(region, record, status=stale_status(moment))

    def note(self) -> Note:
        """Return the note of the previous round."""
        return self.noted

    def start_next_at(self, region: str) -> None:
        """Make the next round start with this region."""
        if "note" in self.unwritable:
            raise self.unwritable["note"]
        self.noted = replace(self.noted, start=region)

    def remember(self, regions: Collection[str]) -> None:
        """Record which regions may have active rows."""
        if "note" in self.unwritable:
            raise self.unwritable["note"]
        self.noted = replace(self.noted, regions=frozenset(regions))

    def keep_interval(self, minutes: int | None) -> None:
        """Record the longest time between two rounds, and count the writes."""
        if "note" in self.unwritable:
            raise self.unwritable["note"]
        self.intervals.append(minutes)
        self.noted = replace(self.noted, interval_minutes=minutes)


def _compared(row: Row) -> Pair | None:
    """Decode the attributes that a round compares, as a projection returns them."""
    shown = {name: row[name] for name in COMPARED if name in row}
    if isinstance(row.get("status"), dict):
        status = {name: row["status"][name] for name in ("state", "since") if name in row["status"]}
        shown |= {"status": status} if status else {}
    return _decoded(shown, partial(decode_compared, row["region"]))


def _decoded(row: Row, decode: Callable[[Row], T]) -> T | None:
    try:
        return decode(row)
    except MalformedError:
        return None


class FakeQueue:
    """A queue in memory; it raises `broken_with`, or the error of a target in `refused`.

    Targets are named by region or by account.
    """

    def __init__(self) -> None:
        self.sent: list[Request] = []
        self.broken_with: Exception | None = None
        self.refused: dict[str, Exception] = {}

    def send(self, requests: Sequence[Request]) -> None:
        """Store every request."""
        if self.broken_with is not None:
            raise self.broken_with
        for request in requests:
            for place in (request.target.region, request.target.account_id):
                if place in self.refused:
                    raise self.refused[place]
        self.sent += requests

    def drain(self) -> list[Request]:
        """Return the requests that were sent since the previous call."""
        sent, self.sent = self.sent, []
        return sent
