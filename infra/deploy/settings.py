"""Values for variables that a root does not declare, for which Terraform only warns."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

_DECLARATION = re.compile(r'^\s*variable\s+"?([\w-]+)"?\s*\{', re.MULTILINE)
_TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<heredoc><<-?(?P<mark>[^\W\d][\w-]*)\r?\n.*?^\s*(?P=mark)\b)
    |(?P<string>"(?:\\.|[^"\\])*")
    |(?P<open>[\[{(])
    |(?P<close>[\]})])
    |(?P<name>[^\W\d][\w-]*)(?P<equals>\s*=(?!=))?
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
"""Tokens of a file of values that are needed to find the names of the variables."""


@dataclass(frozen=True, slots=True)
class Value:
    """The location of a variable's value in a file; for JSON files without a line."""

    name: str
    file: Path
    line: int | None = None


def undeclared(root: Path) -> list[Value]:
    """The values in a root's files for which the root declares no variable."""
    names = declared(root)
    return [value for value in given(root) if value.name not in names]


def declared(root: Path) -> frozenset[str]:
    """The variables that a root declares."""
    found = {n for file in root.glob("*.tf") for n in _DECLARATION.findall(_text(file))}
    for file in root.glob("*.tf.json"):
        found |= set(_members(file, "variable"))
    return frozenset(found)


def given(root: Path) -> list[Value]:
    """Every value in the files that Terraform reads automatically."""
    found = []
    for file in _files(root):
        text = _text(file)
        if file.suffix == ".json":
            found += [Value(name, file) for name in _members(file)]
        else:
            found += [Value(name, file, line) for name, line in assignments(text)]
    return found


def assignments(text: str) -> Iterator[tuple[str, int]]:
    """The variables that a file of values assigns, each with its line."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += bool(token["open"]) - bool(token["close"])
        if token["equals"] and depth == 0:
            yield token["name"], text.count("\n", 0, token.start()) + 1


def undeclared_message(value: Value, names: Collection[str], shown: str, root: str) -> str:
    """The message for a value of an undeclared variable; `shown` is the displayed path."""
    location = shown if value.line is None else f"{shown}:{value.line}"
    close = get_close_matches(value.name, sorted(names), n=1)
    question = f" Did you mean {close[0]}?" if close else ""
    return (
        f"{location}: {value.name}: {root} has no such variable, so Terraform would ignore the "
        f"value.{question} Correct the name or delete the line; variables.tf in {root} lists "
        "all variables."
    )


def _files(root: Path) -> Iterator[Path]:
    for pattern in (
        "terraform.tfvars",
        "terraform.tfvars.json",
        "*.auto.tfvars",
        "*.auto.tfvars.json",
    ):
        yield from sorted(root.glob(pattern))


def _members(file: Path, *path: str) -> list[str]:
    """The names in an object of a JSON file; none if it is not JSON, which Terraform reports."""
    try:
        found = json.loads(_text(file))
        for name in path:
            found = found.get(name, {})
    except (ValueError, AttributeError):
        return []
    return list(found) if isinstance(found, dict) else []


def _text(file: Path) -> str:
    """The text of a file; nothing for a broken link, such as the lock file of an editor."""
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
