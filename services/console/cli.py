"""`ami-tracker`: the commands that people type.

Each command imports what it needs when it runs, so that help and completion answer at once.
Exit codes: 0 fine, 1 something is wrong out there, 2 wrong usage or configuration.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from services.catalogue.load import Configuration
    from services.catalogue.problems import Problem

EXIT_WRONG = 1
EXIT_CONFIGURATION = 2


class _UnwritableError(click.ClickException):
    exit_code = EXIT_CONFIGURATION

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path} cannot be written: {error.strerror}")


class _IncompleteError(click.ClickException):
    exit_code = EXIT_CONFIGURATION

    def __init__(self, error: ModuleNotFoundError) -> None:
        super().__init__(
            f"the demo needs the package {error.name}; install ami-tracker[demo], or use make demo"
        )


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ami-tracker", prog_name="ami-tracker")
def main() -> None:
    """Watches Amazon Machine Images in many regions and accounts."""


@dataclass(frozen=True, slots=True)
class _Options:
    """What every command that reads the configuration is asked."""

    images_dir: Path
    regions_file: Path
    output: str
    strict: bool
    allow_unknown_filters: bool


class _ConfigurationCommand(click.Command):
    """A command over the whole configuration, which is no list of files."""

    allow_extra_args = True

    def invoke(self, ctx: click.Context) -> object:
        if ctx.args:
            message = (
                f"unexpected argument {ctx.args[0]!r}: the whole configuration is read at once; "
                "name its folder with --images DIR and its regions with --regions FILE"
            )
            raise click.UsageError(message, ctx)
        return super().invoke(ctx)


def _configuration_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that reads the configuration, as one argument."""
    decorators = (
        click.option(
            "--allow-unknown-filters",
            is_flag=True,
            help="Accept filter names that this version does not know.",
        ),
        click.option("--strict", is_flag=True, help="Make every warning an error."),
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
        click.option(
            "--images",
            "images_dir",
            type=click.Path(path_type=Path),
            default=Path("tracked_images"),
            show_default=True,
            metavar="DIR",
            help="The folder of image files; folders in it are read too.",
        ),
    )

    @wraps(command)
    def gathered(**given: Any) -> None:  # noqa: ANN401 - the values of the options
        names = [field.name for field in fields(_Options)]
        options = _Options(**{name: given.pop(name) for name in names})
        command(options, **given)

    decorated: Callable[..., None] = gathered
    for decorate in decorators:
        decorated = decorate(decorated)
    return decorated


@main.command(cls=_ConfigurationCommand)
@_configuration_options
def check(options: _Options) -> None:
    """Check the configuration and say what it holds, or everything that is wrong with it."""
    configuration = _read(options)
    if options.output == "json":
        click.echo(json.dumps(_summary(configuration), indent=2))
    else:
        _print_summary(configuration)


@main.command(name="compile", cls=_ConfigurationCommand)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The catalogue file to write.",
)
@_configuration_options
def compile_(options: _Options, out: Path) -> None:
    """Check the configuration and write it as the catalogue file that the scheduler reads."""
    from services.kernel.catalogue_file import encode_catalogue  # noqa: PLC0415 - see the module docstring

    configuration = _read(options)
    _replace(out, encode_catalogue(configuration.catalogue))
    if options.output == "json":
        click.echo(json.dumps({**_summary(configuration), "out": str(out)}, indent=2))
    else:
        click.echo(f"wrote {out}: {_size(configuration)}", err=True)


@main.command(hidden=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("schemas"),
    show_default=True,
    metavar="DIR",
    help="The folder to write to.",
)
def schemas(out: Path) -> None:
    """Write the JSON Schemas of the YAML files."""
    from services.catalogue import schema  # noqa: PLC0415 - see the module docstring

    out.mkdir(parents=True, exist_ok=True)
    for name, text in schema.schemas().items():
        _replace(out / name, text)


@main.command()
@click.option("--pause", is_flag=True, help="Wait for Enter between the screens.")
def demo(*, pause: bool) -> None:
    """Run the whole service on an embedded AWS and tell what happens; contacts no cloud."""
    try:
        from services.console.demo import play  # noqa: PLC0415 - see the module docstring
    except ModuleNotFoundError as error:
        raise _IncompleteError(error) from error

    sys.exit(0 if play(pause=pause) else EXIT_WRONG)


def _read(options: _Options) -> Configuration:
    """The configuration; where it is wrong, says why and ends the program.

    Warnings are printed here; as JSON they are part of the summary.
    """
    from services.catalogue.load import (  # noqa: PLC0415 - see the module docstring
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
        _print_problems(configuration.warnings, "warning", "yellow")
    return configuration


def _refuse(
    options: _Options, problems: tuple[Problem, ...], warnings: tuple[Problem, ...]
) -> NoReturn:
    if options.strict:
        problems, warnings = tuple(sorted((*problems, *warnings))), ()
    if options.output == "json":
        answer = {"ok": False, "problems": _as_json(problems), "warnings": _as_json(warnings)}
        click.echo(json.dumps(answer, indent=2))
    else:
        _print_problems(problems, "error", "red")
        _print_problems(warnings, "warning", "yellow")
    sys.exit(EXIT_CONFIGURATION)


def _summary(configuration: Configuration) -> dict[str, object]:
    catalogue = configuration.catalogue
    return {
        "ok": True,
        "images": len(catalogue.images),
        "files": dict(configuration.images_by_file),
        "regions": list(catalogue.regions()),
        "accounts": sorted({target.account_id for target in catalogue.targets}),
        "pairs": configuration.pairs,
        "warnings": _as_json(configuration.warnings),
    }


def _as_json(problems: Iterable[Problem]) -> list[dict[str, object]]:
    from dataclasses import asdict  # noqa: PLC0415 - see the module docstring

    return [asdict(problem) for problem in problems]


def _size(configuration: Configuration) -> str:
    catalogue = configuration.catalogue
    accounts = {target.account_id for target in catalogue.targets}
    return (
        f"{_count(len(catalogue.images), 'image')} in {_count(len(catalogue.regions()), 'region')} "
        f"of {_count(len(accounts), 'account')}: {_count(configuration.pairs, 'pair')} a round"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _print_summary(configuration: Configuration) -> None:
    from rich.console import Console  # noqa: PLC0415 - see the module docstring
    from rich.table import Table  # noqa: PLC0415 - see the module docstring

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("images", justify="right")
    for file, count in configuration.images_by_file.items():
        table.add_row(file, f"{count:,}")
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print(f"\n{_size(configuration)}.", soft_wrap=True)


def _print_problems(problems: Sequence[Problem], severity: str, style: str) -> None:
    if not problems:
        return
    from rich.console import Console  # noqa: PLC0415 - see the module docstring
    from rich.text import Text  # noqa: PLC0415 - see the module docstring

    console = Console(stderr=True)
    for problem in problems:
        # One line each, never wrapped: editors and terminals make `file:line` a link.
        line = Text.assemble((f"{severity}:", style), f" {problem}")
        console.print(line, soft_wrap=True)


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        _UnwritableError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise _UnwritableError(path, error) from error
