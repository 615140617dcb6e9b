"""`ami-tracker check`."""

from __future__ import annotations

import json

import click

from services.console.commands.configuration import (
    ConfigurationCommand,
    Options,
    configuration_options,
    read_or_exit,
)
from services.console.render.configuration import print_summary, summary

_EXAMPLES = """\b
Examples:
  ami-tracker check
  ami-tracker check --strict --output json
"""


@click.command(cls=ConfigurationCommand, epilog=_EXAMPLES)
@configuration_options
def check(options: Options) -> None:
    """Check the configuration, and print a summary or every problem."""
    configuration = read_or_exit(options)
    if options.output == "json":
        click.echo(json.dumps(summary(configuration), indent=2))
    else:
        print_summary(configuration)
