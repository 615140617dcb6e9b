"""`ami-tracker rollout`."""

from __future__ import annotations

import sys

import click

from services.console.commands.hub_options import hub_options
from services.console.reading.options import HubOptions

_EXAMPLES = """\b
Examples:
  ami-tracker rollout al2023 --last 1
  ami-tracker rollout al2023 --lag-hours 24
  ami-tracker rollout al2023 --output json
"""


@click.command(epilog=_EXAMPLES)
@click.argument("name", metavar="NAME")
@click.option(
    "--last",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    metavar="NUMBER",
    help="How many roll-outs to show.",
)
@click.option(
    "--lag-hours",
    type=click.FloatRange(0),
    default=72,
    show_default=True,
    metavar="HOURS",
    help="How long the newest roll-out may be missing in a region.",
)
@hub_options
def rollout(hub: HubOptions, name: str, last: int, lag_hours: float) -> None:
    """Show the last roll-outs of an image: which regions have each release, and when they got it.

    Releases with the same key are one roll-out. A region whose lookups fail is unknown if it has
    neither the release nor a later one, so the roll-out is not complete. "Later only" are regions
    that have a later release. The time of a baseline is not a roll-out time.

    The exit code is 1 if a region that can be reached lacks the newest roll-out for longer than
    --lag-hours, or if a row cannot be decoded, and 2 if there is no such image.
    """
    from services.console.reading.rollout_command import (  # noqa: PLC0415 - see services.console.commands
        RolloutOptions,
        run,
    )

    sys.exit(run(RolloutOptions(hub, name, last, lag_hours)))
