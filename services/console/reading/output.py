"""What the commands that read the table print: results, warnings, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import click

from services.catalogue.problems import printable
from services.console.acting.writers import writer

_LONGEST = 1000


def print_json(answer: Mapping[str, object]) -> None:
    """Print one JSON document, in ASCII."""
    click.echo(json.dumps(answer, indent=2))


def print_warnings(sentences: Iterable[str]) -> None:
    """Print sentences about rows that cannot be decoded, on standard error."""
    to = writer(err=True)
    for sentence in sentences:
        to.sentence(printable(f"warning: {sentence}", _LONGEST), style="yellow")
