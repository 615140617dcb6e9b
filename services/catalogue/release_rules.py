"""Checks of `Release` and `OrderBy`, in an image and at the top of its file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from services.catalogue.document import Location
from services.catalogue.entries import Entry
from services.catalogue.notes import notes_mistake, unknown_field, unknown_field_mistake
from services.catalogue.patterns import groups_of, pattern_mistake
from services.catalogue.problems import Problem
from services.kernel.model import OrderBy
from services.kernel.wire import MAX_NOTES, MAX_PATTERN

_MOST_KEYS = 50  # keys of a map that are compared; a valid one has fewer
_KEYS = frozenset({"Pattern", "Notes"})
_NO_PATTERN = (
    "needs a Pattern that reads the release from the AMI name; add Release: {Pattern: '…'} here or "
    "at the top of the file"
)
_NO_GROUPS = (
    "contains the field {{{}}}, and no Pattern reads it from the AMI name; add Pattern, or write "
    "a URL without fields"
)


@dataclass(frozen=True, slots=True)
class _Field:
    """The text of a field of `Release`, and its place."""

    location: Location
    text: str


def release_problems(entry: Entry) -> Iterator[Problem]:
    """The problems of an image's release rule, after the file's rule is merged into it."""
    found = list(_problems(entry))
    # A misspelt key, which is reported separately, can be what is missing.
    if found and not (_misspelt(entry.content) or _misspelt(entry.document.value)):
        yield from found


def _problems(entry: Entry) -> Iterator[Problem]:
    own, of_file = _map(entry.content), _map(entry.document.value)
    if own is None or of_file is None or not own.keys() | of_file.keys() <= _KEYS:
        return  # reported separately
    rule = {**_fields(of_file, ("Release",)), **_fields(own, (*entry.location, "Release"))}
    wanted = entry.content.get("OrderBy") == OrderBy.RELEASE
    if wanted and "ParameterPath" not in entry.content and "Pattern" not in rule:
        yield entry.problem("OrderBy", _NO_PATTERN)
    if "Notes" in rule:
        yield from _notes_problems(entry, rule["Notes"], rule.get("Pattern"))


def _notes_problems(entry: Entry, notes: _Field, pattern: _Field | None) -> Iterator[Problem]:
    if len(notes.text) > MAX_NOTES or notes_mistake(notes.text):
        return  # reported by the field's own check
    if pattern is None:
        field = unknown_field(notes.text, ())
        if field:
            yield entry.document.problem(notes.location, _NO_GROUPS.format(field))
        return
    if len(pattern.text) > MAX_PATTERN or pattern_mistake(pattern.text):
        return
    groups = groups_of(pattern.text)
    field = unknown_field(notes.text, groups)
    if field is None:
        return
    if len(notes.location) >= len(pattern.location):
        yield entry.document.problem(notes.location, unknown_field_mistake(field, groups))
        return
    message = f"has no group {field}, which the Notes at the top of the file contain"
    repair = f"add (?P<{field}>…), or Notes to this Release"
    yield entry.document.problem(pattern.location, f"{message}; {repair}")


def _misspelt(content: object) -> bool:
    """Whether an unknown key of a map probably means `Release`, or is one of its fields."""
    keys = islice(content, _MOST_KEYS) if isinstance(content, dict) else ()
    return any(
        key.capitalize() in _KEYS or difflib.get_close_matches(key.lower()[:100], ["release"])
        for key in keys
        if key != "Release"
    )


def _map(content: object) -> Mapping[str, object] | None:
    """The `Release` of a map: empty if there is none, None if it is not a map."""
    found = content.get("Release", {}) if isinstance(content, dict) else {}
    return found if isinstance(found, dict) else None


def _fields(found: Mapping[str, object], place: Location) -> dict[str, _Field]:
    return {
        key: _Field((*place, key), value)
        for key, value in found.items()
        if isinstance(value, str) and value
    }
