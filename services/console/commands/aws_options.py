"""The options of commands that call AWS; most of them the AWS CLI has too."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from services.console.lookup.options import AwsOptions

_OPTIONS = (
    click.option(
        "--endpoint-url", metavar="URL", help="The endpoint of every service, as in the AWS CLI."
    ),
    click.option("--region", metavar="REGION", help="The hub's region, where STS is called."),
    click.option("--profile", metavar="NAME", help="The profile of the AWS configuration."),
)

table_option = click.option(
    "--table",
    default="ami-tracker",
    show_default=True,
    envvar="AMI_TRACKER_TABLE",
    show_envvar=True,
    metavar="NAME",
    help="The table of the deployment.",
)
output_option = click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for people, JSON for programs.",
)


def aws_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options, as one argument `aws`."""

    @wraps(command)
    def gathered(
        profile: str | None,
        region: str | None,
        endpoint_url: str | None,
        **given: Any,  # noqa: ANN401 - the values of the other options
    ) -> None:
        command(aws=AwsOptions(profile, region, endpoint_url), **given)

    decorated: Callable[..., None] = gathered
    for decorate in _OPTIONS:
        decorated = decorate(decorated)
    return decorated
