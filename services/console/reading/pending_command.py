"""What `ami-tracker pending` does, after click has read its options."""

from __future__ import annotations

from dataclasses import dataclass

from services.console.acting.hub import open_session
from services.console.acting.writers import accept_every_character, writer
from services.console.exit_codes import EXIT_WRONG
from services.console.reading.options import HubOptions
from services.console.reading.output import print_json, print_warnings
from services.console.reading.refusals import reads
from services.console.render.pending import as_json, print_pending
from services.history.image_reader import ImageReader
from services.history.pending import pending
from services.kernel.clock import now
from services.kernel.keys import PENDING_INDEX


@dataclass(frozen=True, slots=True)
class PendingOptions:
    """Everything that the command was called with."""

    hub: HubOptions
    limit: int


def run(options: PendingOptions) -> int:
    """Read, print the pending releases, and return the exit code."""
    accept_every_character()
    hub = open_session(options.hub.aws)
    reader = ImageReader(hub.session.client("dynamodb"), options.hub.table)
    with reads("dynamodb:Scan", hub, options.hub.table, PENDING_INDEX):
        keys = reader.pending_keys(options.limit)
    with reads("dynamodb:BatchGetItem", hub, options.hub.table):
        rows = reader.pending(keys)
    moment = now()
    found = pending(rows.rows, moment)
    if options.hub.output == "json":
        print_json(as_json(found, rows.problems, moment, complete=keys.complete))
    else:
        print_pending(writer(), found, complete=keys.complete)
    print_warnings(rows.problems)
    return EXIT_WRONG if rows.problems or any(each.late for each in found) else 0
