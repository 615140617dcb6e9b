"""The older form of `Filters`: text with `{'Name': …, 'Values': […]}` maps, separated by commas."""

from __future__ import annotations

import re

from services.catalogue.yaml_loader import parse_document

_MAX_CHARACTERS = 65_536  # enough for 200 values of 255 characters and the syntax around them
_TOO_LONG = f"is longer than {_MAX_CHARACTERS} characters"
_EMPTY = "is empty"
_SHORTHAND = re.compile(r"\s*Name=[^,]*,Values=")
_CLI = (
    "is the shorthand syntax of the AWS CLI; write each filter as an entry of a list: "
    "- {Name: name, Values: ['…']}"
)
_BACKSLASH = "contains a backslash; use the list form for such a value"

_SURROGATE = "contains half of a surrogate pair; remove it"


class OlderFormError(ValueError):
    """The text is not in the older form."""


def parse_older_form(text: str) -> object:
    """The list in the text, which can have brackets of its own.

    Its maps are YAML in flow style, so the same strict loader reads them: nothing is evaluated, and
    a missing comma or a duplicate key is refused.

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
    if "\\" in text:  # Python's and YAML's quotes treat it differently
        return _expected(_BACKSLASH)
    if len(text) > _MAX_CHARACTERS:
        return _expected(_TOO_LONG)
    return "" if text.strip() else _expected(_EMPTY)


def _expected(problem: str) -> str:
    return f"{problem}; expected a list, or text such as {{'Name': 'name', 'Values': ['…']}}"
