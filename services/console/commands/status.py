"""`ami-tracker status`."""

from __future__ import annotations

import sys

import click

from services.console.commands.hub_options import hub_options, regions_option
from services.console.reading.options import HubOptions

_EXAMPLES = """\b
Examples:
  ami-tracker status
  ami-tracker status 'al2023-*' --regions us-east-1,eu-west-1 --matrix
"""


@click.command(epilog=_EXAMPLES)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@regions_option
@click.option("--matrix", is_flag=True, help="Also show every image in every region.")
@hub_options
def status(
    hub: HubOptions, names: tuple[str, ...], regions: tuple[str, ...], *, matrix: bool
) -> None:
    """Show whether everything is healthy, and what is not.

    Each cause is one entry, whatever the number of its images and regions: the reason, where, since
    when, and what to do. NAME selects images and can contain the wildcards * and ?. The command
    reads the table and changes nothing. The exit code is 1 if something needs attention.
    """
    from services.console.reading.status_command import (  # noqa: PLC0415 - see services.console.commands
        run,
    )

    sys.exit(run(hub, names, regions, matrix=matrix))
