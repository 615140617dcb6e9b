"""Reads the rows that `report` and `feed` need."""

from __future__ import annotations

from functools import partial

from services.console.acting.hub import Hub, calls
from services.console.lookup.run import in_threads
from services.console.reading.options import HubOptions
from services.console.reading.snapshot import READ_ONLY, THREADS, snapshot
from services.history.overview import Overview
from services.history.overview import overview as overview_of
from services.history.overview_reader import OverviewReader


def overview(hub: Hub, options: HubOptions, releases: int) -> Overview:
    """The rows of all regions of the deployment, with the last releases of each tracked pair.

    Raises:
        UsageProblem: the table does not exist.
        AwsProblem: a call is denied, refused or not answered, or the note cannot be decoded.
    """
    rows = snapshot(options, (), pending=True, hub=hub)
    reader = OverviewReader(hub.session.client("dynamodb"), options.table)
    work = [partial(reader.last_releases, region, releases) for region in rows.regions]
    resource = f"table {options.table}"
    with calls("dynamodb:BatchGetItem", resource, hub.region, "--table", READ_ONLY):
        seen = in_threads(work, "reading releases", THREADS)
    return overview_of(rows, (each for found in seen for each in found))
