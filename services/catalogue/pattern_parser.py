"""Reads the regular expression of a `Release.Pattern` into a small tree.

Only a part of Python's syntax is accepted: text, characters in brackets, groups, alternatives,
quantifiers, and the beginning and the end of the name.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from typing import NoReturn

from services.catalogue.pattern_tree import ALPHABET, Anchor, Atom, Choice, Group, Node, Repeat
from services.catalogue.problems import shown
from services.kernel.release_key import MAX_NAME

_SHOWN = 60  # characters of a part of the pattern that a message shows
_PUNCTUATION = string.punctuation + " "
_MAX_DEPTH = 20

NAME_CHARACTERS = frozenset(string.ascii_letters + string.digits + " ()[]./-'@_")
"""Characters of an AMI name: ec2:RegisterImage, Name."""


class PatternError(ValueError):
    """The pattern is not accepted; the text is a sentence for a message."""


def parse(pattern: str) -> Choice:
    """The tree of a pattern.

    Raises:
        PatternError: it has a mistake, or syntax that is not accepted.
    """
    parser = _Parser(pattern)
    tree = parser.choice()
    if parser.rest:
        _refuse(r"has a ) without a (; remove it, or write \) for a parenthesis")
    return tree


def _refuse(sentence: str) -> NoReturn:
    raise PatternError(sentence)


@lru_cache(maxsize=4096)
def _atom(text: str) -> Atom:
    try:
        compiled = re.compile(text)
    except re.error as error:
        _refuse(f"contains {text[:_SHOWN]}, which is not correct: {error.msg}")
    characters = frozenset(filter(compiled.fullmatch, ALPHABET))
    if not characters:
        _refuse(f"contains {text[:_SHOWN]}, which matches no character")
    return Atom(text, characters)


_BRACKETS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_QUANTIFIER = re.compile(r"(?:([*+?])|\{([0-9]{1,4})(?:(,)([0-9]{0,4}))?\})(\??)")
_NAMED = re.compile(r"\(\?P<([A-Za-z_][A-Za-z0-9_]*)>")
_FOREIGN_NAMED = re.compile(r"\(\?(?:<|')([A-Za-z_][A-Za-z0-9_]*)[>']")
_FLAGS = re.compile(r"\(\?[aiLmsux-]+[:)]")
_KINDS = {"d", "D", "w", "W", "s", "S"}
_ANCHORS = {r"\A": "^", r"\Z": "$"}
_NOT_SUPPORTED = "which is not supported"
_GROUPS = (
    (
        ("(?=", "(?!", "(?<=", "(?<!"),
        f"contains {{}}…), {_NOT_SUPPORTED}; write the text itself, outside of the group release",
    ),
    (("(?P=",), f"contains the back reference {{}}…), {_NOT_SUPPORTED}; write the text itself"),
    (("(?(",), f"contains the condition {{}}…), {_NOT_SUPPORTED}; write alternatives (…|…)"),
    (("(?#",), "contains the comment {}…); write comments after # in the YAML file"),
    (("(?P", "(?"), f"contains {{}}, {_NOT_SUPPORTED} there; write (?P<name>…) or (?:…)"),
)
"""Beginnings of groups that are not accepted."""


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.rest = pattern
        self._depth = 0

    def choice(self) -> Choice:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return Choice(tuple(branches))

    def _sequence(self) -> tuple[Node, ...]:
        items: list[Node] = []
        while self.rest and self.rest[0] not in "|)":
            items.append(self._quantified(self._item()))
        return tuple(items)

    def _take(self, text: str) -> bool:
        found = self.rest.startswith(text)
        self.rest = self.rest.removeprefix(text)
        return found

    def _item(self) -> Atom | Anchor | Group:
        first = self.rest[0]
        match first:
            case "(":
                return self._group()
            case "[":
                return self._brackets()
            case "\\":
                return self._escape()
            case "^" | "$" | ".":
                self._take(first)
                return _atom(".") if first == "." else Anchor(first)
            case "*" | "+" | "?":
                _refuse(f"has nothing before {first}; write .* for any characters")
            case "{" | "}":
                _refuse(_BRACE)
            case _:
                self._take(first)
                return _literal(first, first)

    def _group(self) -> Group:
        before = self.rest
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            _refuse(f"nests groups more than {_MAX_DEPTH} levels deep; remove some of them")
        named = _NAMED.match(before)
        if named:
            self._take(named[0])
        elif not self._take("(?:"):
            _refuse_group(before)
            self._take("(")
        content = self.choice()
        if not self._take(")"):
            _refuse(r"has a ( that is not closed; add ), or write \( for a parenthesis")
        self._depth -= 1
        text = before.removesuffix(self.rest) if self.rest else before
        return Group(text, named[1] if named else None, content)

    def _brackets(self) -> Atom:
        found = _BRACKETS.match(self.rest)
        if found is None:
            _refuse(r"has a [ that is not closed; add ], or write \[ for a bracket")
        body = found[0][1:-1]
        for escape in re.findall(r"\\(.)", body):
            if escape not in _KINDS and escape not in _PUNCTUATION:
                _refuse(_unknown_escape(f"\\{escape}"))
        unescaped = re.sub(r"\\.", "", body)
        if "[" in unescaped:
            _refuse(rf"has a [ in {found[0][:_SHOWN]}; write \[, or \d for [:digit:]")
        if re.search(r"--|&&|~~|\|\|", unescaped):
            _refuse(f"repeats a sign in {found[0][:_SHOWN]}; write it once")
        self._take(found[0])
        return _atom(found[0])

    def _escape(self) -> Atom | Anchor:
        text = self.rest[:2]
        self._take(text)
        if text in _ANCHORS:
            return Anchor(_ANCHORS[text])
        if text[1:] in _KINDS:
            return _atom(text)
        if len(text) == 1 or text[1] not in _PUNCTUATION:
            _refuse(_unknown_escape(text))
        return _literal(text[1], text)

    def _quantified(self, item: Atom | Anchor | Group) -> Node:
        found = _QUANTIFIER.match(self.rest)
        if found is None:
            return item
        if isinstance(item, Anchor):
            _refuse(f"repeats {item.text}; remove {found[0]}")
        self._take(found[0])
        if self.rest[:1] in {"*", "+", "?"} or _QUANTIFIER.match(self.rest):
            _refuse(f"has two quantifiers in a row after {found[0]}; keep one")
        least, most = _counts(found)
        return Repeat(item, least, most, lazy=bool(found[5]))


def _counts(found: re.Match[str]) -> tuple[int, int]:
    sign, first, comma, last, _ = found.groups()
    if sign:
        return (1 if sign == "+" else 0), (1 if sign == "?" else MAX_NAME)
    least = int(first)
    most = (int(last) if last else MAX_NAME) if comma else least
    if not (most and least <= most and least <= MAX_NAME):
        message = f"has {found[0]}; write {{n}} or {{n,m}}, with n not above m"
        _refuse(f"{message}, and m from 1 to {MAX_NAME}, the length of an AMI name")
    return least, min(most, MAX_NAME)


def _literal(character: str, text: str) -> Atom:
    if character not in NAME_CHARACTERS:
        _refuse(f"contains {shown(character)}, which no AMI name contains; remove it")
    return _atom(text)


def _refuse_group(rest: str) -> None:
    other, flags = _FOREIGN_NAMED.match(rest), _FLAGS.match(rest)
    if other:
        _refuse(f"contains {other[0]}, the syntax of other tools; write (?P<{other[1]}>")
    if flags:
        _refuse(f"contains the flags {flags[0]}; write both cases instead, such as [Aa]")
    for beginnings, sentence in _GROUPS:
        beginning = next(filter(rest.startswith, beginnings), None)
        if beginning:
            _refuse(sentence.format(beginning))


def _unknown_escape(text: str) -> str:
    if text == "\\":
        return "ends with a backslash; remove it"
    if text[1].isdigit():
        return f"contains the back reference {text}, {_NOT_SUPPORTED}; write the text itself"
    if text in {r"\b", r"\B"}:
        return f"contains {text}, {_NOT_SUPPORTED}; write the character there, such as -"
    return (
        f"contains {text}, {_NOT_SUPPORTED}; write \\d, \\w, \\s or their opposites, "
        "or \\ before a sign, such as \\."
    )


_BRACE = (
    "contains a brace; write (?P<release>…) for a group ({release} is for Notes), and {n}, {n,} or "
    "{n,m} only after what it repeats"
)
