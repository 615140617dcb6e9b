"""Counts words that do not belong in technical English, per 1,000 lines: `make words`.

The list is `.ci/words.txt`. Counting follows `grep -oiwE -f LIST`: whole words, any case, line by
line. Needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = Path(".ci/words.txt")
LIMIT = 0.5
"""A group must have fewer matches per 1,000 lines."""

GROUPS: Mapping[str, Sequence[str]] = {
    "services": ("services",),
    "infra": ("infra",),
    "tests": ("tests",),
    "README": ("README.md",),
    "documents": (
        "INSTALL.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs",
        ".github",
    ),
    "other": (
        "Makefile",
        "pyproject.toml",
        ".pre-commit-config.yaml",
        "regions.yaml",
        "tracked_images",
        "optional_images",
    ),
}
_SUFFIXES = {".py", ".md", ".tf", ".hcl", ".yaml", ".yml", ".toml"}
_NAMES = {"Makefile"}
_NOT_COUNTED = {Path("tests/unit/infra/test_words.py")}


class ListError(Exception):
    """The list of words cannot be used."""


@dataclass(frozen=True, slots=True)
class Match:
    """A match: where it is, and its line."""

    file: Path
    number: int
    text: str
    line: str

    def __str__(self) -> str:
        return f"{self.file.as_posix()}:{self.number}: {self.text}: {self.line.strip()[:100]}"


@dataclass(frozen=True, slots=True)
class Group:
    """What was counted in a group of files."""

    name: str
    files: int
    lines: int
    matches: tuple[Match, ...]

    @property
    def rate(self) -> float:
        """Matches per 1,000 lines."""
        return 1000 * len(self.matches) / max(self.lines, 1)

    @property
    def is_above_limit(self) -> bool:
        """Whether there are too many matches for the number of lines."""
        return self.rate >= LIMIT


def read_list(path: Path) -> re.Pattern[str]:
    """One expression for the whole list; lines that begin with `#` are comments.

    Raises:
        ListError: the file cannot be read, is empty, or has an invalid expression.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}"
        raise ListError(message) from error
    words = {
        number: line
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    }
    if not words:
        message = f"{path}: no words; write one regular expression per line"
        raise ListError(message)
    for number, line in words.items():
        _check(path, number, line)
    return re.compile(rf"(?<!\w)(?:{'|'.join(words.values())})(?!\w)", re.IGNORECASE)


def _check(path: Path, number: int, line: str) -> None:
    try:
        re.compile(line)
    except re.error as error:
        message = f"{path}:{number}: not a valid regular expression: {error}"
        raise ListError(message) from error


def files(root: Path, places: Sequence[str]) -> Iterator[Path]:
    """The counted files of some files and folders; hidden folders inside them are left out."""
    for place in places:
        start = root / place
        found = [start] if start.is_file() else sorted(start.rglob("*"))
        for path in found:
            inside = path.relative_to(start).parts
            hidden = any(part.startswith(".") for part in inside)
            counted = path.suffix in _SUFFIXES or path.name in _NAMES
            if counted and not hidden and path.relative_to(root) not in _NOT_COUNTED:
                yield path


def count(root: Path, name: str, places: Sequence[str], words: re.Pattern[str]) -> Group:
    """Count the matches in one group of files."""
    texts = {
        path.relative_to(root): path.read_text(encoding="utf-8", errors="replace")
        for path in files(root, places)
    }
    matches = [match for path, text in texts.items() for match in find(path, text, words)]
    lines = sum(text.count("\n") for text in texts.values())
    return Group(name, len(texts), lines, tuple(matches))


def find(path: Path, text: str, words: re.Pattern[str]) -> Iterator[Match]:
    """Each match in a text."""
    for match in words.finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        line = text[start:].partition("\n")[0]
        yield Match(path, text.count("\n", 0, start) + 1, match[0], line)


def table(groups: Sequence[Group]) -> str:
    """The result as text, one line for each group."""
    lines = [f"{'group':<12}{'files':>7}{'lines':>8}{'matches':>9}{'per 1,000':>11}"]
    for group in groups:
        figures = f"{group.files:>7}{group.lines:>8}{len(group.matches):>9}{group.rate:>11.2f}"
        lines.append(f"{group.name:<12}{figures}{'  too many' if group.is_above_limit else ''}")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Print the table: 0 below the limit, 1 at or above it, 2 if the list cannot be used."""
    parser = argparse.ArgumentParser("python -m infra.words", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print file, line and word of a match")
    options = parser.parse_args(arguments)
    try:
        words = read_list(root / LIST)
    except ListError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    groups = [count(root, name, places, words) for name, places in GROUPS.items()]
    if options.list:
        sys.stdout.writelines(f"{match}\n" for group in groups for match in group.matches)
    sys.stdout.write(table(groups))
    sys.stdout.flush()
    if not any(group.is_above_limit for group in groups):
        return 0
    advice = "rewrite the sentences that .venv-dev/bin/python -m infra.words --list prints"
    sys.stderr.write(f"a group must be below {LIMIT} matches per 1,000 lines: {advice}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
