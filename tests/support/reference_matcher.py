"""A backtracking matcher over the tree of a pattern, which counts what Python's `re` does not show.

It tries the choices in the order of Python's `re`, without its optimisations.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from services.catalogue.pattern_tree import Anchor, Atom, Choice, Group, Node, Repeat


class TooManyStepsError(Exception):
    """The search needs more steps than the limit."""


@lru_cache(maxsize=4096)
def matches(text: str, character: str) -> bool:
    """Return whether an atom matches a character."""
    return re.fullmatch(text, character) is not None


def distinct(choice: Choice) -> Choice:
    """Return the tree with a new object for each atom, so that each can be counted."""
    return Choice(tuple(tuple(map(_distinct, branch)) for branch in choice.branches))


def _distinct(node: Node) -> Node:
    match node:
        case Repeat():
            inside = _distinct(node.item)
            assert isinstance(inside, Atom | Group)
            return replace(node, item=inside)
        case Group():
            return replace(node, content=distinct(node.content))
        case _:
            return replace(node)


class Matcher:
    """One search: `steps` counts comparisons, `hits` the matches of each atom by identity."""

    def __init__(self, pattern: Choice, name: str, limit: int) -> None:
        self.steps = 0
        self.hits: Counter[int] = Counter()
        self._pattern = pattern
        self._name = name
        self._limit = limit

    def search(self) -> tuple[int, int] | None:
        """Return the place of the first match."""
        for start in range(len(self._name) + 1):
            for end in self._choice(self._pattern, start):
                return start, end
        return None

    def _choice(self, choice: Choice, start: int) -> Iterator[int]:
        for branch in choice.branches:
            yield from self._sequence(branch, start)

    def _sequence(self, nodes: tuple[Node, ...], start: int) -> Iterator[int]:
        if not nodes:
            yield start
            return
        for end in self._node(nodes[0], start):
            yield from self._sequence(nodes[1:], end)

    def _node(self, node: Node, start: int) -> Iterator[int]:
        match node:
            case Atom():
                self.steps += 1
                if self.steps > self._limit:
                    raise TooManyStepsError
                if start < len(self._name) and matches(node.text, self._name[start]):
                    self.hits[id(node)] += 1
                    yield start + 1
            case Anchor():
                rest = self._name[start:]
                if (start == 0) if node.text == "^" else rest in {"", "\n"}:
                    yield start
            case Group():
                yield from self._choice(node.content, start)
            case Repeat():
                yield from self._repeat(node, start, 0)

    def _repeat(self, node: Repeat, start: int, count: int) -> Iterator[int]:
        stops = count >= node.least
        if stops and node.lazy:
            yield start
        if count < node.most:
            for end in self._node(node.item, start):
                if end > start or count < node.least or node.most == 1:
                    yield from self._repeat(node, end, count + 1)
        if stops and not node.lazy:
            yield start
