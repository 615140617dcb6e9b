"""The commands that change something, on the embedded AWS with the hub and the aggregator."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner, Result

from services.console.cli import main
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub

HOSTILE = ("\x1b", "\x07", "\r", "\x9b", "\u202e")
"""Characters that a terminal would act on."""


@dataclass
class Lab:
    """A command with the environment of a person who has credentials in the hub."""

    aws: EmbeddedAws
    hub: Hub
    command: str

    def run(self, *arguments: str, code: int = 0, answer: str = "") -> Result:
        """Run the command, check its exit code and that its output is harmless."""
        result = CliRunner().invoke(main, [self.command, *arguments], input=answer)
        assert isinstance(result.exception, SystemExit | None), repr(result.exception)
        assert result.exit_code == code, result.output
        assert [c for c in HOSTILE if c in result.output] == []
        return result

    def on_a_terminal(self, *arguments: str, code: int = 0) -> Result:
        """Run the command as on a terminal of 80 columns without colours."""
        env = {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "80", "TERM": "dumb"}
        result = CliRunner(env=env).invoke(main, [self.command, *arguments])
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Return the command's JSON."""
        result = self.run(*arguments, "--output", "json", code=code)
        found: dict[str, Any] = json.loads(result.stdout)
        assert found["schema"] == 1
        return found

    def operations(self) -> list[str]:
        """Return the operations of the recorded calls, without the check of the credentials."""
        calls = [call.operation for call in self.aws.calls()]
        return [operation for operation in calls if operation != "GetCallerIdentity"]
