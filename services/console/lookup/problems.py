"""Why a lookup cannot begin, in one sentence without invisible characters."""

from __future__ import annotations

import click

from services.catalogue.problems import printable
from services.console.exit_codes import EXIT_CONFIGURATION, EXIT_WRONG

_LONGEST = 1000


class UsageProblem(click.ClickException):
    """Wrong usage or configuration."""

    exit_code = EXIT_CONFIGURATION

    def __init__(self, message: str) -> None:
        super().__init__(printable(message, _LONGEST))


class AwsProblem(click.ClickException):
    """AWS refuses the credentials, or does not respond."""

    exit_code = EXIT_WRONG

    def __init__(self, message: str) -> None:
        super().__init__(printable(message, _LONGEST))
