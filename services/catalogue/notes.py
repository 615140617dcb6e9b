"""Checks of `Release.Notes`: a URL with the named groups of the pattern as fields."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from urllib.parse import quote

from services.catalogue.problems import shown
from services.kernel.release_key import GROUP, fields_of

_FIELD = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")
_OTHER_FIELD = re.compile(
    r"\{\{\s*\w*\s*\}\}|\$\{\w*\}?|\$[A-Za-z_]\w*|<\w+>|%\(\w+\)s|%s(?![0-9A-Fa-f])|\(\?P?<\w+>"
)
_URL = re.compile(r"https?://", re.IGNORECASE)
_HOST = re.compile(
    r"https?://([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?(?=[/?#]|\Z)"
)
_FOREIGN = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def notes_mistake(notes: str) -> str | None:
    """Why a text is not the URL of release notes: one sentence about its first mistake."""
    return _other_field(notes) or _text_mistake(notes) or _host_mistake(notes)


def _other_field(notes: str) -> str | None:
    """A field in the syntax of another tool."""
    found = _OTHER_FIELD.search(notes)
    if found is None:
        return None
    name = re.sub(r"\W|s$", "", found[0]) if found[0].startswith("%") else found[0]
    name = re.sub(r"^\(\?P|\W", "", name) or GROUP
    return f"contains {found[0]}; write a field as {{{name}}}"


def _text_mistake(notes: str) -> str | None:
    if not _URL.match(notes):
        return "is not a URL; begin it with https://"
    plain = _FIELD.sub("", notes)
    if "{" in plain or "}" in plain:
        return "contains a brace that belongs to no field; write a field as {release}"
    foreign = _FOREIGN.search(plain) or _PERCENT.search(plain)
    if foreign:
        code = quote(foreign[0], safe="", errors="replace")
        return f"contains {shown(foreign[0])}, which is not allowed there in a URL; write {code}"
    return None


def _host_mistake(notes: str) -> str | None:
    """A field in the host would let the name of an image choose the site."""
    if _HOST.match(notes):
        return None
    return "has no valid host; write https://HOST/PATH, with fields only after the host"


def unknown_field(notes: str, groups: Collection[str]) -> str | None:
    """The first field that is none of the groups."""
    return next((field for field in fields_of(notes) if field not in groups), None)


def unknown_field_mistake(field: str, groups: Collection[str]) -> str:
    """The message about a field of the notes that is no group of the pattern."""
    near = difflib.get_close_matches(field.lower(), sorted(groups), n=1)
    listed = ", ".join(sorted(groups))
    guess = f"did you mean {{{near[0]}}}?" if near else f"its named groups are {listed}"
    return f"contains {{{field}}}, which is no named group of Pattern; {guess}"
