"""The regular expression of a `Release.Pattern` as a small tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

OTHERS = "\u0663\u00e9\u00a0\n\u20ac"
"""One of each kind of other characters: a digit, a letter, a space, a line end, and the rest.

Patterns are printable ASCII, so they cannot tell apart two characters of the same kind.
"""
ALPHABET = "".join(map(chr, range(0x20, 0x7F))) + OTHERS


@dataclass(frozen=True, slots=True)
class Atom:
    """One character out of a set."""

    text: str
    characters: frozenset[str]


@dataclass(frozen=True, slots=True)
class Anchor:
    """The beginning (`^`) or the end (`$`) of the name."""

    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Alternatives, each a sequence."""

    branches: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A group; `name` is None if it has none."""

    text: str
    name: str | None
    content: Choice


@dataclass(frozen=True, slots=True)
class Repeat:
    """A quantifier; `most` is at most the length of a name."""

    item: Atom | Group
    least: int
    most: int
    lazy: bool


Node = Atom | Anchor | Group | Repeat


def nodes(choice: Choice) -> Iterator[Node]:
    """Every node, from the outside to the inside."""
    for node in (node for branch in choice.branches for node in branch):
        yield node
        inside = node.item if isinstance(node, Repeat) else node
        if inside is not node:
            yield inside
        if isinstance(inside, Group):
            yield from nodes(inside.content)
