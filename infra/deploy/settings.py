"""Values for variables that a root does not declare: Terraform warns of them and goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

_DECLARATION = re.compile(r'^\s*variable\s+"([^"]+)"', re.MULTILINE)
_TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<heredoc><<-?(?P<mark>[^\W\d][\w-]*)\n.*?^\s*(?P=mark)\b)
    |(?P<string>"(?:\\.|[^"\\])*")
    |(?P<open>[\[{(])
    |(?P<close>[\]})])
    |(?P<name>[^\W\d][\w-]*)(?P<equals>\s*=(?!=))?
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
"""What a file of values is made of, as far as the names of the variables need it."""


@dataclass(frozen=True, slots=True)
class Value:
    """Where a file gives a variable a value; a JSON file has no lines here."""

    name: str
    file: Path
    line: int | None = None


def undeclared(root: Path) -> list[Value]:
    """The values of a root's files that belong to no variable of the root."""
    names = declared(root)
    return [value for value in given(root) if value.name not in names]


def declared(root: Path) -> frozenset[str]:
    """The variables that a root declares."""
    found = {n for file in root.glob("*.tf") for n in _DECLARATION.findall(_text(file))}
    for file in root.glob("*.tf.json"):
        found |= set(_members(file, "variable"))
    return frozenset(found)


def given(root: Path) -> list[Value]:
    """Every value of the files that Terraform reads by itself."""
    found = []
    for file in _files(root):
        text = _text(file)
        if file.suffix == ".json":
            found += [Value(name, file) for name in _members(file)]
        else:
            found += [Value(name, file, line) for name, line in assignments(text)]
    return found


def assignments(text: str) -> Iterator[tuple[str, int]]:
    """The variables that get a value in a file of values, each with its line."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += bool(token["open"]) - bool(token["close"])
        if token["equals"] and depth == 0:
            yield token["name"], text.count("\n", 0, token.start()) + 1


def complaint(value: Value, names: Collection[str], shown: str, root: str) -> str:
    """The message about a value for no variable; `shown` is the file as people know it."""
    place = shown if value.line is None else f"{shown}:{value.line}"
    close = get_close_matches(value.name, sorted(names), n=1)
    question = f" Did you mean {close[0]}?" if close else ""
    return (
        f"{place}: {value.name}: {root} has no such variable, so Terraform would ignore the "
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
    """The names in an object of a JSON file; what is no JSON is for Terraform to refuse."""
    try:
        found = json.loads(_text(file))
        for name in path:
            found = found.get(name, {})
    except (ValueError, AttributeError):
        return []
    return list(found) if isinstance(found, dict) else []


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
