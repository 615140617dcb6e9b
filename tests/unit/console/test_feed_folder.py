"""The folder of the feed: the order of writing, and files of others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.builders.feed import NAME, TOKYO, a_history, an_overview

from services.console import feed_folder
from services.console.feed_folder import FeedFolder
from services.console.files import UnwritableError, replace_file
from services.console.lookup.problems import UsageProblem
from services.feed.files import feed

IN_IRELAND = f"111122223333/eu-west-1/{NAME}.json"
IN_TOKYO = f"111122223333/ap-northeast-1/{NAME}.json"
FILES = feed(an_overview(a_history("A:baseline:1"), a_history("A:baseline:1", target=TOKYO)))


@pytest.fixture
def folder(tmp_path: Path) -> FeedFolder:
    """Return a folder with a feed."""
    found = FeedFolder(tmp_path)
    found.write(FILES)
    return found


def test_the_files_at_the_root_come_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an interruption no index refers to a file that does not exist yet."""
    written = []

    def record(path: Path, text: str) -> None:
        written.append(path.relative_to(tmp_path).as_posix())
        replace_file(path, text)

    monkeypatch.setattr(feed_folder, "replace_file", record)
    FeedFolder(tmp_path).write(FILES)

    assert written == [IN_TOKYO, IN_IRELAND, "index.json", "releases.atom"]


def test_a_copy_of_a_file_is_not_deleted(folder: FeedFolder) -> None:
    """It names another image than its path."""
    copy = IN_IRELAND.replace(NAME, "copy")
    shutil.copy(folder.path / IN_IRELAND, folder.path / copy)

    assert folder.remove([copy, IN_TOKYO]) == (IN_TOKYO,)
    assert (folder.path / copy).exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, "\x00", '{"releases": []}'])
def test_a_file_of_others_is_not_deleted(folder: FeedFolder, text: str) -> None:
    """Its path alone does not make it a file of the feed."""
    (folder.path / IN_IRELAND).write_text(text)

    assert folder.remove([IN_IRELAND]) == ()
    assert (folder.path / IN_IRELAND).read_text() == text


def test_a_missing_file_is_not_deleted(folder: FeedFolder) -> None:
    """Another run can have deleted it."""
    assert folder.remove([IN_IRELAND.replace(NAME, "gone")]) == ()


def test_a_file_that_cannot_be_deleted(folder: FeedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has its path."""

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)

    with pytest.raises(UnwritableError, match=f"{NAME}.json cannot be written: Permission denied"):
        folder.remove([IN_IRELAND])


def test_many_files_of_others_are_counted(folder: FeedFolder) -> None:
    """The message names three of them."""
    for path in FILES:
        (folder.path / path).write_text("{}")

    with pytest.raises(UsageProblem, match=r"index\.json and 1 more is not a file of a feed"):
        folder.write(FILES)
