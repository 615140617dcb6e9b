"""The older form of `Filters`: text that holds `{'Name': …, 'Values': […]}` maps between commas."""

from __future__ import annotations

import re

from services.catalogue.yaml_loader import parse_document

_MAX_CHARACTERS = 65_536  # 200 values of 255 characters, and room for the syntax around them
_TOO_LONG = f"is longer than {_MAX_CHARACTERS} characters"
_EMPTY = "is empty"
_SHORTHAND = re.compile(r"\s*Name=[^,]*,Values=")
_CLI = (
    "is the short form of the AWS CLI; write each filter as an entry of a list: "
    "- {Name: name, Values: ['…']}"
)
_BACKSLASH = "holds a backslash; write such a value in the list form"

_SURROGATE = "holds half a character (a surrogate); remove it"


class OlderFormError(ValueError):
    """The text is not in the older form."""


def parse_older_form(text: str) -> object:
    """The list that the text holds, which may have brackets of its own.

    Its maps are YAML in flow style, so they are read by the same strict loader: nothing is ever
    evaluated, and a forgotten comma or a duplicate key is refused, not guessed at.

    Raises:
        OlderFormError: it cannot be read.
    """
    reason = _unreadable(text)
    if reason:
        raise OlderFormError(reason)
    try:
        data = f"[{text}\n]".encode()
    except UnicodeEncodeError as error:  # pure-Python PyYAML reads "\ud800" as one
        raise OlderFormError(_expected(_SURROGATE)) from error
    read = parse_document("", data)
    if read.document is None or read.problems:
        raise OlderFormError(_expected(read.problems[0].message))
    match read.document.value:
        case [list() as inner]:
            return inner
        case value:
            return value


def _unreadable(text: str) -> str:
    if _SHORTHAND.match(text):
        return _CLI
    if "\\" in text:  # it meant one thing to Python's quoting and means another to YAML's
        return _expected(_BACKSLASH)
    if len(text) > _MAX_CHARACTERS:
        return _expected(_TOO_LONG)
    return "" if text.strip() else _expected(_EMPTY)


def _expected(problem: str) -> str:
    return f"{problem}; expected a list, or text such as {{'Name': 'name', 'Values': ['…']}}"
