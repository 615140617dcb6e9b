"""`ami-tracker feed` on the embedded AWS."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.builders.feed import IRELAND, NAME, TOKYO, a_history, image_id, with_pair
from support.builders.scheduler import image_row
from support.labs.image_lab import Lab as ImageLab
from support.labs.image_lab import announced

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub
from services.history.observed import ImageInTarget
from services.kernel.keys import NOTE_KEY, image_record, release_record
from services.kernel.model import State

STORY = ("A:baseline:1", "B:release:2", "A:rollback:1", "C:release:3")
IN_IRELAND = f"111122223333/eu-west-1/{NAME}.json"
IN_TOKYO = f"111122223333/ap-northeast-1/{NAME}.json"


@dataclass
class Lab(ImageLab):
    """The command with a folder."""

    out: Path = Path("feed")

    def feed(self, *arguments: str, code: int = 0) -> list[str]:
        """Write the feed and return the lines on standard error."""
        result = self.run("--out", str(self.out), *arguments, code=code)
        assert result.stdout == ""
        return result.stderr.splitlines()

    def write_history(self, *images: ImageInTarget) -> None:
        """Write the rows of images."""
        rows: list[dict[str, object]] = []
        for seen in images:
            assert seen.pair is not None
            row = image_row(seen.pair)
            rows.append({key: value for key, value in row.items() if value is not None})
            rows += [announced(each.release) for each in seen.releases]
        self.write(*rows)

    def files(self) -> dict[str, str]:
        """Return the text of each file in the folder."""
        return {
            path.relative_to(self.out).as_posix(): path.read_text("utf-8")
            for path in self.out.rglob("*")
            if path.is_file()
        }

    def damage(self, record: str, region: str = IRELAND.region) -> None:
        """Replace a row by one that cannot be decoded."""
        self.write({"region": region, "record": record, "kind": "surprise"})


@pytest.fixture
def lab(aws: EmbeddedAws, hub: Hub, person: None, tmp_path: Path) -> Lab:  # noqa: ARG001 - the environment
    """Return the command on a table with an image in two regions."""
    found = Lab(aws, hub, "feed", tmp_path / "deep" / "feed")
    found.track(IRELAND, TOKYO)
    found.write_history(a_history(*STORY), a_history(*STORY[:2], target=TOKYO))
    return found


def test_the_files_are_written(lab: Lab) -> None:
    """One for each pair, the index and the Atom file; the folder is created."""
    assert lab.feed() == ["4 files, 4 changed, 0 removed"]

    found = lab.files()
    assert sorted(found) == [IN_TOKYO, IN_IRELAND, "index.json", "releases.atom"]
    assert [
        (each["version"], each["digest"]) for each in json.loads(found[IN_IRELAND])["releases"]
    ] == [("1", image_id("A")), ("3", image_id("C"))]


def test_unchanged_files_are_not_written(lab: Lab) -> None:
    """Their times stay, so a commit and a synchronization are small."""
    lab.feed()
    paths = [lab.out / name for name in lab.files()]
    for path in paths:
        os.utime(path, (1, 1))

    assert lab.feed() == ["4 files, 0 changed, 0 removed"]
    assert [path.stat().st_mtime for path in paths] == [1] * 4

    lab.write_history(a_history(*STORY, "D:release:4"))
    assert lab.feed() == ["4 files, 3 changed, 0 removed"]
    assert [path.name for path in paths if path.stat().st_mtime == 1] == [f"{NAME}.json"]


def test_the_file_of_a_removed_image_is_deleted(lab: Lab) -> None:
    """Only that one: other files in the folder stay, also at such a path."""
    lab.feed()
    mine = lab.out / "111122223333" / "ap-northeast-1" / "mine.json"
    for path in (mine, lab.out / "README.md", lab.out / "a" / "b" / "c.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"releases": []}')
    lab.write_history(with_pair(a_history(*STORY[:2], target=TOKYO), active=False))

    assert lab.feed() == ["3 files, 2 changed, 1 removed"]
    assert sorted(lab.files()) == sorted(
        [
            IN_IRELAND,
            IN_TOKYO.replace(NAME, "mine"),
            "README.md",
            "a/b/c.json",
            "index.json",
            "releases.atom",
        ]
    )


def test_empty_folders_are_deleted(lab: Lab) -> None:
    """Git has no empty folders either."""
    lab.feed()
    lab.write_history(with_pair(a_history(*STORY[:2], target=TOKYO), active=False))
    lab.feed()

    assert [path.name for path in (lab.out / "111122223333").iterdir()] == ["eu-west-1"]


@pytest.mark.parametrize("name", ["index.json", "releases.atom", IN_IRELAND])
@pytest.mark.parametrize("content", ["{}", "<html/>", ""])
def test_a_file_of_others_is_not_replaced(lab: Lab, name: str, content: str) -> None:
    """The message has its name, and nothing is written."""
    path = lab.out / name
    path.parent.mkdir(parents=True)
    path.write_text(content)

    [line] = [line for line in lab.feed(code=2) if line.startswith("Error: ")]
    assert f"{name} is not a file of a feed" in line
    assert lab.files() == {name: content}


def test_a_folder_at_the_path_of_a_file(lab: Lab) -> None:
    """It is not replaced either."""
    (lab.out / "index.json").mkdir(parents=True)

    assert "index.json is not a file of a feed" in " ".join(lab.feed(code=2))


def test_a_folder_that_cannot_be_written(lab: Lab) -> None:
    """The message has the path and the reason."""
    lab.out.mkdir(parents=True)
    (lab.out / "111122223333").write_text("")

    assert "cannot be written: " in " ".join(lab.feed(code=2))


@pytest.mark.parametrize("what", ["image row", "newest release"])
def test_a_damaged_row_changes_no_file_of_its_pair(lab: Lab, what: str) -> None:
    """It is said, the exit code is 1, and the pair's file and entry stay."""
    lab.feed()
    before = lab.files()
    account = IRELAND.account_id
    record = (
        image_record(account, NAME) if what == "image row" else release_record(account, NAME, 4)
    )
    lab.damage(record)

    *warnings, summary = lab.feed(code=1)
    after = lab.files()
    assert record in " ".join(warnings)
    assert summary.endswith(" 0 removed")
    assert after[IN_IRELAND] == before[IN_IRELAND]
    assert after[IN_TOKYO] == before[IN_TOKYO]
    entry = json.loads(after["index.json"])["images"][NAME][account]["eu-west-1"]
    assert (entry["state"], entry["image_id"]) == ("damaged", image_id("C"))


def test_a_damaged_older_release(lab: Lab) -> None:
    """The releases after it are written: it could have withdrawn those before."""
    lab.damage(release_record(IRELAND.account_id, NAME, 2))

    assert len(lab.feed(code=1)) == 2
    releases = json.loads(lab.files()[IN_IRELAND])["releases"]
    assert [each["version"] for each in releases] == ["1", "3"]


def test_the_number_of_releases(lab: Lab) -> None:
    """Fewer are read on request."""
    lab.feed("--releases", "1")

    releases = json.loads(lab.files()[IN_IRELAND])["releases"]
    assert [each["version"] for each in releases] == ["3"]


def test_a_failing_region_keeps_its_files(lab: Lab) -> None:
    """The state is in the index only."""
    lab.feed()
    before = lab.files()
    failing = with_pair(a_history(*STORY), state=State.ACCESS_DENIED)
    lab.write_history(failing)

    assert lab.feed() == ["4 files, 1 changed, 0 removed"]
    assert {name for name, text in lab.files().items() if text != before[name]} == {"index.json"}


def test_an_empty_table_changes_nothing(lab: Lab) -> None:
    """It is probably the wrong one."""
    lab.feed()
    before = lab.files()
    for target in (IRELAND, TOKYO):
        lab.write_history(with_pair(a_history(*STORY[:1], target=target), active=False))

    [line] = lab.feed(code=1)
    assert line.startswith("Error: no image is tracked in table ")
    assert lab.files() == before


def test_a_refused_read_changes_nothing(lab: Lab) -> None:
    """The table does not exist."""
    lab.feed()
    before = lab.files()
    lab.feed("--table", "no-such-table", code=2)

    assert lab.files() == before


def test_the_note_is_damaged(lab: Lab) -> None:
    """The regions of the deployment are unknown: nothing is written."""
    lab.feed()
    before = lab.files()
    lab.write({**NOTE_KEY, "regions": 5})
    lab.feed(code=1)

    assert lab.files() == before


def test_the_result_as_json(lab: Lab) -> None:
    """The paths of all files, of the changed and of the removed ones."""
    lab.feed()
    lab.write_history(with_pair(a_history(*STORY[:2], target=TOKYO), active=False))

    assert lab.json("--out", str(lab.out)) == {
        "schema": 1,
        "files": [IN_IRELAND, "index.json", "releases.atom"],
        "changed": ["index.json", "releases.atom"],
        "removed": [IN_TOKYO],
        "problems": [],
    }


def test_a_file_cannot_be_the_folder(lab: Lab) -> None:
    """Click refuses it."""
    lab.out.parent.mkdir()
    lab.out.write_text("mine")

    assert "is a file" in " ".join(lab.feed(code=2))
