"""`demo --keep`: the examples of every help and the documented outputs, run as written."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.console.cli import main

ROOT = Path(__file__).parents[2]
PATH = ROOT / "docs" / "console.md"
CONSOLE = PATH.read_text(encoding="utf-8")
REPLAY = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
_PROGRAM = "from services.console.cli import main; main(prog_name='ami-tracker')"
_WRITE = "WRITE_CONSOLE_DOCUMENT" in os.environ
_READY_SECONDS = 240
_COMMAND_SECONDS = 100
_EXITS = {"status": 1, "status --matrix": 1, "coverage": 1, "coverage --output json": 1}
"""The commands of which the exit code is not 0, since something is wrong in the deployment."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(_READY_SECONDS + 60)]


@dataclass(frozen=True, slots=True)
class Kept:
    """A running `demo --keep`: what it printed, and a shell that it prepares."""

    process: subprocess.Popen[str]
    printed: str
    environment: dict[str, str]
    temporary: Path

    @property
    def lines(self) -> list[str]:
        """Return the command lines that it printed."""
        guide = self.printed[self.printed.index("Try the commands") :]
        return [line.removeprefix("  ") for line in guide.splitlines() if line.startswith("  ")]

    @property
    def set_up(self) -> list[str]:
        """Return the lines that prepare a shell."""
        lines = self.lines
        (folder,) = (number for number, line in enumerate(lines) if line.startswith("cd "))
        return lines[: folder + 1]

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command line as written; a question is answered with yes."""
        terminal, answers = pty.openpty()
        try:
            os.write(terminal, b"y\n")
            return subprocess.run(
                ["bash", "-c", "\n".join(["set -e", *self.set_up, command])],  # noqa: S607 - the user's own shell
                env=self.environment,
                stdin=answers,
                capture_output=True,
                text=True,
                timeout=_COMMAND_SECONDS,
                check=False,
            )
        finally:
            os.close(terminal)
            os.close(answers)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """Start `demo --keep` and wait until it prints how to use the commands."""
    temporary, programs = tmp_path_factory.mktemp("tmp"), tmp_path_factory.mktemp("bin")
    program = programs / "ami-tracker"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{_PROGRAM}" "$@"\n')
    program.chmod(0o755)
    environment = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(temporary),
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "NO_COLOR": "1",
    }
    process = subprocess.Popen(
        [str(program), "demo", "--keep"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        limit = threading.Timer(_READY_SECONDS, process.kill)
        limit.start()
        assert process.stdout is not None
        printed = ""
        while "or with Ctrl-C." not in printed and (line := process.stdout.readline()):
            printed += line
        limit.cancel()
        try:
            assert process.poll() is None, printed
            yield Kept(process, printed, environment, temporary)
        finally:
            process.kill()


# --- the document


_MASKS = (
    (r"ami-[0-9a-f]{17}", "AMI"),
    (r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME"),
    (r"\((less than a minute|\d+ minutes?) ago\)", "(DURATION)"),
    (r"\d+ (min|s)\b( \d+ s\b)?", "DURATION"),
    (r" took .*?(?= missing )", " took TIMES"),
)


_WAITING = r"\x1b\[\?25l.*?\x1b\[\?25h\s*\x1b\[1A\x1b\[2K"
_STYLE = r"\x1b\[[0-9;]*m"


def plain(text: str) -> str:
    """Return an output without styles and progress."""
    shown = re.sub(_STYLE, "", re.sub(_WAITING, "", text, flags=re.DOTALL))
    return "".join(f"{line.rstrip()}\n" for line in shown.splitlines())


def masked(text: str) -> str:
    """Return the words of an output, without ids, times and durations."""
    words = " ".join(text.split())
    for pattern, name in _MASKS:
        words = re.sub(pattern, name, words)
    return words


def documented() -> list[tuple[str, str]]:
    """Return each command of the document with its output."""
    blocks = re.findall(r"^```console\n(.*?)^```$", CONSOLE, re.MULTILINE | re.DOTALL)
    parts = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts if part]


def test_the_outputs_of_the_document_are_the_real_ones(kept: Kept) -> None:
    """Each output in docs/console.md is that of its command, but for ids, times and durations.

    With WRITE_CONSOLE_DOCUMENT in the environment, the outputs are written to the document.
    """
    shown, document = documented(), CONSOLE

    assert {shlex.split(command)[1] for command, _ in shown} == {
        "status", "coverage", "history", "rollout", "pending", "replay", "redrive", "lookup",
    }  # fmt: skip
    for command, output in shown:
        done = kept.run(f"export FORCE_COLOR=1 COLUMNS=80\n{command} 2>&1")
        real = plain(done.stdout)
        document = document.replace(f"$ {command}\n{output}", f"$ {command}\n{real}")
        assert _WRITE or masked(real) == masked(output), command
    if _WRITE:
        PATH.write_text(document, encoding="utf-8")


def keys(document: object) -> set[str]:
    """Return every key of a JSON document, except those of `counts`, which are values of states."""
    if isinstance(document, list):
        return set().union(*map(keys, document))
    if not isinstance(document, dict):
        return set()
    nested = (keys(value) for name, value in document.items() if name != "counts")
    return set(document).union(*nested)


@pytest.mark.parametrize(
    "command",
    [
        "status --matrix",
        "coverage",
        "history al2023-x86_64",
        "rollout al2023-x86_64",
        "pending",
    ],
)
def test_the_document_has_every_key_of_the_json(kept: Kept, command: str) -> None:
    """The tables of a command's section have the keys that its JSON output has."""
    answer = json.loads(kept.run(f"ami-tracker {command} --output json").stdout)
    section = CONSOLE.split(f"\n## {command.split(maxsplit=1)[0]}\n")[1].split("\n## ")[0]
    tables = re.findall(r"^\| key \|.*\n\|---.*\n((?:\|.*\n)+)", section, re.MULTILINE)
    rows = re.findall(r"^\| ([^|]*) \|", "".join(tables), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert answer["schema"] == 1
    assert named == keys(answer)


@pytest.mark.parametrize(
    "command",
    ["replay al2023-x86_64 --target-region sa-east-1 --last --yes", "redrive"],
)
def test_the_document_of_replays_has_every_key_of_the_json(kept: Kept, command: str) -> None:
    """docs/replay.md names the keys that the JSON output has."""
    answer = json.loads(kept.run(f"ami-tracker {command} --output json").stdout)

    assert answer["schema"] == 1
    assert keys(answer) - set(re.findall(r"`(\w+)`", REPLAY)) == set()


# --- the commands


def help_examples(command: str) -> list[str]:
    """Return the command lines at the end of a command's help."""
    text = CliRunner().invoke(main, [command, "--help"]).output
    examples = text.partition("Examples:\n")[2].replace("\\\n", "")
    return [line.strip() for line in examples.splitlines() if line.strip()]


def test_every_help_ends_with_examples() -> None:
    """Each command has at least one example, and nothing follows it."""
    for name in main.commands:
        examples = help_examples(name)
        assert examples, name
        assert [each for each in examples if not each.startswith(f"ami-tracker {name}")] == []


@pytest.mark.parametrize("name", sorted(set(main.commands) - {"demo"}))
def test_the_examples_of_the_help_run_as_written(kept: Kept, name: str) -> None:
    """Each example of a help runs in the prepared shell, and ends with the expected code."""
    for example in help_examples(name):
        done = kept.run(example)
        expected = _EXITS.get(example.removeprefix("ami-tracker "), 0)
        assert done.returncode == expected, f"{example}\n{done.stdout}\n{done.stderr}"


def test_the_printed_commands_run_as_written(kept: Kept) -> None:
    """Each command that is printed runs; only the refused replay and what is wrong exit with 1."""
    commands = [line for line in kept.lines if line.startswith("ami-tracker ")]
    kept.run("ami-tracker redrive --purge --yes")

    assert {command.split()[1] for command in commands} == {
        "status", "coverage", "rollout", "history", "pending", "report", "feed", "replay",
        "redrive", "lookup",
    }  # fmt: skip
    for command in commands:
        expected = _EXITS.get(command.removeprefix("ami-tracker "), int("sa-east-1" in command))
        done = kept.run(command)
        assert done.returncode == expected, f"{command}\n{done.stdout}\n{done.stderr}"


def test_a_repaired_topic_gets_the_pending_event(kept: Kept) -> None:
    """After the topic exists again, the event is published by the replay or by a sweep."""
    kept.run("ami-tracker redrive --purge --yes")
    repaired = kept.run(
        f'{sys.executable} -c "import boto3; '
        "boto3.client('sns', 'sa-east-1').create_topic(Name='ami-tracker-releases')\""
    )
    assert repaired.returncode == 0, repaired.stderr

    done = kept.run("ami-tracker replay al2023-x86_64 --target-region sa-east-1 --last --yes")

    assert done.returncode == 0, done.stderr
    assert "nothing is pending" in kept.run("ami-tracker pending").stdout


# --- its end


def test_it_listens_on_the_loopback_interface_only(kept: Kept) -> None:
    """The port is open on 127.0.0.1 and on no other address."""
    (port,) = re.findall(r"AWS_ENDPOINT_URL=http://127\.0\.0\.1:(\d+)", kept.printed)

    with socket.create_connection(("127.0.0.1", int(port)), timeout=5):
        pass
    listening = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    addresses = {
        line.split()[1] for line in listening if line.split()[1].endswith(f":{int(port):04X}")
    }
    assert "00000000" not in {address.partition(":")[0] for address in addresses}


def test_a_signal_ends_it_without_files(kept: Kept) -> None:
    """SIGTERM ends it with exit code 0, and its folder is removed."""
    assert [path.name for path in kept.temporary.glob("ami-tracker-demo-*")]

    kept.process.send_signal(signal.SIGTERM)

    assert kept.process.wait(timeout=30) == 0
    assert list(kept.temporary.iterdir()) == []
