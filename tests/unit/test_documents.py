"""The README's examples load, and its commands, settings and figures are correct."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.aggregator.announce import announcement
from services.catalogue.load import load
from services.console.cli import main
from services.kernel.model import About, Kind, Observation, Release, Target

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

REGIONS = """\
AccountId: "111122223333"
regions:
  - Name: us-east-1
"""


def _blocks(language: str) -> list[str]:
    return [text for found, text in _BLOCK.findall(README.read_text()) if found == language]


def _announced() -> Release:
    return Release(
        target=Target("111122223333", "us-east-1"),
        image_name="al2023-eks-1.33",
        version=2,
        kind=Kind.RELEASE,
        observed=Observation("ami-0123456789abcdef0", "amazon-eks-node-al2023"),
        previous_image_id="ami-0123456789abcdef1",
        detected_at=datetime.fromisoformat("2026-11-22T07:00:03.120Z"),
        round="2026-11-22T07:00:00Z",
        lookup_digest="0123456789abcdef",
        about=About(release="20261120"),
    )


@pytest.mark.parametrize("text", [b for b in _blocks("yaml") if b.startswith("images:")])
def test_images_in_the_readme_load(text: str, tmp_path: Path) -> None:
    """Every image file in the README is valid."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "readme.yaml").write_text(text)
    (tmp_path / "regions.yaml").write_text(REGIONS)

    assert len(load(tmp_path / "images", tmp_path / "regions.yaml").images) == 1


def test_regions_in_the_readme_load(tmp_path: Path) -> None:
    """The regions file in the README is valid."""
    image, regions = _blocks("yaml")[0], _blocks("yaml")[-1]
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "readme.yaml").write_text(image)
    (tmp_path / "regions.yaml").write_text(regions)

    catalogue = load(tmp_path / "images", tmp_path / "regions.yaml")

    assert set(catalogue.targets) == {
        Target("111122223333", "us-east-1"),
        Target("222233334444", "eu-west-1"),
    }


def test_the_event_in_the_readme_is_the_real_one() -> None:
    """The body in the README is the announcement of such a release, byte for byte."""
    assert announcement(_announced()).body == _blocks("json")[0].strip()


def test_the_readme_lists_every_attribute() -> None:
    """The table has the attributes of an announcement, with their types."""
    rows = re.findall(r"^\| `(\w+)` \| (String|Number) \|", README.read_text(), re.MULTILINE)
    sent = announcement(_announced()).attributes

    assert {
        name: "Number" if isinstance(value, int) else "String" for name, value in sent.items()
    } == dict(rows)


def test_the_readme_explains_every_kind() -> None:
    """The table has a row for each kind."""
    explained = re.findall(r"^\| `(\w+)` \| .* \| (?:yes|no) \|$", README.read_text(), re.MULTILINE)

    assert set(explained) == set(Kind)


def test_the_filter_policy_in_the_readme_is_json() -> None:
    """The filter policy can be copied unchanged."""
    policy = re.search(r"`(\{\"image_name\": .*\})`", README.read_text())

    assert policy is not None
    assert list(json.loads(policy[1])) == ["image_name"]


def test_commands_in_the_readme_exist() -> None:
    """Every `ami-tracker` command in the README exists."""
    named = set(re.findall(r"ami-tracker ([a-z]+)", README.read_text()))

    assert named
    for name in named:
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


def test_an_empty_list_announces_nothing(tmp_path: Path) -> None:
    """`Announce: []`, as in the README's table, is accepted and leaves no kind to announce."""
    (tmp_path / "images").mkdir()
    quiet = "images:\n  - {Name: a, ParameterPath: /aws/service/a, Announce: []}\n"
    (tmp_path / "images" / "quiet.yaml").write_text(quiet)
    (tmp_path / "regions.yaml").write_text(REGIONS)

    (image,) = load(tmp_path / "images", tmp_path / "regions.yaml").images

    assert image.announce == frozenset()
    assert re.search(r"^\| `Announce` \| .*`\[\]`", README.read_text(), re.MULTILINE)


def test_the_figures_of_listing_accounts_are_correct() -> None:
    """Entries are accounts times regions; pairs and events are entries times images."""
    text = README.read_text()
    images, regions = map(
        int, re.findall(r"^With (\d+) images in (\d+) regions", text, re.MULTILINE)[0]
    )
    rows = re.findall(r"^\| (\d+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", text, re.MULTILINE)

    assert [row[0] for row in rows] == ["1", "200"]
    for accounts, *figures in rows:
        entries = int(accounts) * regions
        assert [int(f.replace(",", "")) for f in figures] == [entries, entries * images, entries]


def test_settings_in_the_readme_are_variables_of_terraform() -> None:
    """Terraform or make sets each setting in the README, so a deployment keeps it."""
    text = README.read_text()
    variables = (ROOT / "infra" / "terraform" / "variables.tf").read_text()
    assigned = set(re.findall(r"`([a-z_]+) = ", text))

    assert "max_removed_percent" in assigned
    assert [name for name in assigned if f'variable "{name}"' not in variables] == []
    make_variables = {"PACKAGE_OPTIONS"}
    assert set(re.findall(r"[A-Z]+(?:_[A-Z]+)+(?==)", text)) <= make_variables
