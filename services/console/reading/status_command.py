"""What `ami-tracker status` does, after click has read its options."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase

import click

from services.console.acting.writers import writer
from services.console.exit_codes import EXIT_WRONG
from services.console.lookup.problems import UsageProblem
from services.console.reading.options import HubOptions
from services.console.reading.snapshot import snapshot
from services.console.render.status_json import as_json
from services.console.render.status_matrix import print_matrix
from services.console.render.status_text import print_status, print_unreadable
from services.history.rows import Snapshot
from services.history.status import status


def run(options: HubOptions, names: Sequence[str], regions: Sequence[str], *, matrix: bool) -> int:
    """Read the table, print the status, and return the exit code."""
    rows = snapshot(options, regions, pending=True)
    found = status(rows, _matching(rows, names) if names else None)
    if options.output == "json":
        click.echo(json.dumps(as_json(found, matrix=matrix), indent=2))
    else:
        print_status(writer(), found)
        if matrix:
            print_matrix(writer(), found.findings)
        print_unreadable(writer(err=True), found.unreadable)
    return 0 if found.healthy else EXIT_WRONG


def _matching(rows: Snapshot, patterns: Sequence[str]) -> frozenset[str]:
    tracked = {row.pair.image_name for row in rows.active()}
    found = {each: {n for n in tracked if fnmatchcase(n, each)} for each in patterns}
    missing = [pattern for pattern, matches in found.items() if not matches]
    if missing:
        message = f"no tracked image matches {', '.join(map(repr, missing))}"
        raise UsageProblem(message)
    return frozenset().union(*found.values())
