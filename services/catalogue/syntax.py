"""Explains YAML syntax errors: the line of the mistake, and what to write there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import yaml

from services.catalogue.problems import shown

_TAB_INDENT = re.compile(r" *\t")
_CONFLICT = re.compile(r"(?m)^(<{7}|>{7})( |$)")
_STARRED = re.compile(r"\*[^\s,\]}]*")


class _Mark(Protocol):
    """A position in the text, from any of PyYAML's parsers; lines are counted from 0."""

    @property
    def line(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """A line, counted from 1, and a sentence."""

    line: int
    message: str


def conflict(text: str) -> Fault | None:
    """The first marker of a merge conflict."""
    found = _CONFLICT.search(text)
    if found is None:
        return None
    message = f"contains the merge conflict marker {found[1]}; keep one side and remove the markers"
    return Fault(text.count("\n", 0, found.start()) + 1, message)


def fault_of(error: yaml.YAMLError, text: str, quoted: yaml.ScalarEvent | None) -> Fault:
    """The message for a PyYAML error; `quoted` is the last quoted text over several lines."""
    lines = text.splitlines() or [""]
    mark = getattr(error, "problem_mark", None)
    # Report an error at the end of the file on the last line.
    line = min(line_of(mark), len(lines))
    if _TAB_INDENT.match(lines[line - 1]):
        return Fault(line, "is indented with a tab; YAML allows only spaces there")
    return (
        _unclosed(error, quoted, line)
        or _starred(error, lines[line - 1])
        or Fault(line, _sentence(error))
    )


def _reasons(error: yaml.YAMLError) -> list[str]:
    reasons = (getattr(error, "context", None), getattr(error, "problem", None))
    return [str(reason) for reason in reasons if reason]


def _unclosed(error: yaml.YAMLError, quoted: yaml.ScalarEvent | None, line: int) -> Fault | None:
    """A quote that is not closed, or that is closed by the quote of another text."""
    start, problem = getattr(error, "context_mark", None), str(getattr(error, "problem", ""))
    if start and _context(error) == "while scanning a quoted scalar" and "unexpected" in problem:
        return Fault(start.line + 1, "a quote opens on this line and is never closed; close it")
    if quoted is None or line_of(quoted.end_mark) != line:
        return None
    message = (
        f"a quote opens on this line and is closed only on line {line}, before other text; "
        "close it where its text ends"
    )
    return Fault(line_of(quoted.start_mark), message)


def line_of(mark: _Mark | None) -> int:
    """The line of a mark, counted from 1."""
    return mark.line + 1 if mark else 1


def _context(error: yaml.YAMLError) -> object:
    return getattr(error, "context", None)


def _starred(error: yaml.YAMLError, line: str) -> Fault | None:
    start = getattr(error, "context_mark", None)
    if start is None or _context(error) != "while scanning an alias":
        return None
    found = _STARRED.match(line, start.column)
    text = shown(found[0] if found else "*")
    message = f"{text[1:-1]} begins with *, which is an alias in YAML; put it in quotes: {text}"
    return Fault(start.line + 1, message)


_KEYS = "put a value that contains ': ' in quotes, and write a space after each key's colon"
_BRACKETS = (
    "close the bracket, put commas between the values, and put values with brackets or braces in "
    "quotes"
)
_INDENT = (
    "indent all fields of an entry by the same number of spaces, and put a value that contains "
    "quotes in the other kind of quotes"
)
_HINTS = (
    ("escape character", "double quotes allow only YAML's escapes; use single quotes"),
    ("cannot start any token", "put the value in quotes"),
    ("mapping values are not allowed", _KEYS),
    ("could not find expected ':'", "write a key, a colon and a space"),
    ("while parsing a flow", _BRACKETS),
    ("while parsing a block", _INDENT),
    ("while scanning a tag", "put a value that begins with ! in quotes"),
    ("while scanning an anchor", "put a value that begins with & in quotes"),
    ("while scanning a block scalar", "put a value that begins with > or | in quotes"),
)
"""Parts of PyYAML's messages, and how to fix the mistake."""


def _sentence(error: yaml.YAMLError) -> str:
    reasons = ", ".join(_reasons(error))
    hint = next((hint for words, hint in _HINTS if words in reasons), "")
    return f"is not YAML: {reasons}" + (f"; {hint}" if hint else "")
