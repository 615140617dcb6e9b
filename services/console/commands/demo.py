"""`ami-tracker demo`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from services.console.exit_codes import EXIT_CONFIGURATION, EXIT_WRONG


class _IncompleteError(click.ClickException):
    exit_code = EXIT_CONFIGURATION

    def __init__(self, error: ModuleNotFoundError) -> None:
        super().__init__(
            f"the demo needs the package {error.name}; install ami-tracker[demo], or use make demo"
        )


_EXAMPLES = """\b
Examples:
  ami-tracker demo
  ami-tracker demo --keep
  ami-tracker demo --keep 120
  ami-tracker demo --out build
"""
_MINUTES = 30
_LONGEST_MINUTES = 240


@click.command(epilog=_EXAMPLES)
@click.option("--pause", is_flag=True, help="Wait for Enter after each screen.")
@click.option(
    "--keep",
    type=click.IntRange(1, _LONGEST_MINUTES),
    is_flag=False,
    flag_value=_MINUTES,
    metavar="[MINUTES]",
    help=f"Then leave the embedded AWS running for {_MINUTES} or 1 to {_LONGEST_MINUTES} minutes, "
    "and print how to try every command. Ctrl-C ends it.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write the report page and the feed of the demo into this folder: demo-report.html "
    "and demo-feed.",
)
def demo(*, pause: bool, keep: int | None, out: Path | None) -> None:
    """Run the whole service on an embedded AWS and show each step; needs no AWS account.

    The embedded AWS listens on 127.0.0.1 only. At the end its files are removed, except those in
    the folder of --out.
    """
    try:
        from services.console.demo import play  # noqa: PLC0415 - see services.console.commands
    except ModuleNotFoundError as error:
        raise _IncompleteError(error) from error

    sys.exit(0 if play(pause=pause, keep=keep, out=out) else EXIT_WRONG)
