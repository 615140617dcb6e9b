"""The files that documents show, which the tests use as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "recipes.md"

_FILE = re.compile(r"^<!-- (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def recipe_files() -> Mapping[str, str]:
    """The files that docs/recipes.md shows, by their names."""
    return files_of(DOCUMENT)


@cache
def files_of(document: Path) -> Mapping[str, str]:
    """The text of each block below a comment with a file's name, by that name."""
    found = _FILE.findall(document.read_text(encoding="utf-8"))
    files = dict(found)
    assert len(files) == len(found), "two blocks have the same name"
    return files
