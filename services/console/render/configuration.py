"""The configuration and its problems as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.catalogue.load import Configuration
    from services.catalogue.problems import Problem


def summary(configuration: Configuration) -> dict[str, object]:
    """The configuration as the commands' JSON."""
    catalogue = configuration.catalogue
    return {
        "ok": True,
        "images": len(catalogue.images),
        "files": dict(configuration.images_by_file),
        "regions": list(catalogue.regions()),
        "accounts": sorted({target.account_id for target in catalogue.targets}),
        "pairs": configuration.pairs,
        "warnings": as_json(configuration.warnings),
    }


def as_json(problems: Iterable[Problem]) -> list[dict[str, object]]:
    """Problems as JSON."""
    from dataclasses import asdict  # noqa: PLC0415 - see services.console.commands

    return [asdict(problem) for problem in problems]


def size(configuration: Configuration) -> str:
    """The number of images, regions, accounts and pairs, in one sentence."""
    catalogue = configuration.catalogue
    accounts = {target.account_id for target in catalogue.targets}
    return (
        f"{_count(len(catalogue.images), 'image')} in {_count(len(catalogue.regions()), 'region')} "
        f"of {_count(len(accounts), 'account')}: {_count(configuration.pairs, 'pair')} a round"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def print_summary(configuration: Configuration) -> None:
    """Print the number of images in each file, and the totals."""
    from rich.console import Console  # noqa: PLC0415 - see services.console.commands
    from rich.table import Table  # noqa: PLC0415 - see services.console.commands

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("images", justify="right")
    for file, count in configuration.images_by_file.items():
        table.add_row(file, f"{count:,}")
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print(f"\n{size(configuration)}.", soft_wrap=True)


def print_problems(problems: Sequence[Problem], severity: str, style: str) -> None:
    """Print problems on standard error, one per line."""
    if not problems:
        return
    from rich.console import Console  # noqa: PLC0415 - see services.console.commands
    from rich.text import Text  # noqa: PLC0415 - see services.console.commands

    console = Console(stderr=True)
    for problem in problems:
        # Each on one line without wrapping: editors and terminals make `file:line` a link.
        line = Text.assemble((f"{severity}:", style), f" {problem}")
        console.print(line, soft_wrap=True)
