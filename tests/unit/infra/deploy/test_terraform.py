"""Messages of Terraform, and an interrupt during an apply."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.deploy.errors import TerraformFailedError
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


SLOW = """\
import os, signal, sys, time
def stop(*_):
    time.sleep(0.5)
    open("released", "w").close()
    sys.exit(1)
signal.signal(signal.SIGINT, stop)
os.kill(os.getppid(), signal.SIGINT)
os.kill(os.getpid(), signal.SIGINT)
"""


def program(folder: Path, text: str) -> dict[str, str]:
    """The environment in which `terraform` is a Python program with this text."""
    path = folder / "terraform"
    path.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    path.chmod(0o700)
    return {"PATH": str(folder)}


def test_interrupted_plan_releases_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Terraform releases the lock of the state before the command ends."""
    monkeypatch.chdir(tmp_path)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            Terraform(tmp_path, program(tmp_path, SLOW)).plan("tfplan", {})
    finally:
        signal.signal(signal.SIGINT, before)

    assert (tmp_path / "released").exists()


def test_end_without_output_has_the_exit_code(tmp_path: Path) -> None:
    """For example, the system ends Terraform if there is not enough memory."""
    environ = program(tmp_path, "import os\nos.kill(os.getpid(), 9)\n")

    with pytest.raises(TerraformFailedError, match="plan failed:\nno output, exit code -9"):
        Terraform(tmp_path, environ).plan("tfplan", {})


def test_detailed_exit_code_is_not_a_failure(tmp_path: Path) -> None:
    """With -detailed-exitcode in TF_CLI_ARGS_plan, Terraform ends with 2 if there are changes."""
    environ = program(tmp_path, "raise SystemExit(2)\n")

    assert Terraform(tmp_path, environ).plan("tfplan", {}) == []


UPDATE = {
    "address": "sqs.a",
    "mode": "managed",
    "type": "sqs",
    "name": "a",
    "change": {"actions": ["update"], "before": {"x": 1}, "after": {"x": 2}},
}


def test_summary_is_printed_in_every_encoding(tmp_path: Path) -> None:
    """A pipeline without UTF-8 gets an escaped arrow, not a traceback after the plan is saved."""
    document = json.dumps({"resource_changes": [UPDATE]})
    text = f"import sys\nif '-json' in sys.argv and 'show' in sys.argv: print({document!r})\n"
    environ = program(tmp_path, text)
    (tmp_path / "main.tf").touch()

    done = subprocess.run(
        [sys.executable, "-m", "infra.deploy", "plan", "--root", str(tmp_path)],
        cwd=Path(__file__).parents[4],
        env={**environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "x: 1 \\u2192 2" in done.stdout
