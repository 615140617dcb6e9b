"""What `ami-tracker coverage` does, after click has read its options."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from services.console.acting.writers import writer
from services.console.exit_codes import EXIT_WRONG
from services.console.reading.options import HubOptions
from services.console.reading.snapshot import snapshot
from services.console.render.coverage import as_json, print_coverage
from services.console.render.status_text import print_unreadable
from services.history.coverage import coverage


def run(options: HubOptions, regions: Sequence[str]) -> int:
    """Read the table, print the coverage, and return the exit code."""
    found = coverage(snapshot(options, regions, pending=False))
    if options.output == "json":
        click.echo(json.dumps(as_json(found), indent=2))
    else:
        print_coverage(writer(), found)
        print_unreadable(writer(err=True), found.unreadable)
    return 0 if found.complete else EXIT_WRONG
