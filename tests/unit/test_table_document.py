"""docs/table.md describes every attribute of the recorded rows, and every fact."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.builders.lookup import a_pair, an_ami

from services.lookup.facts import described
from services.lookup.responses import FilterEvidence, Finding

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "table.md").read_text(encoding="utf-8")
ROWS = [
    json.loads(line)
    for line in (ROOT / "tests/integration/golden/rows.jsonl").read_text("utf-8").splitlines()
]
RARE = {
    "Image rows": set(),
    "Release rows": {"changed", "pending", "closed_at", "last_problem"},
    "Round rows": {"missed", "stale"},
    "The scheduler's note": set(),
}
"""Attributes that the recorded rows do not have."""
PREFIXES = {
    "Image rows": "image#",
    "Release rows": "release#",
    "Round rows": "round#",
    "The scheduler's note": "scheduler",
}


def attributes(heading: str) -> set[str]:
    """Return the attributes in the first table of a section."""
    section = DOCUMENT.split(f"## {heading}\n")[1].split("\n## ")[0]
    table = section.split("| fact ", maxsplit=1)[0]
    return {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in _names(row)
    }


def _names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


@pytest.mark.parametrize("heading", PREFIXES)
def test_every_attribute_of_a_row_is_described(heading: str) -> None:
    """The tables have the attributes of the recorded rows, and no others."""
    rows = [row for row in ROWS if row["record"]["S"].startswith(PREFIXES[heading])]
    recorded = {name for row in rows for name in row} - {"region", "record"}

    assert attributes(heading) == recorded | RARE[heading]


def test_every_fact_of_an_image_is_described() -> None:
    """The table has the facts that an image can have."""
    table = DOCUMENT.split("| fact ")[1].split("\n\n")[0]
    documented = {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in _names(row)
    }
    texts = (
        "OwnerId ImageOwnerAlias Architecture PlatformDetails BootMode ImdsSupport TpmSupport "
        "EnaSupport SourceImageId SourceImageRegion DeprecationTime"
    )
    details = {
        **dict.fromkeys(texts.split(), "x"),
        "RootDeviceName": "/dev/xvda",
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}],
        "ProductCodes": [{"ProductCodeId": "x"}],
    }
    image = an_ami(1, details=details)
    finding = Finding(image.observation(), FilterEvidence([image]))

    assert set(described(a_pair(), finding, None, None).facts) == documented
