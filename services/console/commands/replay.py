"""`ami-tracker replay`."""

from __future__ import annotations

import sys
from typing import Any

import click

from services.console.commands.aws_options import aws_options, output_option, table_option
from services.console.lookup.options import AwsOptions

_EXAMPLES = """\b
Examples:
  ami-tracker replay al2023 --target-region us-east-1 --version 3 --version 4
  ami-tracker replay al2023 --target-region us-east-1 --last --yes
"""
_LAST_VERSION = 99_999_999


@click.command(epilog=_EXAMPLES)
@click.argument("image_name", metavar="NAME")
@click.option(
    "--target-region",
    required=True,
    metavar="REGION",
    help="The region whose subscribers get the events.",
)
@click.option(
    "--target-account",
    metavar="ACCOUNT",
    help="The account of the topic.  [default: the account of the credentials]",
)
@click.option(
    "--version",
    "versions",
    type=click.IntRange(1, _LAST_VERSION),
    multiple=True,
    metavar="NUMBER",
    help="A version to publish again, at most 100. Repeatable.",
)
@click.option("--last", is_flag=True, help="Publish the last event again.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--function",
    default="ami-tracker-aggregator",
    show_default=True,
    metavar="NAME",
    help="The aggregator function: name_prefix of the deployment, and -aggregator.",
)
@table_option
@output_option
@aws_options
def replay(aws: AwsOptions, **given: Any) -> None:  # noqa: ANN401 - the values of the options
    """Publish events again, with the same event ids.

    The command shows the releases, asks, and invokes the aggregator function, which publishes them
    in version order. A pending release is announced as usual, and a closed one is sent too. A
    release that was never an event, such as a baseline, is not sent. The exit code is 1 if a
    version was not published.
    """
    from services.console.acting.replay_command import (  # noqa: PLC0415 - see services.console.commands
        ReplayOptions,
        run,
    )

    sys.exit(run(ReplayOptions(aws=aws, **given)))
