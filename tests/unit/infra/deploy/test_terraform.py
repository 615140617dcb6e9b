"""Messages of Terraform, and an interrupt during an apply."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from infra.deploy.terraform import Message, Terraform, read_messages


def test_messages_are_read_with_file_and_line() -> None:
    """Diagnostics are read with file and line; other lines are ignored."""
    place = {"filename": "main.tf", "start": {"line": 7}}
    lines = [
        "Terraform crashed",
        json.dumps({"type": "version"}),
        json.dumps({"diagnostic": {"severity": "error", "summary": "No", "range": place}}),
        json.dumps({"diagnostic": {"severity": "warning", "summary": "Old", "detail": "a\n b"}}),
    ]

    found = list(read_messages("\n".join(lines)))

    assert found == [Message("error", "No", "", "main.tf:7"), Message("warning", "Old", "a\n b")]
    assert list(map(str, found)) == ["No (main.tf:7)", "Old: a b"]


def test_interrupt_waits_for_terraform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terraform gets the same signal and writes its state, so the command waits for its end."""
    ends: list[type[KeyboardInterrupt] | int] = [KeyboardInterrupt, KeyboardInterrupt, 1]

    class Process:
        def __init__(self, command: list[str], **_: object) -> None:
            self.command = command

        def wait(self) -> int:
            end = ends.pop(0)
            if isinstance(end, int):
                return end
            raise end

    monkeypatch.setattr(subprocess, "Popen", Process)

    assert Terraform(Path("root"), {}).apply("tfplan", color=True) == 1
    assert ends == []
