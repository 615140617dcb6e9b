"""The examples of docs/feed.md are what the feed has, and its commands do what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.builders.feed_example import example

from services.kernel.model import State

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "feed.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```\n", DOCUMENT, re.DOTALL))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the feed of the examples in `feed`."""
    for path, text in example().items():
        file = tmp_path / "feed" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.mark.parametrize("path", [each for each in example() if "ap-northeast" not in each])
def test_the_files_are_the_real_ones(path: str) -> None:
    """The document has each file of the example, byte for byte."""
    assert BLOCKS[path] == example()[path]


def test_the_commands_print_what_they_say(folder: Path) -> None:
    """The commands for jq are run, and their output is compared."""
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    parts = re.split(r"^\$ ", BLOCKS["run"], flags=re.MULTILINE)[1:]
    assert len(parts) == 2
    for part in parts:
        command, expected = part.split("feed/index.json\n")
        run = ["bash", "-c", f"{command}feed/index.json"]
        found = subprocess.run(run, cwd=folder, check=True, capture_output=True, text=True)
        assert found.stdout == expected


@pytest.mark.parametrize("state", ["ok", "withdrawn"])
def test_terraform_reads_the_index(folder: Path, state: str) -> None:
    """The output is the id of the image, or the message of the precondition."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not installed")
    index = folder / "feed" / "index.json"
    index.write_text(index.read_text().replace('"state": "ok"', f'"state": "{state}"'))
    (folder / "image.tf").write_text(BLOCKS["image.tf"])
    apply = [terraform, "apply", "-auto-approve", "-input=false", "-no-color"]
    done = subprocess.run(apply, cwd=folder, check=False, capture_output=True, text=True)

    assert (done.returncode == 0) == (state == "ok"), done.stderr
    if state == "ok":
        assert 'node_image_id = "ami-0aaaaaaaaaaaaaaa4"' in done.stdout
    else:
        assert "The image of the nodes can no longer be launched." in done.stderr


def test_the_keys_of_a_release_are_described() -> None:
    """The table has each key that a release can have, those that the example lacks included."""
    section = DOCUMENT.split("## The file of an image\n")[1].split("### Versions")[0]
    described = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    path = "111122223333/eu-west-1/al2023-eks-1.34-x86_64.json"
    used = {key for each in json.loads(example()[path])["releases"] for key in each}

    assert described == used | {"isDeprecated", "release_version"}


def test_the_states_are_described() -> None:
    """Failures are described in another document."""
    named = set(re.findall(r"`(\w+)`", DOCUMENT.split("`state` is ")[1].split(" Check it")[0]))

    assert named - set(State) == {"withdrawn", "damaged", "never_looked_up"}
