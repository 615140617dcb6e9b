"""Why nothing was planned or deployed."""

from __future__ import annotations


class DeployError(Exception):
    """Nothing was changed; the text says why, and what to do."""


class UsageError(DeployError):
    """The command, the settings or the saved plan are not usable as they are."""


class TerraformFailedError(DeployError):
    """Terraform failed; the text is its own."""

    def __init__(self, command: str, said: str) -> None:
        super().__init__(f"terraform {command} failed:\n{said.strip()}")
