"""EC2's wildcards in filter values: pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_ANY_RUN, _AT_MOST_ONE, _EXACTLY_ONE = object(), object(), object()
_CACHED_PATTERNS = 4096


def matches_wildcard(pattern: str, text: str) -> bool:
    r"""Whether EC2's filter wildcards match the whole text, case-sensitively.

    `*` matches any number of characters, `?` zero or one, and a backslash escapes the next
    character (EC2 API reference, DescribeImages, Filters). The time is at most proportional to the
    length of the pattern times that of the text.
    """
    parts = _parts(pattern)
    return _in_order(parts, text) if parts else _advances(_tokens(pattern), text)


def matches_surely(pattern: str, text: str) -> bool | None:
    """Whether EC2's wildcards match the whole text; None if it depends on the meaning of `?`.

    Older versions of the API reference say that `?` matches exactly one character.
    """
    if not matches_wildcard(pattern, text):
        return False
    if _parts(pattern):
        return True
    tokens = [_EXACTLY_ONE if t is _AT_MOST_ONE else t for t in _tokens(pattern)]
    return _advances(tokens, text) or None


@lru_cache(maxsize=_CACHED_PATTERNS)
def literal_start(pattern: str) -> str:
    """The characters before the first wildcard: every text that matches starts with them."""
    start = []
    for token in _tokens(pattern):
        if not isinstance(token, str):
            break
        start.append(token)
    return "".join(start)


@lru_cache(maxsize=_CACHED_PATTERNS)
def _parts(pattern: str) -> tuple[str, ...]:
    """The literal texts before, between and after the `*`; empty if the pattern has a `?`."""
    parts: list[str] = [""]
    for token in _tokens(pattern):
        if token is _AT_MOST_ONE:
            return ()
        if token is _ANY_RUN:
            parts.append("")
        else:
            parts[-1] += str(token)
    return tuple(parts)


def _in_order(parts: Sequence[str], text: str) -> bool:
    """Whether the text is these parts in this order, with any text between them.

    The first place of each part is enough: it leaves the most text for the parts after it.
    """
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return text == first
    position, end = len(first), len(text) - len(last)
    if position > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in parts[1:-1]:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _tokens(pattern: str) -> list[object]:
    wild = {"*": _ANY_RUN, "?": _AT_MOST_ONE}
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return [part[1] if len(part) > 1 else wild.get(part, part) for part in parts]


def _advances(tokens: Sequence[object], text: str) -> bool:
    """Whether the tokens match the whole text; all possible positions advance together."""
    reached = _skip(tokens, {0})
    for character in text:
        reached = _skip(tokens, _step(tokens, reached, character))
    return len(tokens) in reached


def _step(tokens: Sequence[object], reached: set[int], character: str) -> set[int]:
    moved = set()
    for position in reached - {len(tokens)}:
        token = tokens[position]
        if token is _ANY_RUN:
            moved.add(position)
        elif token in {_AT_MOST_ONE, _EXACTLY_ONE} or token == character:
            moved.add(position + 1)
    return moved


def _skip(tokens: Sequence[object], reached: set[int]) -> set[int]:
    """Add the positions after wildcards, which can match nothing."""
    closed = set(reached)
    for position, token in enumerate(tokens):
        if position in closed and (token is _ANY_RUN or token is _AT_MOST_ONE):
            closed.add(position + 1)
    return closed
