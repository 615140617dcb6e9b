"""`ami-tracker redrive`."""

from __future__ import annotations

import sys
from typing import Any

import click

from services.console.commands.aws_options import aws_options, output_option
from services.console.lookup.options import AwsOptions

_EXAMPLES = """\b
Examples:
  ami-tracker redrive --queue ami-tracker-schedule-dead-letters
  ami-tracker redrive --purge --yes
  ami-tracker redrive --move
  ami-tracker redrive
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--queue",
    default="ami-tracker-lookups-dead-letters",
    show_default=True,
    metavar="NAME",
    help="The dead-letter queue: name_prefix of the deployment, and -lookups-dead-letters or "
    "-schedule-dead-letters.",
)
@click.option("--move", is_flag=True, help="Move the messages back to their queue.")
@click.option("--purge", is_flag=True, help="Delete all messages of the queue.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="How many messages to show.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@output_option
@aws_options
def redrive(aws: AwsOptions, **given: Any) -> None:  # noqa: ANN401 - the values of the options
    """Show the dead letters, move them back, or purge them.

    Without --move and --purge, the command shows the messages and does not delete them. They are
    invisible to other readers for 20 seconds afterwards. The exit code is 1 if there are messages.
    """
    from services.console.acting.redrive_command import (  # noqa: PLC0415 - see services.console.commands
        RedriveOptions,
        run,
    )

    sys.exit(run(RedriveOptions(aws=aws, **given)))
