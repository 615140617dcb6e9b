"""`ami-tracker demo`."""

from __future__ import annotations

import sys

import click

from services.console.exit_codes import EXIT_CONFIGURATION, EXIT_WRONG


class _IncompleteError(click.ClickException):
    exit_code = EXIT_CONFIGURATION

    def __init__(self, error: ModuleNotFoundError) -> None:
        super().__init__(
            f"the demo needs the package {error.name}; install ami-tracker[demo], or use make demo"
        )


@click.command()
@click.option("--pause", is_flag=True, help="Wait for Enter after each screen.")
def demo(*, pause: bool) -> None:
    """Run the whole service on an embedded AWS and show each step; needs no AWS account."""
    try:
        from services.console.demo import play  # noqa: PLC0415 - see services.console.commands
    except ModuleNotFoundError as error:
        raise _IncompleteError(error) from error

    sys.exit(0 if play(pause=pause) else EXIT_WRONG)
