"""What `ami-tracker rollout` does, after click has read its options."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import click

from services.console.acting.writers import accept_every_character, writer
from services.console.exit_codes import EXIT_WRONG
from services.console.reading.image import ImageReading, Limits, check_names
from services.console.reading.options import HubOptions
from services.console.render.rollout import as_json, print_rollouts
from services.console.render.status_text import print_unreadable
from services.history.rollouts import Outcome, Rollouts, rollouts
from services.kernel.clock import now

_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """Everything that the command was called with."""

    hub: HubOptions
    name: str
    last: int
    lag_hours: float


def run(options: RolloutOptions) -> int:
    """Read, print the roll-outs, and return the exit code."""
    accept_every_character()
    check_names({"NAME": options.name})
    # A rollback and a second release of the same image are rows of the same roll-out.
    limit = 2 * options.last + 1
    image = ImageReading(options.hub).image(options.name, Limits(limit, limit))
    found = rollouts(image, options.last)
    moment = now()
    late = lags(found, moment, options.lag_hours)
    problems = [problem for seen in image for problem in seen.problems]
    if options.hub.output == "json":
        hours = options.lag_hours
        click.echo(
            json.dumps(
                as_json(options.name, found, problems, moment, lag_hours=hours, lagging=late),
                indent=2,
            )
        )
    else:
        print_rollouts(writer(), options.name, image, found, moment)
    print_unreadable(writer(err=True), problems)
    if late:
        writer(err=True).sentence(
            f"the newest roll-out has been missing in a region for more than "
            f"{options.lag_hours:g} hours (--lag-hours)"
        )
    return EXIT_WRONG if late or problems else 0


def lags(found: Rollouts, moment: datetime, hours: float) -> bool:
    """Whether targets lack the newest roll-out for longer than the limit."""
    newest = next((each for each in found.found if each.outcome is not Outcome.NOT_JOINED), None)
    seconds = newest.lag(moment) if newest else None
    return seconds is not None and seconds > hours * _SECONDS_PER_HOUR
