"""The options and the reading of the configuration, shared by several commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from services.console.exit_codes import EXIT_CONFIGURATION
from services.console.render.configuration import as_json, print_problems

if TYPE_CHECKING:
    from services.catalogue.load import Configuration
    from services.catalogue.problems import Problem


@dataclass(frozen=True, slots=True)
class Options:
    """The options of every command that reads the configuration."""

    images_dir: Path
    regions_file: Path
    output: str
    strict: bool
    allow_unknown_filters: bool


images_option = click.option(
    "--images",
    "images_dir",
    type=click.Path(path_type=Path),
    default=Path("tracked_images"),
    show_default=True,
    metavar="DIR",
    help="The folder of image files, including its subfolders.",
)
allow_unknown_filters_option = click.option(
    "--allow-unknown-filters",
    is_flag=True,
    help="Accept filter names that are not in this version's list.",
)
_OPTIONS = (
    allow_unknown_filters_option,
    click.option("--strict", is_flag=True, help="Treat every warning as an error."),
    click.option(
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Text for people, JSON for programs.",
    ),
    click.option(
        "--regions",
        "regions_file",
        type=click.Path(path_type=Path),
        default=Path("regions.yaml"),
        show_default=True,
        metavar="FILE",
        help="The regions and accounts to watch.",
    ),
    images_option,
)


class ConfigurationCommand(click.Command):
    """A command that reads the whole configuration and takes no list of files."""

    allow_extra_args = True

    def invoke(self, ctx: click.Context) -> object:
        """Run the command, or fail if there are arguments."""
        if ctx.args:
            message = (
                f"unexpected argument {ctx.args[0]!r}: the command reads the whole configuration; "
                "use --images DIR for its folder and --regions FILE for its regions"
            )
            raise click.UsageError(message, ctx)
        return super().invoke(ctx)


def configuration_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every command that reads the configuration, as one argument."""

    @wraps(command)
    def gathered(**given: Any) -> None:  # noqa: ANN401 - the values of the options
        names = [field.name for field in fields(Options)]
        options = Options(**{name: given.pop(name) for name in names})
        command(options, **given)

    decorated: Callable[..., None] = gathered
    for decorate in _OPTIONS:
        decorated = decorate(decorated)
    return decorated


def read_or_exit(options: Options) -> Configuration:
    """Read the configuration, or print its problems and exit.

    This prints the warnings; with JSON output they are part of the summary.
    """
    from services.catalogue.load import (  # noqa: PLC0415 - see services.console.commands
        ConfigurationError,
        read_configuration,
    )

    try:
        configuration = read_configuration(
            options.images_dir,
            options.regions_file,
            allow_unknown_filters=options.allow_unknown_filters,
        )
    except ConfigurationError as error:
        _refuse(options, error.problems, error.warnings)
    if options.strict and configuration.warnings:
        _refuse(options, (), configuration.warnings)
    if options.output == "text":
        print_problems(configuration.warnings, "warning", "yellow")
    return configuration


def _refuse(
    options: Options, problems: tuple[Problem, ...], warnings: tuple[Problem, ...]
) -> NoReturn:
    if options.strict:
        problems, warnings = tuple(sorted((*problems, *warnings))), ()
    if options.output == "json":
        answer = {"ok": False, "problems": as_json(problems), "warnings": as_json(warnings)}
        click.echo(json.dumps(answer, indent=2))
    else:
        print_problems(problems, "error", "red")
        print_problems(warnings, "warning", "yellow")
    sys.exit(EXIT_CONFIGURATION)
