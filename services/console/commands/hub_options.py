"""The options of commands that read the table of a deployment."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from services.console.commands.aws_options import aws_options, output_option, table_option
from services.console.lookup.options import AwsOptions
from services.console.reading.options import HubOptions


def hub_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--table`, `--output` and the options of the AWS CLI, as one argument `hub`."""

    @wraps(command)
    def gathered(
        aws: AwsOptions,
        table: str,
        output: str,
        **given: Any,  # noqa: ANN401 - the values of the other options
    ) -> None:
        command(hub=HubOptions(aws, table, output), **given)

    return table_option(output_option(aws_options(gathered)))


def read_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--table` and the options of the AWS CLI, as one argument `hub`: the answer is a file."""

    @wraps(command)
    def gathered(
        aws: AwsOptions,
        table: str,
        **given: Any,  # noqa: ANN401 - the values of the other options
    ) -> None:
        command(hub=HubOptions(aws, table, "table"), **given)

    return table_option(aws_options(gathered))


def _split(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of comma-separated values, without duplicates."""
    parts = (part.strip() for value in values for part in value.split(","))
    return tuple(dict.fromkeys(filter(None, parts)))


regions_option = click.option(
    "--regions",
    multiple=True,
    callback=_split,
    metavar="REGION[,REGION...]",
    help="Only these regions. The default is every region of the deployment.",
)
