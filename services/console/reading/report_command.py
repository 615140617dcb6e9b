"""What `ami-tracker report` does, after click has read its options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from services.console.acting.hub import open_session
from services.console.acting.writers import accept_every_character, waiting, writer
from services.console.exit_codes import EXIT_WRONG
from services.console.files import create_folder, replace_file
from services.console.reading.options import HubOptions
from services.console.reading.overview import overview
from services.console.render.status_text import print_unreadable
from services.console.render.writer import counted
from services.report.data import page_data
from services.report.page import render
from services.report.page_data import Hub

STANDARD_OUTPUT = "-"
_BYTES_PER_KB = 1000


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Everything that the command was called with."""

    hub: HubOptions
    out: str
    lag_hours: float
    releases: int


def run(options: ReportOptions) -> int:
    """Read the table, write the page, and return the exit code."""
    accept_every_character()
    if options.out != STANDARD_OUTPUT:
        create_folder(Path(options.out).parent)
    hub = open_session(options.hub.aws)
    found = overview(hub, options.hub, options.releases)
    where = Hub(table=options.hub.table, region=hub.region, account=hub.account_id)
    with waiting("writing"):
        data = page_data(found, hub=where, lag_hours=options.lag_hours)
        size = _write(options.out, render(data))
    figures = data["figures"]
    writer(err=True).sentence(
        f"wrote {_name(options.out)} ({size}): {counted(figures['images'], 'image')} in "
        f"{counted(figures['regions'], 'region')}"
    )
    print_unreadable(writer(err=True), data["problems"])
    return EXIT_WRONG if data["problems"] else 0


def _write(out: str, page: str) -> str:
    """Write the page; returns its size."""
    content = page.encode()
    if out == STANDARD_OUTPUT:
        click.echo(content, nl=False)
    else:
        replace_file(Path(out), page)
    return f"{-(-len(content) // _BYTES_PER_KB):,} KB"


def _name(out: str) -> str:
    return "to standard output" if out == STANDARD_OUTPUT else out
