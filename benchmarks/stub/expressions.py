"""DynamoDB's condition, update and projection expressions, compiled once per text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

Value = dict[str, Any]
"""An attribute value of DynamoDB, such as `{"S": "text"}`."""
Item = dict[str, Value]
Names = Mapping[str, str]
Values = Mapping[str, Value]
Condition = Callable[[Item, Names, Values], bool]
Operand = Callable[[Item, Names, Values], Value | None]

_TOKEN = re.compile(r"\s*([:#]?[A-Za-z_][\w.#]*|<>|<=|>=|[=<>(),])")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


class UnsupportedError(Exception):
    """The stub does not know this expression."""


@lru_cache(maxsize=1000)
def condition(text: str) -> Condition:
    """The condition of an expression; an item that does not exist is an empty one."""
    return _Parser(text).condition()


def found(item: Item, path: str, names: Names) -> Value | None:
    """The value at a path such as `#status.#state`; None if there is none."""
    first, *members = [names.get(part, part) for part in path.split(".")]
    value = item.get(first)
    for member in members:
        value = value.get("M", {}).get(member) if value else None
    return value


@lru_cache(maxsize=1000)
def clauses(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The clauses of an update expression, each with its terms."""
    parts = re.split(r"\b(SET|REMOVE|ADD|DELETE)\b", text)
    return tuple(
        (verb, tuple(term.strip() for term in terms.split(",")))
        for verb, terms in zip(parts[1::2], parts[2::2], strict=True)
    )


def update(item: Item, text: str, names: Names, values: Values) -> Item:
    """The item after an update."""
    changed = dict(item)
    for verb, terms in clauses(text):
        for term in terms:
            _apply(changed, verb, term, names, values)
    return changed


def _apply(item: Item, verb: str, term: str, names: Names, values: Values) -> None:
    name, _, operand = (part.strip() for part in term.partition("=" if verb == "SET" else " "))
    name = names.get(name, name)
    if "." in name:
        raise UnsupportedError(term)
    match verb:
        case "SET":
            item[name] = values[operand]
        case "REMOVE":
            item.pop(name, None)
        case "ADD":
            item[name] = _sum(item.get(name), values[operand])
        case _:
            raise UnsupportedError(verb)


def _sum(before: Value | None, added: Value) -> Value:
    kind, members = next(iter(added.items()))
    if before is None:
        return added
    if kind == "N":
        return {"N": str(int(before["N"]) + int(members))}
    return {kind: list(dict.fromkeys([*before[kind], *members]))}


@lru_cache(maxsize=1000)
def _paths(text: str) -> tuple[tuple[str, ...], ...]:
    """The paths of a projection expression, each with its parts."""
    return tuple(tuple(path.strip().split(".")) for path in text.split(","))


def project(item: Item, text: str, names: Names) -> Item:
    """The attributes of an item that a projection expression names."""
    projected: Item = {}
    for path in _paths(text):
        first = names.get(path[0], path[0])
        if len(path) == 1:
            if first in item:
                projected[first] = item[first]
            continue
        members = [names.get(part, part) for part in path[1:]]
        value = found(item, ".".join(path), names)
        if value is None:
            continue
        inner = projected.setdefault(first, {"M": {}})["M"]
        for member in members[:-1]:
            inner = inner.setdefault(member, {"M": {}})["M"]
        inner[members[-1]] = value
    return projected


class _Parser:
    """A recursive descent over the tokens of a condition."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def condition(self) -> Condition:
        parsed = self._alternatives()
        if self._at != len(self._tokens):
            raise UnsupportedError(" ".join(self._tokens))
        return parsed

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].upper() == token:
            self._at += 1
            return True
        return False

    def _alternatives(self) -> Condition:
        terms = [self._conjunction()]
        while self._accept("OR"):
            terms.append(self._conjunction())
        return terms[0] if len(terms) == 1 else lambda *given: any(t(*given) for t in terms)

    def _conjunction(self) -> Condition:
        terms = [self._term()]
        while self._accept("AND"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else lambda *given: all(t(*given) for t in terms)

    def _term(self) -> Condition:
        if self._accept("NOT"):
            inner = self._term()
            return lambda *given: not inner(*given)
        if self._accept("("):
            inner = self._alternatives()
            self._expect(")")
            return inner
        first = self._next()
        if self._accept("("):
            return self._function(first)
        left, compare, right = _operand(first), _COMPARE[self._next()], _operand(self._next())
        return lambda *given: _compared(left(*given), compare, right(*given))

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            raise UnsupportedError(" ".join(self._tokens))

    def _function(self, name: str) -> Condition:
        path = _operand(self._next())
        if name == "attribute_exists":
            self._expect(")")
            return lambda *given: path(*given) is not None
        if name == "attribute_not_exists":
            self._expect(")")
            return lambda *given: path(*given) is None
        if name != "begins_with":
            raise UnsupportedError(name)
        self._expect(",")
        prefix = _operand(self._next())
        self._expect(")")
        return lambda *given: _begins(path(*given), prefix(*given))


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise UnsupportedError(text)
        yield match[1]
        at = match.end()


def _operand(token: str) -> Operand:
    if token.startswith(":"):
        return lambda _item, _names, values: values[token]
    return lambda item, names, _values: found(item, token, names)


def _begins(value: Value | None, prefix: Value | None) -> bool:
    return bool(value and prefix) and value["S"].startswith(prefix["S"])  # type: ignore[index]


def _compared(left: Value | None, compare: Callable[[Any, Any], bool], right: Value | None) -> bool:
    if left is None or right is None:
        return False
    return left.keys() == right.keys() and compare(_comparable(left), _comparable(right))


def _comparable(value: Value) -> object:
    kind, content = next(iter(value.items()))
    match kind:
        case "N":
            return float(content)
        case "NS" | "SS":
            return frozenset(content)
        case _:
            return content
