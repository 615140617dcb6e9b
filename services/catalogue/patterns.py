"""Checks of `Release.Pattern`, which runs with Python's `re` over AMI names from outside.

A pattern is accepted only if the search is short for every name, so no name can stop a lookup.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache

from services.catalogue.pattern_cost import cost, is_anchored
from services.catalogue.pattern_parser import PatternError, parse
from services.catalogue.pattern_tree import (
    Anchor,
    Atom,
    Choice,
    Group,
    Node,
    Repeat,
    nodes,
)
from services.catalogue.problems import shown
from services.kernel.release_key import GROUP

_SHOWN = 60  # characters of a part of the pattern that a message shows
MAX_COST = 100_000
"""Limit of a pattern's cost: a search needs at most some milliseconds."""


@lru_cache(maxsize=4096)
def pattern_mistake(pattern: str) -> str | None:
    """Why a pattern is not accepted: one sentence about its first mistake."""
    foreign = re.search(r"[^\x20-\x7e]", pattern)
    if foreign:
        return f"contains {shown(foreign[0])}, which no AMI name contains; remove it"
    try:
        tree = parse(pattern)
        groups = re.compile(pattern).groupindex
    except PatternError as error:
        return str(error)
    except re.error as error:
        return f"is not a regular expression: {error.msg}"
    return (
        _misplaced(tree) or _group_mistake(tree, groups) or _repeated_group(tree) or _too_slow(tree)
    )


def groups_of(pattern: str) -> frozenset[str]:
    """The named groups of an accepted pattern."""
    return frozenset(re.compile(pattern).groupindex)


def _misplaced(choice: Choice, *, first: bool = True, last: bool = True) -> str | None:
    """An anchor that is not at its end of the pattern."""
    for branch in choice.branches:
        for index, node in enumerate(branch):
            begins = first and index == 0
            ends = last and index == len(branch) - 1
            found = _misplaced_in(node, begins=begins, ends=ends)
            if found:
                return found
    return None


def _misplaced_in(node: Node, *, begins: bool, ends: bool) -> str | None:
    if isinstance(node, Anchor):
        if not (begins if node.text == "^" else ends):
            place = "beginning" if node.text == "^" else "end"
            return f"contains {node.text} inside, which matches only at the {place}; remove it"
        return None
    if isinstance(node, Repeat):
        node, begins, ends = node.item, False, False
    return _misplaced(node.content, first=begins, last=ends) if isinstance(node, Group) else None


def _group_mistake(tree: Choice, groups: Mapping[str, int]) -> str | None:
    """No group `release`, or one that is always empty."""
    if GROUP in groups:
        group = next(n for n in nodes(tree) if isinstance(n, Group) and n.name == GROUP)
        if any(isinstance(node, Atom) for node in nodes(group.content)):
            return None
        return f"has the group {GROUP}, which is always empty; put the release into it"
    near = difflib.get_close_matches(GROUP, [*groups], n=1)
    if near:
        return f"has the group {near[0]}; did you mean {GROUP}?"
    others = f" (it has {', '.join(groups)[:_SHOWN]})" if groups else ""
    return f"has no group {GROUP}{others}; write (?P<{GROUP}>…) around the release in the AMI name"


def _repeated_group(tree: Choice) -> str | None:
    """A repeated group with a choice in it: the ways to match it grow with powers of its length."""
    for node in nodes(tree):
        if isinstance(node, Repeat) and isinstance(node.item, Group) and node.most > 1:
            inside = [*nodes(node.item.content)]
            if len(node.item.content.branches) > 1 or not all(map(_is_plain, inside)) or not inside:
                return (
                    f"repeats the group {node.item.text[:_SHOWN]}, which contains a quantifier or "
                    r"alternatives; repeat characters instead, such as [\d.]+, or write the group "
                    "several times with ?"
                )
    return None


def _is_plain(node: Node) -> bool:
    choice = isinstance(node, Group) and len(node.content.branches) > 1
    return isinstance(node, Atom | Group) and not choice


def _too_slow(tree: Choice) -> str | None:
    if cost(tree) <= MAX_COST:
        return None
    begin = "" if is_anchored(tree) else "begin it with ^, "
    return (
        f"can need more than {MAX_COST:,} attempts with a long name; {begin}replace .* by "
        r"characters that cannot match what follows, such as [^-]*, \d+ by \d{8}, and alternatives "
        "that begin with the same character by one of them"
    )
