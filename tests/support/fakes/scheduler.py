"""The scheduler's ports in memory, and builders of their arguments.

`tests/contract/scheduler` checks that the fakes behave like the adapters over DynamoDB and SQS.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from services.kernel.errors import MalformedError
from services.kernel.keys import image_record, round_record
from services.kernel.model import (
    DEFAULT_ANNOUNCE,
    Catalogue,
    Image,
    Kind,
    Lookup,
    Observation,
    Pair,
    ParameterLookup,
    Request,
    State,
    Target,
    Window,
)
from services.kernel.records import decode_pair, encode_configuration
from services.kernel.round_records import Note, decode_window
from services.kernel.wire import lookup_digest, timestamp
from services.scheduler.inventory import RegionRows
from services.scheduler.plan import Action, Change
from support.fakes.table import MemoryTable, Row

T = TypeVar("T")

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "222233334444"
TARGET = Target(ACCOUNT, "eu-west-1")
ROUND = "2026-11-22T07:00:00Z"
KNOWN = Observation("ami-0000000000000000a", "al2023-2026.11", "2026-11-20T00:00:00.000Z")


_REQUIRED = {Action.REACTIVATE: False, Action.DEACTIVATE: True}


class KilledError(Exception):
    """An error that ends a function at once, as a time-out does."""


class FakeInventory:
    """The scheduler's port to the table, over a table in memory.

    `killed_in` is a region in which the run ends at once. `busy` maps a region to the error of
    reading its rows. `unwritable` maps an image, `round row` or `note` to the error of writing it.
    `visited` lists the regions that were started.
    """

    def __init__(self, table: MemoryTable | None = None) -> None:
        self.table = table or MemoryTable()
        self.noted = Note()
        self.killed_in: str | None = None
        self.busy: dict[str, Exception] = {}
        self.unwritable: dict[str, Exception] = {}
        self.visited: list[str] = []

    def read(self, region: str) -> RegionRows:
        """Read the region's rows; of rows that cannot be decoded, only the numbers."""
        self.visited.append(region)
        if region == self.killed_in:
            raise KilledError(region)
        if region in self.busy:
            raise self.busy[region]
        found = RegionRows()
        for row in self.table.rows():
            kind, _, rest = row["record"].partition("#")
            if row["region"] == region and kind == "round":
                found.windows[rest] = window = _decoded(row, decode_window)
                found.unreadable += window is None
            elif row["region"] == region and kind == "image":
                self._sort(row, found)
        return found

    def _sort(self, row: Row, found: RegionRows) -> None:
        pair = _decoded(row, decode_pair)
        _, account_id, name = row["record"].split("#")
        found.unreadable += pair is None
        if pair is not None:
            found.pairs.append(pair)
        elif isinstance(row.get("number"), int):
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
        self.noted = Note(self.noted.regions, region)

    def remember(self, regions: Collection[str]) -> None:
        """Record which regions may have active rows."""
        if "note" in self.unwritable:
            raise self.unwritable["note"]
        self.noted = Note(frozenset(regions), self.noted.start)


def stale_status(moment: datetime) -> Row:
    """Build the status of a row that the scheduler marked as stale."""
    return {
        "state": "stale",
        "code": "NoAnswer",
        "detail": "no lookup of this pair has ended in two windows",
        "since": timestamp(moment),
    }


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


# --- builders


def lookup_of(name: str) -> ParameterLookup:
    """Build a lookup that belongs to a name."""
    return ParameterLookup(f"/aws/service/{name}/image_id")


def an_image(
    name: str = "al2023",
    lookup: Lookup | None = None,
    announce: Iterable[Kind] = DEFAULT_ANNOUNCE,
    regions: Iterable[str] | None = None,
) -> Image:
    """Build a tracked image."""
    wanted = None if regions is None else frozenset(regions)
    return Image(name, lookup or lookup_of(name), frozenset(announce), wanted)


def images(count: int) -> list[Image]:
    """Build this number of images, whose names sort by number."""
    return [an_image(f"image-{number:04d}") for number in range(count)]


def a_catalogue(
    regions: Sequence[str] = ("eu-west-1", "us-east-1"),
    tracked: Sequence[Image] = (an_image("al2023"), an_image("rhel-9")),
    account_id: str = ACCOUNT,
) -> Catalogue:
    """Build a catalogue that tracks images in every region of one account."""
    return Catalogue(tuple(Target(account_id, region) for region in regions), tuple(tracked))


def a_pair(
    image: Image | None = None,
    target: Target = TARGET,
    *,
    active: bool = True,
    version: int = 3,
    known: Observation | None = KNOWN,
    state: str | None = None,
    number: int | None = None,
) -> Pair:
    """Build a pair that was looked up before; its number is derived from its name."""
    image = image or an_image()
    digest = lookup_digest(image.lookup)
    return Pair(
        target,
        image.name,
        active,
        image.lookup,
        digest,
        image.announce,
        version=version,
        known=known,
        confirmed_digest=digest if known else None,
        state=State(state) if state else None,
        since=ROUND if state else None,
        number=number or zlib.crc32(image.name.encode()),
    )


def a_request(
    name: str = "al2023", target: Target = TARGET, lookup: Lookup | None = None
) -> Request:
    """Build a request of the example round."""
    return Request(ROUND, target, name, lookup or lookup_of(name))


def image_row(pair: Pair) -> Row:
    """Build an image row as scheduler and lookup write it together."""
    row: Row = {
        "region": pair.target.region,
        "record": image_record(pair.target.account_id, pair.image_name),
        **encode_configuration(pair),
        "version": pair.version,
    }
    if pair.known:
        row |= {
            "image_id": pair.known.image_id,
            "ami_name": pair.known.ami_name,
            "creation_date": pair.known.creation_date,
            "changed_at": "2026-11-21T07:00:00.000Z",
        }
    if pair.confirmed_digest:
        row["confirmed_digest"] = pair.confirmed_digest
    if pair.state:
        row["status"] = {"state": pair.state, "code": "Code", "detail": "why", "since": pair.since}
    return row


def a_window(
    window: str | None = ROUND,
    *,
    round_id: str | None = None,
    answered: Collection[int] = (),
    missed: Collection[int] = (),
    stale: Collection[int] = (),
) -> Window:
    """Build a window that the example round started, or another one."""
    sets = (frozenset(answered), frozenset(missed), frozenset(stale))
    return Window(round_id or window, window, *sets)


def round_row(
    target: Target = TARGET,
    window: Window | None = None,
    enqueued: int = 2,
    started_at: str = "2026-11-22T07:00:01.000Z",
) -> Row:
    """Build a target's round row; empty sets are absent."""
    window = window or a_window()
    sets = {name: getattr(window, name) for name in ("answered", "missed", "stale")}
    return {
        "region": target.region,
        "record": round_record(target.account_id),
        "round": window.round,
        "window": window.window,
        "enqueued": enqueued,
        "started_at": started_at,
        **{name: members for name, members in sets.items() if members},
    }
