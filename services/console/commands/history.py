"""`ami-tracker history`."""

from __future__ import annotations

import sys

import click

from services.console.commands.hub_options import hub_options, regions_option
from services.console.reading.options import HubOptions

_EXAMPLES = """\b
Examples:
  ami-tracker history al2023
  ami-tracker history al2023 --regions us-east-1 --limit 10
  ami-tracker history al2023 --output json
"""


@click.command(epilog=_EXAMPLES)
@click.argument("name", metavar="NAME")
@regions_option
@click.option("--account", metavar="ACCOUNT", help="Only the regions of this account.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    metavar="NUMBER",
    help="How many releases of each region to show.  [default: 3, or 50 with --regions or if "
    "there is only one]",
)
@hub_options
def history(
    hub: HubOptions, name: str, regions: tuple[str, ...], account: str | None, limit: int | None
) -> None:
    """Show the releases of an image in each region, newest first.

    "Published" is when the publisher changed the parameter, and "announced" is when the event was
    sent. A * marks the current image. With --regions, or if there is only one region, all details
    of each release are shown: image id, times, changed facts, notes.

    The exit code is 1 if a row cannot be decoded, and 2 if there is no such image.
    """
    from services.console.reading.history_command import (  # noqa: PLC0415 - see services.console.commands
        HistoryOptions,
        run,
    )

    sys.exit(run(HistoryOptions(hub, name, regions, account, limit)))
