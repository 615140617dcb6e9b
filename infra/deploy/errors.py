"""Errors of planning and deploying."""

from __future__ import annotations


class DeployError(Exception):
    """Nothing was changed; the text contains the reason and what to do."""


class UsageError(DeployError):
    """The command, the settings or the saved plan are invalid."""


class TerraformFailedError(DeployError):
    """Terraform failed; the text is Terraform's output."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"terraform {command} failed:\n{output.strip()}")
