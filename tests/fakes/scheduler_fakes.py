"""The scheduler's ports in memory, and builders of what goes through them.

`tests/contract/scheduler` holds the fakes to what the adapters do over DynamoDB and SQS.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from table_fakes import MemoryTable, Row

from services.kernel.errors import MalformedError
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
    Target,
)
from services.kernel.wire import (
    IMAGE_PREFIX,
    decode_pair,
    encode_configuration,
    image_record,
    lookup_digest,
    round_record,
)
from services.scheduler.inventory import Note
from services.scheduler.plan import Action, Change

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "222233334444"
TARGET = Target(ACCOUNT, "eu-west-1")
ROUND = "2026-11-22T07:00:00Z"
KNOWN = Observation("ami-0000000000000000a", "al2023-2026.11", "2026-11-20T00:00:00.000Z")


_REQUIRED = {Action.REACTIVATE: False, Action.DEACTIVATE: True}


class KilledError(Exception):
    """Stands for whatever ends a function at once."""


class FakeInventory:
    """Rows of the scheduler's port, over a table in memory.

    `killed_in` names a region in which the run ends at once, `busy` the error of each region whose
    rows cannot be read now; `visited` lists the regions begun.
    """

    def __init__(self, table: MemoryTable | None = None) -> None:
        self.table = table or MemoryTable()
        self.noted = Note()
        self.killed_in: str | None = None
        self.busy: dict[str, Exception] = {}
        self.visited: list[str] = []

    def pairs(self, region: str) -> list[Pair]:
        """Every readable pair that has a row in the region."""
        self.visited.append(region)
        if region == self.killed_in:
            raise KilledError(region)
        if region in self.busy:
            raise self.busy[region]
        rows = [r for r in self.table.rows() if r["region"] == region]
        found = [_decoded(r) for r in rows if r["record"].startswith(IMAGE_PREFIX)]
        return [pair for pair in found if pair is not None]

    def apply(self, change: Change) -> None:
        """Write a pair's configuration, unless a newer round did, and leave what is known of it."""
        pair = change.pair
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

    def begin_round(self, target: Target, round_: str, enqueued: int, started_at: str) -> None:
        """Write the target's round row, unless it holds this round or a later one."""
        with self.table.lock:
            before = self.table.row(target.region, round_record(target.account_id))
            if before is None or before["round"] < round_:
                self.table.put(round_row(target, round_, enqueued, started_at))

    def note(self) -> Note:
        """What the last round left."""
        return self.noted

    def start_next_at(self, region: str) -> None:
        """Let the next round begin with this region."""
        self.noted = Note(self.noted.regions, region)

    def remember(self, regions: Collection[str]) -> None:
        """Note which regions may hold active rows."""
        self.noted = Note(frozenset(regions), self.noted.start)


def _decoded(row: Row) -> Pair | None:
    try:
        return decode_pair(row)
    except MalformedError:
        return None


class FakeQueue:
    """A queue in memory; it raises `broken_with`, or what `refused` holds for a region."""

    def __init__(self) -> None:
        self.sent: list[Request] = []
        self.broken_with: Exception | None = None
        self.refused: dict[str, Exception] = {}

    def send(self, requests: Sequence[Request]) -> None:
        """Keep every request."""
        if self.broken_with is not None:
            raise self.broken_with
        for request in requests:
            if request.target.region in self.refused:
                raise self.refused[request.target.region]
        self.sent += requests

    def drain(self) -> list[Request]:
        """What was sent since the last time."""
        sent, self.sent = self.sent, []
        return sent


# --- builders


def lookup_of(name: str) -> ParameterLookup:
    """A lookup that belongs to a name."""
    return ParameterLookup(f"/aws/service/{name}/image_id")


def an_image(
    name: str = "al2023",
    lookup: Lookup | None = None,
    announce: Iterable[Kind] = DEFAULT_ANNOUNCE,
    regions: Iterable[str] | None = None,
) -> Image:
    """A tracked image."""
    wanted = None if regions is None else frozenset(regions)
    return Image(name, lookup or lookup_of(name), frozenset(announce), wanted)


def images(count: int) -> list[Image]:
    """So many images; names sort as they count."""
    return [an_image(f"image-{number:04d}") for number in range(count)]


def a_catalogue(
    regions: Sequence[str] = ("eu-west-1", "us-east-1"),
    tracked: Sequence[Image] = (an_image("al2023"), an_image("rhel-9")),
    account_id: str = ACCOUNT,
) -> Catalogue:
    """A catalogue that watches every region from one account."""
    return Catalogue(tuple(Target(account_id, region) for region in regions), tuple(tracked))


def a_pair(
    image: Image | None = None,
    target: Target = TARGET,
    *,
    active: bool = True,
    version: int = 3,
    known: Observation | None = KNOWN,
    state: str | None = None,
) -> Pair:
    """A pair that has been looked up before."""
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
        state=state,
    )


def a_request(
    name: str = "al2023", target: Target = TARGET, lookup: Lookup | None = None
) -> Request:
    """A request of the example round."""
    return Request(ROUND, target, name, lookup or lookup_of(name))


def image_row(pair: Pair) -> Row:
    """An image row as scheduler and lookup leave it together."""
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
        row["status"] = {"state": pair.state, "code": "Code", "detail": "why", "since": ROUND}
    return row


def round_row(
    target: Target = TARGET,
    round_: str = ROUND,
    enqueued: int = 2,
    started_at: str = "2026-11-22T07:00:01.000Z",
    checked: int = 0,
    failed: int = 0,
) -> Row:
    """A target's round row."""
    return {
        "region": target.region,
        "record": round_record(target.account_id),
        "round": round_,
        "enqueued": enqueued,
        "checked": checked,
        "failed": failed,
        "started_at": started_at,
    }
