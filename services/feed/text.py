"""Text from outside in the files of the feed: without effects, and bounded."""

from __future__ import annotations

import json
import re

from services.history.observed import link

SCHEMA = 1
"""The version of the form of the JSON files."""
GENERATOR = "ami-tracker"
"""What the files name as their generator."""

_REPLACED = "\N{REPLACEMENT CHARACTER}"
_LONGEST = 200
_URL = re.compile(r"[A-Za-z0-9._~:/?#@!$&*+,;=%-]{1,300}")
_IN_MARKDOWN = str.maketrans({"(": "%28", ")": "%29", "'": "%27"})
"""Characters that end a link in Markdown."""


def json_text(value: object) -> str:
    """A JSON file: sorted keys, ASCII only, a newline at the end."""
    return json.dumps(value, sort_keys=True, indent=2, ensure_ascii=True) + "\n"


def visible(text: str, limit: int = _LONGEST) -> str:
    """A text of one line: each invisible character is replaced, and a long text is cut off."""
    shown = "".join(each if each.isprintable() else _REPLACED for each in text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[:limit]}..."


def code(value: str | int | bool) -> str:  # noqa: FBT001 - a value of a fact
    """A value as code in Markdown, in which no character has an effect."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{visible(text).replace('`', chr(39)) or ' '}`"


def safe_link(url: str | None) -> str | None:
    """The URL, if it is one of http or https that no reader of the feed can misunderstand."""
    found = (link(url) or "").translate(_IN_MARKDOWN)
    return found if _URL.fullmatch(found) else None
