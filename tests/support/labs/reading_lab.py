"""The commands that read the table, on the embedded AWS with rows that are written directly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.kernel.clock import now
from services.kernel.keys import NOTE_KEY, release_record
from services.kernel.model import Target
from services.kernel.table import to_item
from services.kernel.wire import timestamp
from support.builders.scheduler import a_pair, a_window, an_image, image_row, round_row
from support.fakes.table import Row
from support.labs.acting_lab import Lab as CommandLab

ACCOUNT, OTHER = "111122223333", "222233334444"
IRELAND, VIRGINIA = "eu-west-1", "us-east-1"
BATCH = 25


def ago(minutes: float) -> str:
    """Return the round of some minutes ago."""
    return f"{timestamp(now() - timedelta(minutes=minutes))[:19]}Z"


def a_row(  # noqa: PLR0913 - the attributes of a row
    name: str,
    region: str = IRELAND,
    account: str = ACCOUNT,
    *,
    state: str | None = "ok",
    code: str = "Code",
    detail: str = "why",
    since: str = "2026-11-28T10:00:00.000Z",
    number: int = 1,
    **more: object,
) -> Row:
    """Build an image row with a status."""
    row = image_row(a_pair(an_image(name), Target(account, region), number=number))
    status = {"state": state, "since": since}
    if state != "ok":
        status |= {"code": code, "detail": detail}
    return row | ({"status": status} if state else {}) | more


def a_round(
    region: str = IRELAND,
    account: str = ACCOUNT,
    *,
    minutes: float = 5,
    stale: Sequence[int] = (),
    answered: Sequence[int] = (),
) -> Row:
    """Build the row of a round that began some minutes ago."""
    window = a_window(ago(minutes), stale=stale, answered=answered)
    return round_row(Target(account, region), window)


def a_note(*regions: str, interval: int | None = 15) -> Row:
    """Build the scheduler's note."""
    minutes = {} if interval is None else {"interval_minutes": interval}
    return {**NOTE_KEY, "regions": sorted(regions), **minutes}


def a_pending_key(name: str, version: int, region: str = IRELAND, account: str = ACCOUNT) -> Row:
    """Build a release row with the attributes that the index needs."""
    record = release_record(account, name, version)
    return {"region": region, "record": record, "pending": region}


@dataclass
class Lab(CommandLab):
    """A command that reads the table."""

    def write(self, *rows: Row) -> None:
        """Write rows in batches."""
        client = self.aws.client("dynamodb", self.hub.region)
        for start in range(0, len(rows), BATCH):
            requests = [{"PutRequest": {"Item": to_item(r)}} for r in rows[start : start + BATCH]]
            client.batch_write_item(RequestItems={self.hub.table_name: requests})
        self.aws.clear_calls()

    def healthy(self, regions: Iterable[str] = (IRELAND, VIRGINIA)) -> None:
        """Write two images that are ok in each region."""
        places = tuple(regions)
        rows = [
            a_row(n, r, number=i) for r in places for i, n in enumerate(("al2023", "rhel-9"), 1)
        ]
        self.write(*rows, *map(a_round, places), a_note(*places))

    def counted(self) -> dict[str, int]:
        """Return the number of calls by operation."""
        return dict(Counter(self.operations()))

    def entries(self, *arguments: str, code: int = 1) -> list[dict[str, Any]]:
        """Return what needs attention."""
        found: list[dict[str, Any]] = self.json(*arguments, code=code)["attention"]
        return found
