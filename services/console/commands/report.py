"""`ami-tracker report`."""

from __future__ import annotations

import math
import sys

import click

from services.console.commands.hub_options import read_options
from services.console.reading.options import HubOptions

_EXAMPLES = """\b
Examples:
  ami-tracker report --out report.html
  ami-tracker report --out site/index.html --lag-hours 24 --releases 20
  ami-tracker report --out - > report.html
"""


def _finite(_: click.Context, __: click.Parameter, value: float) -> float:
    if math.isfinite(value):
        return value
    message = "it must be a number of hours, such as 72 or 0.5"
    raise click.BadParameter(message)


@click.command(epilog=_EXAMPLES)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True),
    required=True,
    metavar="FILE",
    help="The file to write; - is standard output.",
)
@click.option(
    "--lag-hours",
    type=click.FloatRange(0),
    default=72,
    show_default=True,
    callback=_finite,
    metavar="HOURS",
    help="How long the newest release may be missing in a region.",
)
@click.option(
    "--releases",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    metavar="NUMBER",
    help="How many releases of each image and region to show.",
)
@read_options
def report(hub: HubOptions, out: str, lag_hours: float, releases: int) -> None:
    """Write a page that shows what is tracked, and what needs attention: one HTML file.

    The page has everything in it and makes no request. A browser opens it from the file, and any
    web server can publish it. FILE is replaced when the page is complete; missing folders are
    created. The command reads the table and changes nothing.

    The exit code is 0 if the page was written, also if something needs attention, and 1 if rows
    could not be decoded, which the page shows too.
    """
    from services.console.reading.report_command import (  # noqa: PLC0415 - see services.console.commands
        ReportOptions,
        run,
    )

    sys.exit(run(ReportOptions(hub, out, lag_hours, releases)))
