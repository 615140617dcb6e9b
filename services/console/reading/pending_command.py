"""What `ami-tracker pending` does, after click has read its options."""

from __future__ import annotations

import json
from dataclasses import dataclass

import click

from services.console.acting.hub import calls, open_session
from services.console.acting.writers import accept_every_character, writer
from services.console.exit_codes import EXIT_WRONG
from services.console.reading.options import HubOptions
from services.console.reading.snapshot import READ_ONLY
from services.console.render.pending import as_json, print_pending
from services.console.render.status_text import print_unreadable
from services.history.image_reader import ImageReader
from services.history.pending import pending
from services.history.reader import HistoryReader
from services.kernel.clock import now


@dataclass(frozen=True, slots=True)
class PendingOptions:
    """Everything that the command was called with."""

    hub: HubOptions
    limit: int


def run(options: PendingOptions) -> int:
    """Read, print the pending releases, and return the exit code."""
    accept_every_character()
    hub = open_session(options.hub.aws)
    client, table = hub.session.client("dynamodb"), f"table {options.hub.table}"
    with calls("dynamodb:Scan", f"index pending of {table}", hub.region, "--table", READ_ONLY):
        keys = HistoryReader(client, options.hub.table, options.limit).pending_keys()
    with calls("dynamodb:BatchGetItem", table, hub.region, "--table", READ_ONLY):
        rows = ImageReader(client, options.hub.table).pending(keys.found)
    moment = now()
    found = pending(rows.found, moment)
    problems = [*keys.unreadable, *rows.unreadable]
    if options.hub.output == "json":
        click.echo(json.dumps(as_json(found, problems, moment, complete=keys.complete), indent=2))
    else:
        print_pending(writer(), found, complete=keys.complete)
    print_unreadable(writer(err=True), problems)
    return EXIT_WRONG if problems or any(each.late for each in found) else 0
