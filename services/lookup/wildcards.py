"""EC2's wildcards in filter values: pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ANY_RUN, _AT_MOST_ONE = object(), object()


def matches_wildcard(pattern: str, text: str) -> bool:
    r"""Whether EC2's filter wildcards match the whole text, case-sensitively.

    `*` matches any number of characters, `?` zero or one, and a backslash escapes the next
    character (EC2 API reference, DescribeImages, Filters). All possible positions advance together,
    so the time is at most proportional to the length of the pattern times that of the text.
    """
    tokens = _tokens(pattern)
    reached = _skip(tokens, {0})
    for character in text:
        reached = _skip(tokens, _step(tokens, reached, character))
    return len(tokens) in reached


def _tokens(pattern: str) -> list[object]:
    wild = {"*": _ANY_RUN, "?": _AT_MOST_ONE}
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return [part[1] if len(part) > 1 else wild.get(part, part) for part in parts]


def _step(tokens: Sequence[object], reached: set[int], character: str) -> set[int]:
    moved = set()
    for position in reached - {len(tokens)}:
        token = tokens[position]
        if token is _ANY_RUN:
            moved.add(position)
        elif token is _AT_MOST_ONE or token == character:
            moved.add(position + 1)
    return moved


def _skip(tokens: Sequence[object], reached: set[int]) -> set[int]:
    """Add the positions after wildcards, which can match nothing."""
    closed = set(reached)
    for position, token in enumerate(tokens):
        if position in closed and (token is _ANY_RUN or token is _AT_MOST_ONE):
            closed.add(position + 1)
    return closed
