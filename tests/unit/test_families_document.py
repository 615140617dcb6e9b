"""The examples, files and versions in docs/families.md are correct."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.shipped import FILES, OPTIONAL, ROOT, TRACKED

from services.catalogue.load import load, read_configuration

TEXT = (ROOT / "docs" / "families.md").read_text(encoding="utf-8")
EKS = (TRACKED / "eks.yaml").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
REGIONS = """\
AccountId: "111122223333"
regions:
  - Name: us-east-1
  - Name: us-east-1
    AccountId: "444455556666"
"""


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_load(text: str, tmp_path: Path) -> None:
    """Each example is a complete image file, without warnings."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "example.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "regions.yaml").write_text(REGIONS, encoding="utf-8")

    configuration = read_configuration(tmp_path / "images", tmp_path / "regions.yaml")

    assert configuration.catalogue.images
    assert configuration.warnings == ()


def test_golden_images_are_looked_up_in_one_account(tmp_path: Path) -> None:
    """With `Accounts` or an ARN, an image is looked up only in the targets that can see it."""
    example = next(text for text in EXAMPLES if "golden-shared" in text)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "golden.yaml").write_text(example, encoding="utf-8")
    (tmp_path / "regions.yaml").write_text(REGIONS, encoding="utf-8")

    catalogue = load(tmp_path / "images", tmp_path / "regions.yaml")

    seen = {
        target.account_id: {image.name for image in catalogue.images_in(target)}
        for target in catalogue.targets
    }
    assert seen["111122223333"] == {"golden-base-x86_64", "golden-web", "golden-shared"}
    assert seen["444455556666"] == {"golden-shared"}


def test_the_table_lists_every_file_with_its_number_of_entries() -> None:
    """A reader finds each file, active or optional."""
    row = re.compile(r"`([a-z0-9-]+\.yaml)` \| (\d+) \|")
    table = TEXT.partition("## Release keys")[0]
    listed = {
        folder.name: {(name, int(n)) for cells in rows for name, n in row.findall(cells)}
        for folder, rows in (
            (TRACKED, [_cells(line, 0, 4) for line in table.splitlines()]),
            (OPTIONAL, [_cells(line, 3, 6) for line in table.splitlines()]),
        )
    }

    for folder in (TRACKED, OPTIONAL):
        own = [path for path in FILES if path.parent == folder]
        counted = {
            (path.name, len(re.findall("^  - Name:", path.read_text(), re.MULTILINE)))
            for path in own
        }
        assert listed[folder.name] == counted


def _cells(line: str, first: int, last: int) -> str:
    """Return some cells of a row, with the bar after each."""
    return "|".join(line.split("|")[first:last]) + "|"


def test_kubernetes_versions_are_those_of_the_entries() -> None:
    """The table and the header of eks.yaml have the same versions and dates."""
    document = re.findall(r"^\| (1\.\d+) \| (\d+ \w+ \d+) \| (\d+ \w+ \d+) \|", TEXT, re.MULTILINE)
    header = re.findall(r"^# (1\.\d+) +(\d+ \w+ \d+) +(\d+ \w+ \d+)$", EKS, re.MULTILINE)
    entries = set(re.findall(r"al2023-eks-(1\.\d+)-", EKS))

    assert document == header
    assert {version for version, *_ in header} == entries
