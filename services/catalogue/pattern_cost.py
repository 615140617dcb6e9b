"""A bound on the backtracking of a pattern, for every name.

Python's `re` tries the choices of a pattern one after the other. A choice is decided if the next
character excludes all but one: what is repeated and what can follow begin with different
characters, or the alternatives do. The other choices multiply.
"""

from __future__ import annotations

from itertools import combinations
from typing import assert_never

from services.catalogue.pattern_tree import Anchor, Atom, Choice, Group, Node, Repeat
from services.kernel.release_key import MAX_NAME

Symbols = frozenset[str]
"""The characters with which a text can begin, `_END` and `_DONE`."""

_END = "the end of the name"
_DONE = "the end of the pattern, or only what can be empty before it"


def cost(pattern: Choice) -> int:
    """How often any part of the pattern that is not repeated can match, in one search."""
    starts = 1 if is_anchored(pattern) else MAX_NAME
    return starts * _choice_cost(pattern, frozenset({_DONE}))


def is_anchored(choice: Choice) -> bool:
    """Whether the pattern can match only at the beginning of the name."""
    return all(branch and _begins(branch[0]) for branch in choice.branches)


def _begins(node: Node) -> bool:
    if isinstance(node, Group):
        return is_anchored(node.content)
    return isinstance(node, Anchor) and node.text == "^"


# --- first characters


def _first(node: Node, follow: Symbols) -> Symbols:
    """The symbols with which `node` and what follows can begin."""
    match node:
        case Atom():
            return node.characters
        case Anchor():
            return frozenset({_END}) if node.text == "$" else follow
        case Group():
            return _first_of_choice(node.content, follow)
        case Repeat():
            return _first(node.item, follow) | (follow if node.least == 0 else frozenset())
        case _:
            assert_never(node)


def _first_of_choice(choice: Choice, follow: Symbols) -> Symbols:
    return frozenset().union(*(_first_of(branch, follow) for branch in choice.branches))


def _first_of(sequence: tuple[Node, ...], follow: Symbols) -> Symbols:
    for node in reversed(sequence):
        follow = _first(node, follow)
    return follow


# --- costs


def _choice_cost(choice: Choice, follow: Symbols) -> int:
    costs = [_sequence_cost(branch, follow) for branch in choice.branches]
    firsts = [_first_of(branch, follow) for branch in choice.branches]
    decided = all(one.isdisjoint(other) for one, other in combinations(firsts, 2))
    return max(costs) if decided else sum(costs)


def _sequence_cost(sequence: tuple[Node, ...], follow: Symbols) -> int:
    product = 1
    for node in reversed(sequence):
        product *= _cost(node, follow)
        follow = _first(node, follow)
    return product


def _cost(node: Node, follow: Symbols) -> int:
    match node:
        case Atom() | Anchor():
            return 1
        case Group():
            return _choice_cost(node.content, follow)
        case Repeat():
            return _ways(node, follow) * _cost(node.item, follow)
        case _:
            assert_never(node)


def _ways(node: Repeat, follow: Symbols) -> int:
    """How many numbers of repetitions the next character leaves open.

    If all that follows can be empty, the first try is a match, and nothing is tried again.
    """
    decided = _first(node.item, follow).isdisjoint(follow)
    if node.least == node.most or decided or _DONE in follow:
        return 1
    return node.most - node.least + 1
