"""The commands of the documents about lookups are run as written, and their outputs compared."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.labs.lookup_lab import IRELAND, RED_HAT, VIRGINIA, Lab, image_id

from services.embedded.aws.server import HUB_ACCOUNT

ROOT = Path(__file__).parents[3]
LOOKUP = (ROOT / "docs" / "lookup.md").read_text(encoding="utf-8")
KERNEL = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
AL2023 = "al2023-ami-2023.12.202610{}.0-kernel-6.18-x86_64"
RHEL = {
    "RHEL-9.6.0_HVM-20260922": (9, 22),
    "RHEL-9.8.0_HVM-20260908": (9, 8),
    "RHEL-9.8.0_HVM_GA-20260512": (5, 12),
    "RHEL-9.9.0_HVM_BETA-20260930": (9, 30),
}


def section(document: str, title: str) -> str:
    """Return a section of a document."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def examples(text: str) -> Iterator[tuple[str, str]]:
    """Return each command of the section with the block that follows it, if it is its output."""
    blocks = re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    for number, (language, block) in enumerate(blocks):
        if language == "console" and "ami-tracker lookup" in block:
            after = blocks[number + 1] if number + 1 < len(blocks) else ("console", "")
            command = block.replace("\\\n", " ").strip().splitlines()[-1]
            yield command.split("lookup ", 1)[1], "" if after[0] else after[1]


@pytest.fixture
def shipped(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Publish the images of the documents, and change to the repository."""
    publishers = lab.aws.publishers
    for region, days in ((VIRGINIA, (5, 19)), (IRELAND, (5,))):
        for day in days:
            image = f"ami-04fd1c2b7ae93d5{day:02}"
            name, date = AL2023.format(f"{day:02}"), datetime(2026, 10, day, tzinfo=UTC)
            publishers.register_image(HUB_ACCOUNT, region, name, date, image_id=image)
            publishers.put_parameter(HUB_ACCOUNT, region, KERNEL, image)
    for number, (name, (month, day)) in enumerate(RHEL.items()):
        publishers.register_image(
            HUB_ACCOUNT,
            VIRGINIA,
            f"{name}-x86_64-0-Hourly2-GP3",
            datetime(2026, month, day, tzinfo=UTC),
            image_id=f"ami-0b8e57f32c61d94a{number}",
            owner_id=RED_HAT,
        )
    monkeypatch.chdir(ROOT)
    return lab


@pytest.mark.parametrize(
    ("document", "title", "count"),
    [("README.md", "Try a lookup", 2), ("INSTALL.md", "Try a lookup first", 1)],
)
def test_commands_give_the_documented_output(
    shipped: Lab, document: str, title: str, count: int
) -> None:
    """The output is that of the document, which may leave out the AWS CLI command at its end."""
    found = list(examples(section(document, title)))

    assert len(found) == count
    for command, expected in found:
        result = shipped.run(*shlex.split(command))
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith(expected.partition("  aws ")[0])
        assert expected or document == "INSTALL.md"


# --- the JSON


def documented(text: str) -> set[str]:
    """Return the keys in the first column of a table."""
    rows = re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}


def test_every_key_of_the_json_is_documented(lab: Lab) -> None:
    """The tables and the sentences below them have exactly the keys of the output."""
    text = LOOKUP.split("## JSON", 1)[1]
    whole, result = text.split("Each result:")
    tables, _, sentences = result.partition("\n`why.parameter`")
    parameter, filters = sentences.split("`why.filters`")
    args = ("--regions", VIRGINIA, "--known", image_id(1))

    found = lab.json("by-filter", *args)
    [by_filter] = found["results"]
    by_parameter = lab.one("by-parameter", *args)

    assert documented(whole) == found.keys()
    assert documented(tables) == by_filter.keys() == by_parameter.keys()
    for why, sentence in (
        (by_parameter["why"]["parameter"], parameter),
        (by_filter["why"]["filters"], filters),
    ):
        assert all(f"`{key}`" in sentence for key in why)
    for each in (*by_filter["why"]["filters"]["candidates"], by_filter["known"]):
        assert all(f"`{key}`" in result for key in each)
