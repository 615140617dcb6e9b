"""Decision records: their names, their form, and the list of all of them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions"
LIST = (DECISIONS / "README.md").read_text(encoding="utf-8")
RECORDS = sorted(path for path in DECISIONS.iterdir() if path.name != "README.md")

LIMIT = 650
"""The most words that a record may have, its headings included."""


def number(path: Path) -> str:
    """The number in a record's file name."""
    return path.name.partition("-")[0]


def heading(path: Path) -> str:
    """The first line of a record, without the mark of a heading."""
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_record_has_the_agreed_form(path: Path) -> None:
    """A record has a numbered title, a status, three sections, and is short."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    status = lines[1]
    marks = [line for line in lines if line.startswith("#")]

    assert re.fullmatch(r"\d{4}-[a-z0-9]+(-[a-z0-9]+)*\.md", path.name)
    assert re.fullmatch(r"Status: (accepted|replaced by \d{4})", status)
    assert heading(path).startswith(f"{number(path)}: ")
    assert marks[1:] == ["## Context", "## Decision", "## Consequence"]
    assert len(path.read_text(encoding="utf-8").split()) <= LIMIT


def test_numbers_are_unique() -> None:
    """No two records have the same number."""
    assert [n for n, times in Counter(map(number, RECORDS)).items() if times > 1] == []


def test_every_record_is_listed_with_its_title() -> None:
    """The list has one line for each record, in the order of the numbers."""
    listed = re.findall(r"^\* \[(.+)\]\((\S+\.md)\)\. \S", LIST, re.MULTILINE)

    assert listed == [(heading(path), path.name) for path in RECORDS]


def test_replacing_records_exist() -> None:
    """A record that was replaced names an existing record."""
    texts = "".join(path.read_text(encoding="utf-8") for path in RECORDS)
    replacing = set(re.findall(r"^Status: replaced by (\d{4})$", texts, re.MULTILINE))

    assert replacing <= set(map(number, RECORDS))
