"""`ami-tracker`: the command line.

Exit codes: 0 success, 1 a problem in AWS or in the demo, 2 wrong usage or configuration.
"""

from __future__ import annotations

import click

from services.console.commands.check import check
from services.console.commands.compile import compile_
from services.console.commands.coverage import coverage
from services.console.commands.demo import demo
from services.console.commands.feed import feed
from services.console.commands.history import history
from services.console.commands.lookup import lookup
from services.console.commands.pending import pending
from services.console.commands.redrive import redrive
from services.console.commands.replay import replay
from services.console.commands.report import report
from services.console.commands.rollout import rollout
from services.console.commands.schemas import schemas
from services.console.commands.status import status


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ami-tracker", prog_name="ami-tracker")
def main() -> None:
    """Watches Amazon Machine Images in many regions and accounts."""


for command in (
    check,
    compile_,
    coverage,
    demo,
    feed,
    history,
    lookup,
    pending,
    redrive,
    replay,
    report,
    rollout,
    schemas,
    status,
):
    main.add_command(command)
