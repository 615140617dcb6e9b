"""Terraform's messages, and an interrupt while it applies."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from infra.deploy.terraform import Message, Terraform, read_messages


def test_messages_are_read_with_their_place() -> None:
    """Other lines, JSON or not, are none."""
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


def test_an_interrupt_does_not_leave_terraform_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the same signal and writes its state: its end is waited for."""
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
