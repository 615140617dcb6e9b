"""The older form of `Filters`: text that holds `{'Name': …, 'Values': […]}` maps between commas."""

from __future__ import annotations

from services.catalogue.problems import Problem
from services.catalogue.yaml_loader import parse_document

_MAX_CHARACTERS = 65_536  # 200 values of 255 characters, and room for what stands around them
_TOO_LONG = f"is longer than {_MAX_CHARACTERS} characters"
_EMPTY = "is empty"
_BACKSLASH = "holds a backslash; write such a value in the list form"

_SURROGATE = "holds half a character (a surrogate); remove it"


class OlderFormError(ValueError):
    """The text is not in the older form."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"{problem}; expected a list, or text such as {{'Name': 'name', 'Values': ['…']}}"
        )


def parse_older_form(text: str) -> object:
    """The list that the text stands for.

    Its maps are YAML in flow style, so they are read by the same strict loader: nothing is ever
    evaluated, and a forgotten comma or a key that stands twice is refused, not guessed at.

    Raises:
        OlderFormError: it cannot be read.
    """
    if "\\" in text:  # it meant one thing to Python's quoting and means another to YAML's
        raise OlderFormError(_BACKSLASH)
    if len(text) > _MAX_CHARACTERS:
        raise OlderFormError(_TOO_LONG)
    if not text.strip():
        raise OlderFormError(_EMPTY)
    problems: list[Problem] = []
    try:
        data = f"[{text}\n]".encode()
    except UnicodeEncodeError as error:  # pure-Python PyYAML reads "\ud800" as one
        raise OlderFormError(_SURROGATE) from error
    document = parse_document("", data, problems)
    if document is None or problems:
        raise OlderFormError(problems[0].message)
    return document.value
