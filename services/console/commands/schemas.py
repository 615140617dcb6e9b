"""`ami-tracker schemas`."""

from __future__ import annotations

from pathlib import Path

import click

from services.console.files import replace_file

_EXAMPLES = """\b
Examples:
  ami-tracker schemas --out schemas
"""


@click.command(hidden=True, epilog=_EXAMPLES)
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
    from services.catalogue import schema  # noqa: PLC0415 - see services.console.commands

    out.mkdir(parents=True, exist_ok=True)
    for name, text in schema.schemas().items():
        replace_file(out / name, text)
