"""`ami-tracker coverage`."""

from __future__ import annotations

import sys

import click

from services.console.commands.hub_options import hub_options, regions_option
from services.console.reading.options import HubOptions

_EXAMPLES = """\b
Examples:
  ami-tracker coverage
  ami-tracker coverage --regions us-east-1,eu-west-1 --output json
"""


@click.command(epilog=_EXAMPLES)
@regions_option
@hub_options
def coverage(hub: HubOptions, regions: tuple[str, ...]) -> None:
    """Show which accounts and regions can be looked up.

    A target is reachable if the last lookup of at least one image was answered there. Otherwise it
    is denied, disabled or unknown. The command reads the table and changes nothing. The exit code
    is 1 if a target is not reachable.
    """
    from services.console.reading.coverage_command import (  # noqa: PLC0415 - see services.console.commands
        run,
    )

    sys.exit(run(hub, regions))
