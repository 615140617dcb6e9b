"""The demo, end to end: what it shows, and that it notices when something is wrong."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from services.console.cli import main
from services.console.demo.story import Story
from services.console.embedded.faults import Fault
from services.console.embedded.server import EmbeddedAws


def _tell(aws: EmbeddedAws, folder: Path) -> tuple[bool, str, int]:
    pages: list[None] = []
    text = io.StringIO()
    story = Story(aws, folder, Console(file=text, width=100), lambda: pages.append(None))
    return story.run(), text.getvalue(), len(pages)


@pytest.mark.slow
def test_the_demo_exits_0_and_shows_every_step() -> None:
    """`ami-tracker demo` tells the story to its end and finds every event."""
    result = CliRunner().invoke(main, ["demo"])

    assert result.exit_code == 0, result.output
    for words in (
        "1/6", "6/6", "silent baseline", "access", "rollback", "redhat-8.6.0-hvm",
        '"image_name": "al2023"', "event_id", "Every event arrived once, and no other.",
    ):  # fmt: skip
        assert words in result.output


@pytest.mark.slow
def test_the_demo_notices_lost_events(tmp_path: Path) -> None:
    """Where one region's topic takes nothing, the reckoning says what is missing."""
    with EmbeddedAws() as aws:
        aws.add_fault(Fault(service="sns", region="us-west-2", code="AuthorizationError"))
        right, text, pages = _tell(aws, tmp_path)

    assert not right
    assert "What was received is not what had to be received." in text
    assert pages == 5
