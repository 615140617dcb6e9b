"""`ami-tracker feed`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from services.console.commands.hub_options import hub_options
from services.console.reading.options import HubOptions

_EXAMPLES = """\b
Examples:
  ami-tracker feed --out feed
  ami-tracker feed --out feed --releases 20
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to write to. Other files in it stay as they are.",
)
@click.option(
    "--releases",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    metavar="NUMBER",
    help="How many of the last releases of each image and region to read.",
)
@hub_options
def feed(hub: HubOptions, out: Path, releases: int) -> None:
    """Write the feed: releases that update tools can read.

    Writes a file for each image, account and region in the form of Renovate's datasource "custom",
    index.json with what is current everywhere, and releases.atom with the newest releases. A
    release before a rollback is left out. Only files that changed are written, and files of images
    that are no longer tracked are deleted. The command reads the table and changes nothing in AWS.

    The exit code is 1 if a row cannot be decoded: its files stay as they were.
    """
    from services.console.reading.feed_command import (  # noqa: PLC0415 - see services.console.commands
        run,
    )

    sys.exit(run(hub, out, releases))
