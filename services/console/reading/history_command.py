"""What `ami-tracker history` does, after click has read its options."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import click

from services.console.acting.writers import accept_every_character, writer
from services.console.exit_codes import EXIT_WRONG
from services.console.reading.image import ImageReading, Limits, Where, check_names
from services.console.reading.options import HubOptions
from services.console.render.history import as_json, print_histories
from services.console.render.status_text import print_unreadable
from services.history.observed import ImageInTarget
from services.history.releases import history
from services.kernel.clock import now

_FEW = 3
_ALL = 50


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """Everything that the command was called with; `limit` is None for the default."""

    hub: HubOptions
    name: str
    regions: tuple[str, ...]
    account: str | None
    limit: int | None


def run(options: HistoryOptions) -> int:
    """Read, print the releases, and return the exit code."""
    accept_every_character()
    check_names({"NAME": options.name, "--account": options.account})
    for region in options.regions:
        check_names({"--regions": region})
    several = _ALL if options.regions else _FEW
    limits = Limits(options.limit or _ALL, options.limit or several)
    where = Where(options.regions, options.account)
    seen = ImageReading(options.hub).image(options.name, limits, where)
    moment = now()
    found = [history(each, moment) for each in seen]
    problems = [problem for each in seen for problem in each.problems]
    if options.hub.output == "json":
        click.echo(json.dumps(as_json(options.name, found, problems, moment), indent=2))
    else:
        details = bool(options.regions) or len(found) == 1
        print_histories(writer(), options.name, found, details=details)
    print_unreadable(writer(err=True), problems)
    _print_missing(options, seen)
    return EXIT_WRONG if problems else 0


def _print_missing(options: HistoryOptions, seen: Sequence[ImageInTarget]) -> None:
    missing = sorted(set(options.regions) - {each.target.region for each in seen})
    if missing:
        sentence = f"note: {options.name} was never tracked in {', '.join(missing)}"
        writer(err=True).sentence(sentence)
