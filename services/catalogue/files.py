"""Finds the files of the configuration, and explains why other files are not read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from services.catalogue.problems import Problem

SUFFIXES = frozenset({".yaml", ".yml"})
MAX_FILES = 10_000
"""Limit of the files and folders that are visited."""
_LONGEST_FAMILY = 128
_NO_FAMILY = "other"
"""The family of a file whose name has no letter and no digit."""


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """The files of a folder: those to read, and those that are not read, with the reason."""

    read: list[Path] = field(default_factory=list)
    unread: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def find_image_files(folder: Path) -> ImageFiles:
    """The image files of a folder and of the folders in it, in the order of their names."""
    found = ImageFiles()
    if not folder.is_dir():
        found.problems.append(_problem(folder, _no_folder(folder)))
        return found
    for count, path in enumerate(_walk(folder, found)):
        if count == MAX_FILES:
            message = f"contains more than {MAX_FILES:,} files; give the folder of image files"
            found.problems.append(_problem(folder, message))
            break
        reason = _unread(path)
        if reason:
            found.unread.append(_problem(path, f"is not read: {reason}"))
        else:
            found.read.append(path)
    if not found.read and not found.problems:
        message = "contains no *.yaml or *.yml file; at least one image is required"
        found.problems.append(_problem(folder, message))
    found.read.sort()
    return found


def family_of(file: str) -> str:
    """The family that a file's name gives: the name without its suffix.

    Other characters than those of an image's name become hyphens.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(file).stem)
    return name.lstrip("._-")[:_LONGEST_FAMILY] or _NO_FAMILY


def _walk(folder: Path, found: ImageFiles) -> Iterator[Path]:
    """Every file, and every folder that is skipped."""

    def unreadable(error: OSError) -> None:
        message = f"cannot be read: {error.strerror}"
        found.problems.append(_problem(Path(error.filename), message))

    for here, folders, files in os.walk(folder, onerror=unreadable):
        paths = [Path(here, name) for name in sorted(folders)]
        entered = [path.name for path in paths if not _is_skipped(path)]
        yield from (path for path in paths if path.name not in entered)
        yield from (Path(here, name) for name in sorted(files))
        folders[:] = entered


def _is_skipped(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.is_symlink()


def _unread(path: Path) -> str:
    """Why a file is not read; empty if it is read."""
    if path.name.startswith("."):
        return "its name begins with a dot; rename it to include it"
    if path.is_dir():
        return "it is a link to a folder; move the files here"
    if path.suffix in SUFFIXES:
        return ""
    similar = re.match(r"(.+?)\.ya?ml(?![a-z])", path.name, re.IGNORECASE)
    better = f"; rename it to {similar[1]}.yaml to include it" if similar else ""
    return f"only *.yaml and *.yml files are{better}"


def _no_folder(folder: Path) -> str:
    if folder.exists():
        return f"is a file; give the folder that contains it: --images {folder.parent}"
    return "does not exist; run the command in the repository, or give --images DIR"


def missing_regions_file(path: Path) -> Problem | None:
    """The problem of a missing regions file, with the name of a similar file if there is one."""
    if path.exists() or path.is_symlink():
        return None
    other = next((o for s in sorted(SUFFIXES) if (o := path.with_suffix(s)).is_file()), None)
    hint = "run the command in the repository, or give --regions FILE"
    if other:
        hint = f"rename {other.name} to {path.name}, or give it with --regions"
    return _problem(path, f"does not exist; {hint}")


def _problem(path: Path, message: str) -> Problem:
    return Problem(str(path), 0, "", "", message)
