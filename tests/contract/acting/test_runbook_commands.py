"""The commands of the runbook and of the document run as written."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.aws.runbook import steps
from support.labs.acting_lab import Lab

from services.console.acting import dead_letters
from services.console.cli import main
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import SCHEDULE_DEAD_LETTERS, Hub

DOCUMENT = Path(__file__).parents[3] / "docs" / "replay.md"


@pytest.fixture
def lab(
    aws: EmbeddedAws,
    hub: Hub,
    person: None,  # noqa: ARG001 - the environment
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Lab]:
    """Return both dead-letter queues, with a message each."""
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0)
    sqs = aws.client("sqs", hub.region)
    schedule = sqs.get_queue_url(QueueName=SCHEDULE_DEAD_LETTERS)["QueueUrl"]
    for url in (hub.dead_letter_url, schedule):
        sqs.send_message(QueueUrl=url, MessageBody="{}")
    yield Lab(aws, hub, "redrive")
    sqs.delete_queue(QueueUrl=schedule)


def run(command: str) -> tuple[int, str]:
    """Run a command line; return its exit code and its output."""
    program, *arguments = shlex.split(command)
    assert program == "ami-tracker"
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


def test_the_runbook_of_dead_letters(lab: Lab) -> None:
    """The first command shows the messages, the second deletes them."""
    show, purge = steps("dead-letters")

    code, output = run(show)
    assert (code, "message is malformed" in output) == (1, True)
    assert run(purge)[0] == 0
    assert run(show)[0] == 0
    assert lab.operations().count("PurgeQueue") == 1


@pytest.mark.usefixtures("lab")
def test_the_runbook_of_the_schedules_dead_letters() -> None:
    """The command shows the messages of the other queue."""
    (show,) = steps("schedule-dead-letters")

    assert run(show)[0] == 1


@pytest.mark.usefixtures("lab")
def test_every_command_of_the_document_is_valid() -> None:
    """No command is refused as wrong usage, except for the missing terminal or release."""
    blocks = DOCUMENT.read_text(encoding="utf-8").split("```")[1::2]
    commands = [line for block in blocks for line in block.splitlines()[1:] if line]

    assert len(commands) == 5
    for command in commands:
        code, output = run(command)
        allowed = ("not a terminal", "no such release", "no event of", "messages")
        assert code in {0, 1} or any(text in output for text in allowed), output
