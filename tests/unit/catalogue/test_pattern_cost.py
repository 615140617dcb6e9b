"""No name makes an accepted pattern slow: a matcher that counts its steps stays below the bound."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from support.reference_matcher import Matcher, TooManyStepsError, distinct

from services.catalogue.pattern_cost import cost
from services.catalogue.pattern_parser import parse
from services.catalogue.pattern_tree import Atom, Choice, Group, Node, nodes
from services.catalogue.patterns import MAX_COST, pattern_mistake
from services.kernel.release_key import MAX_NAME

ATOMS = st.sampled_from(["a", "b", "-", "a", "1", r"\.", ".", r"\d", r"\w", "[^-]", "[ab]"])
COUNTS = st.sampled_from(["", "", "", "", "?", "*", "+", "{2}", "{1,3}", "{2,}", "*?", "+?", "??"])
OPTIONAL = st.sampled_from(["", "?", "??"])


def joined(parts: st.SearchStrategy[str], least: int, most: int) -> st.SearchStrategy[str]:
    """Draw texts and join them."""
    return st.lists(parts, min_size=least, max_size=most).map("".join)


def repeated(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw a text and write it several times, as in `a?a?a?`."""
    return st.builds(lambda text, times: text * times, parts, st.integers(1, 6))


def larger(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw sequences, alternatives and optional groups of parts."""
    alternatives = st.lists(joined(parts, 0, 2), min_size=1, max_size=3).map("|".join)
    groups = st.builds("(?:{}){}".format, alternatives, OPTIONAL)
    return groups | joined(parts, 1, 4) | repeated(groups)


PLAIN = st.builds("(?:{}){}".format, joined(ATOMS, 1, 3), COUNTS)
ONE = st.builds("{}{}".format, ATOMS, COUNTS)
PARTS = st.recursive(ONE | PLAIN | repeated(ONE), larger, max_leaves=4)
PATTERNS = st.builds(
    "{}{}(?P<release>{}){}{}".format,
    st.sampled_from(["^", "^", "^", ""]),
    joined(PARTS, 0, 1),
    joined(PARTS, 1, 2),
    joined(PARTS, 0, 1),
    st.sampled_from(["$", "", "-", "b$"]),
)
RUNS = st.tuples(
    st.sampled_from(["a", "b", "-", "1", ".", "ab", "a-", "1.", "-1", "aab", "x", "\n"]),
    st.sampled_from([1, 2, 3, 17, 40, 128]),
)
NAMES = st.lists(RUNS, max_size=6).map(lambda runs: "".join(t * n for t, n in runs)[:MAX_NAME])


def single_atoms(choice: Choice) -> Iterator[Atom]:
    """Return the atoms that are not repeated."""
    for branch in choice.branches:
        for node in branch:
            yield from _single(node)


def _single(node: Node) -> Iterator[Atom]:
    if isinstance(node, Atom):
        yield node
    elif isinstance(node, Group):
        yield from single_atoms(node.content)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(PATTERNS, NAMES)
def test_the_tree_means_what_the_pattern_means_to_python(pattern: str, name: str) -> None:
    """The reference finds the place that `re.search` finds."""
    assume(pattern_mistake(pattern) is None)
    tree = parse(pattern)
    assume(cost(tree) <= 200)

    found = re.search(pattern, name)

    assert Matcher(tree, name, 500_000).search() == (found.span() if found else None)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(PATTERNS, NAMES)
@example("^(?P<release>a*)a*a*b", "a" * 128)
@example("^(?P<release>(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a))b", "a" * 128)
@example("^(?:(?:a?)?)?(?:(?:a?)?)?(?P<release>(?:(?:a?)?)?)b", "a" * 128)
@example("^(?P<release>(?:(?:a?)?)?-)b", "-")
@example("^(?P<release>[^-]*)$", "\n" * 128)
@example(r"(?P<release>\d*)-", "1" * 128)
def test_the_cost_is_a_bound_for_every_name(pattern: str, name: str) -> None:
    """No part is reached more often than the cost says, and each attempt is short."""
    assume(len(pattern) <= 200 and pattern_mistake(pattern) is None)
    tree = distinct(parse(pattern))
    bound = cost(tree)
    assume(bound <= 2_000)
    parts = sum(1 for _ in nodes(tree)) + 1
    matcher = Matcher(tree, name, bound * parts * (len(name) + 1))

    matcher.search()

    assert max((matcher.hits[id(atom)] for atom in single_atoms(tree)), default=0) <= bound


HARMFUL = [
    ("^(?P<release>.*.*.*)b", "a" * 128),
    ("(?P<release>.*.*)b", "a" * 128),
    ("^(?P<release>" + "a?" * 25 + "a" * 25 + ")", "a" * 24),
    ("^(?P<release>" + "(?:a|a)" * 20 + ")b", "a" * 128),
    ("^(?P<release>" + "(?:a|aa|aaa)" * 15 + ")-", "a" * 128),
    ("^(?P<release>" + r"\w*[0-9a-f]*.*" + ")b", "a" * 128),
    ("^(?P<release>(?:(?:.*)?)?.*.*)b", "a" * 128),
    ("^(?P<release>" + "[ab]{0,9}" * 12 + ")-", "ab" * 64),
]


@pytest.mark.parametrize(("pattern", "name"), HARMFUL)
def test_a_slow_pattern_is_refused(pattern: str, name: str) -> None:
    """The reference gives up on it, and the message says what to do."""
    with pytest.raises(TooManyStepsError):
        Matcher(parse(pattern), name, 200_000).search()

    mistake = pattern_mistake(pattern)
    assert mistake is not None
    assert mistake.startswith(f"can need more than {MAX_COST:,} attempts with a long name; ")
    assert ("begin it with ^" in mistake) == (not pattern.startswith("^"))


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("^(?P<release>.*.*.{0,4})b", "a" * 128),
        ("(?P<release>.*(?:a|a)(?:a|a))b", "a" * 128),
        (r"-(?P<release>.*)-\w?\w?x", "-1" * 64),
    ],
)
def test_the_slowest_accepted_patterns_are_fast(pattern: str, name: str) -> None:
    """Near the limit, a search needs at most 400,000 steps."""
    tree = parse(pattern)
    assert MAX_COST / 10 < cost(tree) <= MAX_COST

    assert Matcher(tree, name, 400_000).search() is None
