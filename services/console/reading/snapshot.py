"""Reads the rows that `status` and `coverage` need, with few calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial

from services.console.acting.hub import Hub, calls, open_session
from services.console.acting.writers import accept_every_character
from services.console.lookup.problems import AwsProblem, UsageProblem
from services.console.lookup.run import in_threads
from services.console.reading.options import HubOptions
from services.history.reader import HistoryReader
from services.history.rows import PendingKey, RegionRows, Rows, Snapshot
from services.kernel.clock import now
from services.kernel.errors import MalformedError
from services.kernel.round_records import Note

THREADS = 8
"""Of one table; more only wait for each other."""
READ_ONLY = "which the policy <name_prefix>-read-only of the Terraform module has"


def snapshot(
    options: HubOptions, regions: Sequence[str], *, pending: bool, hub: Hub | None = None
) -> Snapshot:
    """The rows of these regions, or of all regions of the deployment; `hub` is an open session.

    Each region is one query of image rows and one of round rows, or more if there are more rows
    than fit into a response; the note, and the pending releases of all regions, are one call each.

    Raises:
        UsageProblem: the table does not exist, or does not have one of the regions.
        AwsProblem: a call is denied, refused or not answered, or the note cannot be decoded.
    """
    accept_every_character()
    hub = hub or open_session(options.aws)
    reader = HistoryReader(hub.session.client("dynamodb"), options.table)
    note = _note(reader, hub, options, regions)
    selected = _selected(note, regions)
    work: list[Callable[[], RegionRows]] = [
        partial(_region, reader, hub, options, region) for region in selected
    ]
    found = in_threads(work, "reading", THREADS)
    return Snapshot(
        moment=now(),
        note=note,
        regions=tuple(found),
        pending=_pending(reader, hub, options, selected) if pending and selected else Rows(),
        every_region=set(selected) >= note.regions,
    )


def _note(reader: HistoryReader, hub: Hub, options: HubOptions, regions: Sequence[str]) -> Note:
    try:
        with _calls("dynamodb:GetItem", hub, options):
            return reader.note()
    except MalformedError as error:
        if regions:
            return Note(frozenset())
        message = f"{error}; use --regions to read single regions, and see the runbook"
        raise AwsProblem(message) from error


def _selected(note: Note, regions: Sequence[str]) -> list[str]:
    unknown = sorted(set(regions) - note.regions)
    if unknown and note.regions:
        message = (
            f"the deployment has no region {', '.join(unknown)}; its regions are "
            f"{', '.join(sorted(note.regions))}"
        )
        raise UsageProblem(message)
    return sorted(set(regions) or note.regions)


def _region(reader: HistoryReader, hub: Hub, options: HubOptions, region: str) -> RegionRows:
    with _calls("dynamodb:Query", hub, options):
        return reader.region(region)


def _pending(
    reader: HistoryReader, hub: Hub, options: HubOptions, regions: Sequence[str]
) -> Rows[PendingKey]:
    with _calls("dynamodb:Scan", hub, options, "index pending of table"):
        found = reader.pending_keys()
    wanted = tuple(key for key in found.found if key.target.region in regions)
    return Rows(wanted, found.unreadable, found.complete)


def _calls(
    action: str, hub: Hub, options: HubOptions, what: str = "table"
) -> AbstractContextManager[None]:
    return calls(action, f"{what} {options.table}", hub.region, "--table", READ_ONLY)
