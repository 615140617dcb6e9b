"""`ami-tracker compile`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from services.console.commands.configuration import (
    ConfigurationCommand,
    Options,
    configuration_options,
    read_or_exit,
)
from services.console.files import replace_file
from services.console.render.configuration import size, summary

_EXAMPLES = """\b
Examples:
  ami-tracker compile --out catalogue.json
"""


@click.command(name="compile", cls=ConfigurationCommand, epilog=_EXAMPLES)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The catalogue file to write.",
)
@configuration_options
def compile_(options: Options, out: Path) -> None:
    """Check the configuration and write it as the catalogue file that the scheduler reads."""
    from services.kernel.catalogue_file import encode_catalogue  # noqa: PLC0415 - see services.console.commands

    configuration = read_or_exit(options)
    replace_file(out, encode_catalogue(configuration.catalogue))
    if options.output == "json":
        click.echo(json.dumps({**summary(configuration), "out": str(out)}, indent=2))
    else:
        click.echo(f"wrote {out}: {size(configuration)}", err=True)
