"""`ami-tracker pending`."""

from __future__ import annotations

import sys

import click

from services.console.commands.hub_options import hub_options
from services.console.reading.options import HubOptions

_EXAMPLES = """\b
Examples:
  ami-tracker pending --output json
  ami-tracker pending
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=1000,
    show_default=True,
    metavar="NUMBER",
    help="How many releases to show.",
)
@hub_options
def pending(hub: HubOptions, limit: int) -> None:
    """Show the releases that are not announced yet, and what their topics answered.

    "After 3" means that version 3 of the same image is announced before. The exit code is 1 if a
    release is pending for more than 15 minutes, as for the alarm release-pending, or if a pending
    row cannot be decoded.
    """
    from services.console.reading.pending_command import (  # noqa: PLC0415 - see services.console.commands
        PendingOptions,
        run,
    )

    sys.exit(run(PendingOptions(hub, limit)))
