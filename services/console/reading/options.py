"""The options of the commands that read the table of a deployment."""

from __future__ import annotations

from dataclasses import dataclass

from services.console.lookup.options import AwsOptions


@dataclass(frozen=True, slots=True)
class HubOptions:
    """Where the table is, whose credentials read it, and the form of the output."""

    aws: AwsOptions
    table: str
    output: str
