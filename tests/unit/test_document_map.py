"""The map of the documents, the links between them, and the files that CONTRIBUTING.md names."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAP = ROOT / "docs" / "README.md"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

_CODE = re.compile(r"^( *)```.*?^\1```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_PATH = re.compile(r"\.?[\w-]+(/[\w.*-]+)*(/|\.(md|py|toml|yaml|yml|txt))")
_IN_A_FOLDER = re.compile(r"\.?[\w-]+(/[\w.*-]+)+/?")

QUESTIONS = (
    "Where does a filter lookup choose an image?",
    "Where is the text of an event?",
    "What does a row contain?",
    "What happens when a topic does not exist?",
    "How do I add a failure code?",
    "How do I add a console command?",
)


@cache
def documents() -> tuple[Path, ...]:
    """Every Markdown document that git knows or would add."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so the documents of the repository are unknown")
    command = [git, "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard", "*.md"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = sorted(ROOT / name for name in listing.split("\0") if name)
    return tuple(path for path in paths if path.is_file())


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """Each file of the repository that a document links to, with the anchor."""
    text = _CODE.sub("", document.read_text(encoding="utf-8"))
    for target in _LINK.findall(text):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (document.parent / path).resolve() if path else document, anchor


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub makes of a document's headings."""
    text = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = (re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", title) for title in _HEADING.findall(text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def reached() -> set[Path]:
    """The map, and every document that can be reached from it by links."""
    found: set[Path] = set()
    left = [MAP]
    while left:
        document = left.pop()
        if document not in found and document.suffix == ".md" and document.is_file():
            found.add(document)
            left += [path for path, _ in links(document)]
    return found


def test_every_document_is_reached_from_the_map() -> None:
    """A reader who begins at docs/README.md can find every document."""
    missing = sorted(set(documents()) - reached())

    assert [path.relative_to(ROOT).as_posix() for path in missing] == []


def test_links_are_valid() -> None:
    """Each link to a file of the repository, and to a heading in it, is valid."""
    broken = [
        f"{document.relative_to(ROOT)}: {path.name}#{anchor}"
        for document in documents()
        for path, anchor in links(document)
        if not path.exists() or (anchor and anchor not in anchors(path))
    ]

    assert broken == []


def named_paths(text: str) -> list[str]:
    """Each path in backquotes, except those of virtual environments."""
    spans = re.findall(r"`([^`\n]+)`", text)
    paths = [s for s in spans if _PATH.fullmatch(s) or _IN_A_FOLDER.fullmatch(s)]
    return [path for path in paths if not path.startswith((".venv", "build/"))]


def test_paths_in_contributing_exist() -> None:
    """Each file or folder that CONTRIBUTING.md names in backquotes is in the repository."""
    paths = named_paths(CONTRIBUTING)

    assert len(paths) > 20
    assert [path for path in paths if not any(ROOT.glob(path.rstrip("/")))] == []


@pytest.mark.parametrize("question", QUESTIONS)
def test_frequent_questions_are_answered_with_a_path(question: str) -> None:
    """The table "Where to look" answers each frequent question with a path."""
    rows = dict(re.findall(r"^\| ([^|]+\?) \| (.+) \|$", CONTRIBUTING, re.MULTILINE))

    assert named_paths(rows[question])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`services/lookup/find.py`", ["services/lookup/find.py"]),
        (
            "`docs/`, `README.md` and `requirements/*.in`",
            ["docs/", "README.md", "requirements/*.in"],
        ),
        ("`.venv-dev/bin/pytest`, `make check`, `newest`", []),
    ],
)
def test_paths_are_recognised(text: str, expected: list[str]) -> None:
    """Commands and names of functions are not paths."""
    assert named_paths(text) == expected
