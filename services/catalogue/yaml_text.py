"""The text of a YAML file: UTF-8, bounded in bytes, and without invisible characters."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from services.catalogue.syntax import conflict

MAX_BYTES = 1024 * 1024

_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_LAYOUT = frozenset("\t\n\r")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # Unicode general categories
_NONCHARACTERS = frozenset("\ufffe\uffff")  # YAML forbids them
_STRANGE_SPACE = "Zs"  # Unicode's category of spaces; in YAML, only U+0020 is a space


class RefusedError(Exception):
    """The file cannot be read, or not any further."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


def bytes_of(path: Path) -> bytes:
    """The bytes of a file, at most one more than the limit.

    Raises:
        RefusedError: it cannot be read.
    """
    if not path.is_file():  # a pipe or device would never end
        found = "is not a regular file" if path.exists() else "does not exist"
        raise RefusedError(0, f"{found}; expected a YAML file here")
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RefusedError(0, f"cannot be read: {error.strerror}") from error


def text_of(data: bytes) -> str:
    """The text in the bytes of a file.

    Raises:
        RefusedError: it is not text that is allowed in a YAML file.
    """
    if len(data) > MAX_BYTES:
        raise RefusedError(1, f"is larger than {MAX_BYTES} bytes; split it into several files")
    if data.startswith(_UTF_16_MARKS):
        raise RefusedError(1, "is UTF-16; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise RefusedError(line, "is not UTF-8; save it as UTF-8") from error
    _refuse_invisible(text)
    merge = conflict(text)
    if merge:
        raise RefusedError(merge.line, merge.message)
    directive = re.search(r"(?m)^%", text)
    if directive:
        message = "a line begins with %; YAML directives are not allowed"
        raise RefusedError(_line_at(text, directive.start()), message)
    return text


def _refuse_invisible(text: str) -> None:
    places = [(text.index(character), character) for character in _invisible(text)]
    if places:
        position, character = min(places)
        message = f"contains the invisible character {_code_point(character)}; remove it"
        raise RefusedError(_line_at(text, position), message)


def _invisible(text: str) -> list[str]:
    """Characters that editors do not show; with them, equal-looking names could differ."""
    candidates = set(text) - _LAYOUT
    return sorted(
        c for c in candidates if unicodedata.category(c) in _INVISIBLE or c in _NONCHARACTERS
    )


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def _line_at(text: str, position: int) -> int:
    return len(re.findall(r"\r\n|\r|\n", text[:position])) + 1


def hidden_mistake(text: str) -> str:
    """The message about invisible characters in a text; empty if there are none."""
    hidden = _invisible(text)
    return f"contains the invisible character {_code_point(hidden[0])}; remove it" if hidden else ""


def space_mistake(text: str) -> str:
    """The message about a character that looks like a space but is not one in YAML, or empty.

    Such a character makes an indented key another key.
    """
    if text.isascii():
        return ""
    found = next((c for c in text if c != " " and unicodedata.category(c) == _STRANGE_SPACE), "")
    name = "a non-breaking space" if found == "\u00a0" else "an unusual space"
    return f"contains {name} ({_code_point(found)}); use an ordinary space" if found else ""
