"""The files that are read, the files that are listed as not read, and hints for a wrong folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from services.catalogue import files
from services.catalogue.files import find_image_files, missing_regions_file
from services.catalogue.load import ConfigurationError, load, read_configuration

Write = Callable[..., tuple[Path, Path]]

OTHER_SUFFIX = "is not read: only *.yaml and *.yml files are"


def an_image(name: str) -> str:
    """Build an images file with one image."""
    return f"images: [{{Name: {name}, ParameterPath: /a}}]\n"


def unread(folder: Path) -> dict[str, str]:
    """Return the reasons why files are not read, by their path in the folder."""
    found = find_image_files(folder).unread
    return {Path(p.file).relative_to(folder).as_posix(): p.message for p in found}


def test_yaml_and_yml_files_of_all_folders_are_read(write: Write) -> None:
    """Files are read in the order of their paths, and the output names them by their paths."""
    folder, regions = write({"a.yaml": an_image("one"), "c.yml": an_image("three")})
    (folder / "b" / "deep").mkdir(parents=True)
    (folder / "b" / "deep" / "x.yaml").write_text(an_image("two"))

    configuration = read_configuration(folder, regions)

    expected = {str(folder / name): 1 for name in ("a.yaml", "b/deep/x.yaml", "c.yml")}
    assert configuration.images_by_file == expected
    assert list(configuration.images_by_file) == list(expected)
    assert configuration.warnings == ()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x.YAML", f"{OTHER_SUFFIX}; rename it to x.yaml to include it"),
        ("X-1.30.Yml", f"{OTHER_SUFFIX}; rename it to X-1.30.yaml to include it"),
        ("x.yaml.txt", f"{OTHER_SUFFIX}; rename it to x.yaml to include it"),
        ("x.yaml~", f"{OTHER_SUFFIX}; rename it to x.yaml to include it"),
        ("README.md", OTHER_SUFFIX),
        ("x.json", OTHER_SUFFIX),
        (".x.yaml", "is not read: its name begins with a dot; rename it to include it"),
        (".x.yaml.swp", "is not read: its name begins with a dot; rename it to include it"),
    ],
)
def test_a_file_that_is_not_read_is_listed(write: Write, name: str, reason: str) -> None:
    """The warning has the reason and a name that would be read."""
    folder, regions = write({"a.yaml": an_image("a"), name: "["})

    (warning,) = read_configuration(folder, regions).warnings

    assert str(warning) == f"{folder}/{name}: {reason}"


def test_a_hidden_folder_and_a_link_to_a_folder_are_listed_once(write: Write) -> None:
    """Hidden folders are not meant to be tracked, and links may form a loop."""
    folder, _ = write({"a.yaml": an_image("a")})
    (folder / ".git").mkdir()
    (folder / ".git" / "b.yaml").write_text("[")
    (folder / "again").symlink_to(folder)

    assert unread(folder) == {
        ".git": "is not read: its name begins with a dot; rename it to include it",
        "again": "is not read: it is a link to a folder; move the files here",
    }


def test_files_that_are_not_read_are_listed_with_the_errors(write: Write) -> None:
    """The file that is not read may be the missing one."""
    folder, regions = write({"a.YAML": an_image("a")})

    with pytest.raises(ConfigurationError) as caught:
        load(folder, regions)

    assert [p.message[:9] for p in caught.value.problems] == ["contains "]
    assert [Path(p.file).name for p in caught.value.warnings] == ["a.YAML"]


def test_a_link_to_a_file_is_read(write: Write) -> None:
    """Two repositories may share a file."""
    folder, regions = write({"a.yaml": an_image("a")})
    (folder.parent / "other.yaml").write_text(an_image("b"))
    (folder / "b.yaml").symlink_to(folder.parent / "other.yaml")

    assert [image.name for image in load(folder, regions).images] == ["a", "b"]


def test_a_folder_that_may_not_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the operating system's reason."""

    def denied(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", denied)

    found = find_image_files(tmp_path)

    assert [str(p) for p in found.problems] == [f"{tmp_path}: cannot be read: Permission denied"]


def test_the_search_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder that is given by mistake is rejected at once."""
    monkeypatch.setattr(files, "MAX_FILES", 2)
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text("")

    (problem,) = find_image_files(tmp_path).problems

    assert problem.message == "contains more than 2 files; give the folder of image files"


def test_a_wrong_folder_is_explained(tmp_path: Path) -> None:
    """The current folder or the argument is wrong."""
    (tmp_path / "a.yaml").write_text("")

    (missing,) = find_image_files(tmp_path / "images").problems
    (a_file,) = find_image_files(tmp_path / "a.yaml").problems

    hint = "does not exist; run the command in the repository, or give --images DIR"
    assert missing.message == hint
    assert a_file.message == f"is a file; give the folder that contains it: --images {tmp_path}"


def test_a_missing_regions_file_is_explained(tmp_path: Path) -> None:
    """The message names the file with the other suffix, if there is one."""
    file = tmp_path / "regions.yaml"

    missing = missing_regions_file(file)
    (tmp_path / "regions.yml").write_text("")
    misnamed = missing_regions_file(file)

    hint = "does not exist; run the command in the repository, or give --regions FILE"
    assert (missing and missing.message) == hint
    assert (misnamed and misnamed.message) == (
        "does not exist; rename regions.yml to regions.yaml, or give it with --regions"
    )


def test_a_folder_without_files_is_rejected(write: Write) -> None:
    """A configuration without images is a mistake."""
    folder, regions = write({})

    with pytest.raises(ConfigurationError, match=r"tracked_images: contains no \*\.yaml") as caught:
        load(folder, regions)

    assert len(caught.value.problems) == 1
