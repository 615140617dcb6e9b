"""`ami-tracker lookup`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from services.console.commands.aws_options import aws_options
from services.console.commands.configuration import allow_unknown_filters_option, images_option
from services.console.lookup.options import (
    AwsOptions,
    EntryOptions,
    FileOptions,
    LookupOptions,
    RoleOptions,
)

_EXAMPLES = """\b
Examples:
  ami-tracker lookup al2023-x86_64 --no-assume-role --regions us-east-1
  ami-tracker lookup --no-assume-role --regions us-east-1,eu-west-1
  ami-tracker lookup --no-assume-role --regions us-east-1 \\
    --parameter /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64
  ami-tracker lookup --no-assume-role --regions us-east-1 \\
    --owner 309956199498 --filter 'name=RHEL-9.*_HVM-*-x86_64-*-Hourly2-GP3' \\
    --exclude-name '*BETA*' --order-by release \\
    --release-pattern '^RHEL-(?P<release>[0-9]+[.][0-9]+)'
"""


def _split(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of comma-separated values."""
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


_ENTRY = (
    click.option("--parameter", default="", metavar="PATH", help="Look up this SSM parameter."),
    click.option(
        "--filter",
        "filters",
        multiple=True,
        metavar="NAME=VALUE[,VALUE...]",
        help="Look up by this filter of DescribeImages. Repeatable.",
    ),
    click.option("--owner", "owners", multiple=True, help="An owner of the images. Repeatable."),
    click.option(
        "--exclude-name",
        "exclude_names",
        multiple=True,
        metavar="WILDCARD",
        help="Never select images with such a name. Repeatable.",
    ),
    click.option("--order-by", default="", metavar="date|release", help="The order of the images."),
    click.option(
        "--release-pattern",
        default="",
        metavar="REGEX",
        help="Reads the release from the AMI name, in a group named release.",
    ),
    click.option("--notes", default="", metavar="URL", help="The release notes, with {release}."),
)
_RESULT = (
    click.option(
        "--known", metavar="AMI_ID", help="Say what changes if this is the current image."
    ),
    click.option("--explain", is_flag=True, help="Show all details of each result."),
    click.option(
        "--top",
        type=click.IntRange(1, 1000),
        default=5,
        show_default=True,
        help="How many candidates of a filter lookup to show.",
    ),
    click.option(
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="A table for people, JSON for programs.",
    ),
)
_ROLE = (
    click.option(
        "--no-assume-role",
        is_flag=True,
        help="Use your own credentials in every region. The default without an external id.",
    ),
    click.option(
        "--external-id",
        envvar="AMI_TRACKER_EXTERNAL_ID",
        show_envvar=True,
        help="Assume the read role of each account, with this external id.",
    ),
    click.option("--role-name", help="The name of the read roles.  [default: ami-tracker-read]"),
)
_FILES = (
    images_option,
    click.option(
        "--regions-file",
        type=click.Path(path_type=Path),
        default=Path("regions.yaml"),
        show_default=True,
        metavar="FILE",
        help="The file of regions and accounts.",
    ),
    allow_unknown_filters_option,
)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for decorate in reversed((*_ENTRY, *_RESULT, *_ROLE, *_FILES)):
        command = decorate(command)
    return command


@click.command(epilog=_EXAMPLES)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--regions",
    multiple=True,
    callback=_split,
    metavar="REGION[,REGION...]",
    help="Only these regions. The default is every region of the regions file.",
)
@_options
@aws_options
def lookup(aws: AwsOptions, **given: Any) -> None:  # noqa: ANN401 - the values of the options
    """Look up images now, and show why each was chosen.

    The command calls SSM and EC2 and changes nothing. It looks up the entries of the image files,
    or those with a NAME; or, by --parameter or by --filter and --owner, an image of no file.
    """
    from services.console.lookup.command import run  # noqa: PLC0415 - see services.console.commands

    sys.exit(run(_gathered(aws, given)))


def _gathered(aws: AwsOptions, given: dict[str, Any]) -> LookupOptions:
    def taken(kind: Callable[..., Any]) -> Any:  # noqa: ANN401 - one of the groups of options
        return kind(**{name: given.pop(name) for name in kind.__annotations__})

    entry, role, files = taken(EntryOptions), taken(RoleOptions), taken(FileOptions)
    return LookupOptions(entry=entry, role=role, files=files, aws=aws, **given)
