"""Reads the rows of a whole deployment with a number of calls that its history does not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from services.history.observed import ImageInTarget
from services.history.overview import Overview, overview
from services.history.reader import HistoryReader
from services.history.rows import RegionRows, Snapshot
from services.kernel.errors import MalformedError
from services.kernel.keys import release_record
from services.kernel.model import Pair, Window
from services.kernel.release_records import ReleaseRow, decode_release_row
from services.kernel.table import read_rows

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

RELEASES = 10
"""How many releases of each pair are read: the page and the feed show no older ones."""
THREADS = 8
"""Of one table; more only wait for each other."""

_NO_WINDOW = Window()


class OverviewReader:
    """Reads the table of a deployment; writes nothing.

    Each method raises `HubBrokenError` if the table cannot be used, and `CallFailedError` if it is
    busy.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._history = HistoryReader(client, table)

    def read(self, moment: datetime, releases: int = RELEASES, threads: int = THREADS) -> Overview:
        """The rows of all regions of the deployment, with the last releases of each pair.

        Raises:
            MalformedError: the scheduler's note, which has the regions, cannot be decoded.
        """
        note = self._history.note()
        with ThreadPoolExecutor(threads) as pool:
            pending = pool.submit(self._history.pending_keys)
            regions = tuple(pool.map(self._history.region, sorted(note.regions)))
            seen = pool.map(partial(self.last_releases, releases=releases), regions)
            snapshot = Snapshot(moment, note, regions, pending.result())
            return overview(snapshot, (each for found in seen for each in found))

    def last_releases(
        self, region: RegionRows, releases: int = RELEASES
    ) -> list[tuple[str, ImageInTarget]]:
        """The tracked pairs of a region with their last releases, newest first.

        An image row has the number of its last version, so the keys are known and 100 rows are read
        with one call. The reads are eventually consistent, at half the price. What they miss, such
        as a release that was committed a moment ago, is read again consistently.
        """
        pairs = [row.pair for row in region.images.found if row.pair.active]
        rows = self._rows([key for pair in pairs for key in _keys(pair, releases)], region.region)
        windows = {row.target: row.window for row in region.rounds.found}
        return [
            (pair.image_name, _seen(pair, windows.get(pair.target, _NO_WINDOW), rows, releases))
            for pair in pairs
        ]

    def _rows(self, records: Sequence[str], region: str) -> Mapping[str, Mapping[str, Any]]:
        """The release rows with these sort keys, by sort key."""
        found: dict[str, Mapping[str, Any]] = {}
        for consistent in (False, True):
            keys = [{"region": region, "record": each} for each in records if each not in found]
            rows = read_rows(self._client, self._table, keys, consistent=consistent)
            found |= {str(row["record"]): row for row in rows}
        return found


def _keys(pair: Pair, releases: int) -> list[str]:
    """The sort keys of the last releases of a pair, newest first; versions begin with 1."""
    first = max(1, pair.version - releases + 1)
    account, name = pair.target.account_id, pair.image_name
    return [release_record(account, name, n) for n in range(pair.version, first - 1, -1)]


def _seen(
    pair: Pair, window: Window, rows: Mapping[str, Mapping[str, Any]], releases: int
) -> ImageInTarget:
    found, problems = list[ReleaseRow](), list[str]()
    for record in _keys(pair, releases):
        if record not in rows:
            continue
        try:
            found.append(decode_release_row(rows[record]))
        except MalformedError as error:
            problems.append(str(error))
    return ImageInTarget(
        pair.target,
        pair,
        tuple(found),
        stale=pair.number in window.unanswered(),
        complete=pair.version <= releases,
        problems=tuple(problems),
    )
