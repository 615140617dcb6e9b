"""Asks before something is changed."""

from __future__ import annotations

import sys

import click

from services.catalogue.problems import printable
from services.console.lookup.problems import UsageProblem

_LONGEST = 500


def confirmed(question: str, *, yes: bool) -> bool:
    """Whether the user agrees; with `yes`, without a question.

    Raises:
        UsageProblem: there is no terminal to ask on.
    """
    if yes:
        return True
    if not is_terminal():
        message = "standard input is not a terminal, so no question can be asked; use --yes"
        raise UsageProblem(message)
    return click.confirm(printable(question, _LONGEST), err=True)


def is_terminal() -> bool:
    """Whether standard input is a terminal."""
    return sys.stdin.isatty()
