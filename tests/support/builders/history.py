"""Rows and snapshots with defaults, for tests of the views."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.history.rows import PendingKey, RegionRows, Rows, Snapshot
from services.kernel.model import Observation, State, Target
from services.kernel.records import ImageRow
from services.kernel.round_records import Note, RoundRow
from services.kernel.wire import timestamp
from support.builders.scheduler import ACCOUNT, KNOWN, a_pair, a_window, an_image

MOMENT = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def a_row(  # noqa: PLR0913 - the attributes of a row
    name: str,
    region: str,
    state: State | None = State.OK,
    code: str | None = None,
    *,
    account: str = ACCOUNT,
    since: str = "2026-11-28T00:00:00Z",
    number: int | None = None,
    confirmed: bool = True,
    active: bool = True,
    deprecated: datetime | None = None,
    changed_at: datetime | None = None,
) -> ImageRow:
    """Build an image row."""
    known = Observation(KNOWN.image_id, KNOWN.ami_name, KNOWN.creation_date, deprecated)
    pair = a_pair(
        an_image(name), Target(account, region), active=active, known=known, number=number
    )
    digest = pair.lookup_digest if confirmed else "another"
    status = {"state": state, "code": code, "since": since if state else None}
    return ImageRow(replace(pair, confirmed_digest=digest, **status), "why", changed_at)  # type: ignore[arg-type]


def a_round_row(target: Target, stale: Collection[int] = (), minutes: float = 5) -> RoundRow:
    """Build the row of a round that began some minutes ago."""
    begin = timestamp(MOMENT - timedelta(minutes=minutes))
    return RoundRow(target, a_window(begin, stale=stale))


def a_snapshot(
    rows: Iterable[ImageRow],
    *,
    stale: Mapping[Target, Collection[int]] | None = None,
    pending: Rows[PendingKey] | None = None,
    every_region: bool = True,
) -> Snapshot:
    """Build a snapshot in which each target of the rows had a round five minutes ago."""
    rows = list(rows)
    rounds = {
        row.pair.target: a_round_row(row.pair.target, (stale or {}).get(row.pair.target, ()))
        for row in rows
    }
    regions = sorted({target.region for target in rounds})
    return Snapshot(
        moment=MOMENT,
        note=Note(frozenset(regions), interval_minutes=15),
        regions=tuple(
            RegionRows(
                region,
                Rows(tuple(row for row in rows if row.pair.target.region == region)),
                Rows(tuple(row for target, row in rounds.items() if target.region == region)),
            )
            for region in regions
        ),
        pending=pending or Rows(),
        every_region=every_region,
    )
