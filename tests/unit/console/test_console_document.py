"""The page about the commands has every option, and the values of the JSON output."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest

from services.console.cli import main
from services.history.conditions import Condition, Urgency
from services.history.coverage import Access
from services.history.pending import Waiting
from services.history.releases import Announcement
from services.history.rollouts import Outcome, Standing

DOCUMENT = (Path(__file__).parents[3] / "docs" / "console.md").read_text(encoding="utf-8")
COMMON = ("--profile", "--region", "--endpoint-url", "--table", "--output")


def section(title: str) -> str:
    """Return a section of the document."""
    return DOCUMENT.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    ("title", "values"),
    [
        ("status", Condition),
        ("status", Urgency),
        ("coverage", Access),
        ("rollout", Outcome),
        ("rollout", Standing),
        ("history", Announcement),
        ("pending", Waiting),
    ],
)
def test_every_value_is_explained(title: str, values: type[StrEnum]) -> None:
    """The section of the command names each value."""
    assert [each for each in values if f"`{each}`" not in section(title)] == []


@pytest.mark.parametrize("name", ["status", "coverage", "rollout", "history", "pending"])
def test_every_option_is_described(name: str) -> None:
    """The section has the options of the command, and the common ones are at the top."""
    options = [each.opts[0] for each in main.commands[name].params if each.opts[0].startswith("--")]
    own = [option for option in options if option not in COMMON]

    assert [option for option in own if f"`{option}" not in section(name)] == []
    assert [option for option in COMMON if f"`{option} " not in section("Common options")] == []
