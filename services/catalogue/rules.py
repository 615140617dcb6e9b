"""Checks that compare the fields of images with each other; the models check single fields.

The rules read entries before validation, so a misspelt field does not hide another mistake.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from services.catalogue.document import MAX_PROBLEMS, Document, Location
from services.catalogue.entries import Entry, entries
from services.catalogue.fields import MAX_TEXT
from services.catalogue.filter_models import OWNER_FILTERS
from services.catalogue.filters import (
    escape_mistake,
    filter_name_mistake,
    image_name_mistake,
    names_architecture,
    state_mistake,
)
from services.catalogue.models import ImageEntry, keys_of
from services.catalogue.older_form import OlderFormError, parse_older_form
from services.catalogue.problems import Problem
from services.catalogue.release_rules import release_problems
from services.catalogue.target_rules import target_problems, target_warnings
from services.kernel.model import Target
from services.kernel.wire import canonical_json

_NO_OWNER = (
    "has no owner. Anyone can publish a public image under any name, and the newest match would be "
    "selected (the whoAMI name confusion attack). Add Owners, such as [amazon] or the publisher's "
    "account id, or an owner-id, owner-alias or image-id filter"
)

_NO_ARCHITECTURE = (
    "has no architecture, so the newest image of any architecture is selected; add an architecture "
    "filter, such as [x86_64] or [arm64], or one with both values if that is intended"
)

_LOOKUPS = frozenset({"ParameterPath", "Filters", "Filter"})
_LONGEST_KEY = 100  # characters of an unknown key that are compared with known keys
_MAX_ENTRY_BYTES = 100_000
"""As JSON. A message can have 256 KiB on any queue, a row 400 KB; 200 filter values of 255
characters need about 52,000 bytes."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The context of the checks: the targets (None if they are unknown), and an option."""

    targets: Sequence[Target] | None = None
    allow_unknown_filters: bool = False


def image_problems(documents: Iterable[Document], around: Surroundings) -> Iterator[Problem]:
    """The problems of the images, apart from their schema."""
    seen: dict[str, Entry] = {}
    for document in documents:
        found = (
            problem
            for entry in entries(document, "images")
            for problem in _entry_problems(entry, seen, around)
        )
        # A problem of the file's Release is found with each image.
        yield from islice(_distinct(found), MAX_PROBLEMS + 1)


def _distinct(problems: Iterable[Problem]) -> Iterator[Problem]:
    seen: set[Problem] = set()
    for problem in problems:
        if problem not in seen:
            seen.add(problem)
            yield problem


def image_warnings(documents: Iterable[Document]) -> Iterator[Problem]:
    """Warnings about what is allowed but probably not intended."""
    for document in documents:
        for entry in entries(document, "images"):
            yield from target_warnings(entry)
            key, filters = _filters_of(entry)
            if key and not _says_architecture(filters):
                yield entry.problem(key, _NO_ARCHITECTURE)


def _says_architecture(filters: Sequence[_FilterPlace]) -> bool:
    by_name = {found.name: found for found in filters}
    if "name" not in by_name or by_name.keys() & {"architecture", "image-id"}:
        return True
    return names_architecture(value for _, value in by_name["name"].values)


def _entry_problems(
    entry: Entry, seen: dict[str, Entry], around: Surroundings
) -> Iterator[Problem]:
    yield from _name_problems(entry, seen)
    yield from _lookup_problems(entry)
    yield from _filter_problems(entry, allow_unknown=around.allow_unknown_filters)
    yield from _excluded_problems(entry)
    yield from _size_problems(entry)
    yield from release_problems(entry)
    if around.targets is not None:
        yield from target_problems(entry, around.targets)


def _name_problems(entry: Entry, seen: dict[str, Entry]) -> Iterator[Problem]:
    name = entry.content.get("Name")
    if not isinstance(name, str):
        return
    first = seen.setdefault(name.lower(), entry)
    if first is not entry:
        place = f"{first.document.file}:{first.document.line((*first.location, 'Name'))}"
        case = (
            ""
            if first.content["Name"] == name
            else "; names that differ only in case are duplicates"
        )
        yield entry.problem("Name", f"duplicate name, first defined at {place}{case}")


def _lookup_problems(entry: Entry) -> Iterator[Problem]:
    given = [key for key in entry.content if key in _LOOKUPS]
    if not given and not _misspells(entry, *_LOOKUPS):
        yield entry.document.problem(
            entry.location, "has no lookup; add either ParameterPath or Filters"
        )
    if len(given) > 1:
        yield entry.problem(given[1], f"cannot be used with {given[0]}; keep one of them")
    if given == ["ParameterPath"]:
        yield from _unused_problems(entry)
    elif given and "ParameterPath" not in given and not _names_owner(entry, given[0]):
        yield entry.problem(given[0], _NO_OWNER)


def _misspells(entry: Entry, *wanted: str) -> bool:
    """Whether an unknown key, which is reported separately, probably means one of these."""
    return any(_meant(key[:_LONGEST_KEY]) in wanted for key in entry.content)


@lru_cache(maxsize=1024)
def _meant(key: str) -> str:
    """The known key that is most similar; empty if the key is known or similar to none."""
    known = {name.lower(): name for name in keys_of(ImageEntry)}
    if key in known.values():
        return ""
    near = difflib.get_close_matches(key.lower(), known, n=1)
    return known[near[0]] if near else ""


# --- filters


@dataclass(frozen=True, slots=True)
class _FilterPlace:
    """One filter, with the locations of its name and of each of its values."""

    location: Location
    name: str
    values: tuple[tuple[Location, str], ...]


def _filters_of(entry: Entry) -> tuple[str, list[_FilterPlace]]:
    """The key of the filters and those that can be read; an empty key if there are none."""
    key = next((key for key in entry.content if key in _LOOKUPS - {"ParameterPath"}), "")
    found = (_read_filters(entry.content[key]) or []) if key else []
    return key, [
        _placed(member, (*entry.location, key, index))
        for index, member in enumerate(found)
        if isinstance(member, dict) and isinstance(member.get("Name"), str)
    ]


def _placed(member: Mapping[str, object], location: Location) -> _FilterPlace:
    values = member.get("Values")
    texts = tuple(
        ((*location, "Values", index), value)
        for index, value in enumerate(values if isinstance(values, list) else ())
        if isinstance(value, str)
    )
    return _FilterPlace((*location, "Name"), str(member["Name"]), texts)


_VALUE_MISTAKES: Mapping[str, Callable[[str], str | None]] = {
    "name": image_name_mistake,
    "state": state_mistake,
}


def _filter_problems(entry: Entry, *, allow_unknown: bool) -> Iterator[Problem]:
    for found in _filters_of(entry)[1]:
        mistake = None if allow_unknown or not found.name else filter_name_mistake(found.name)
        if mistake:
            yield entry.document.problem(found.location, mistake)
        for location, value in found.values:
            mistake = _value_mistake(found.name, value)
            if mistake:
                yield entry.document.problem(location, mistake)


def _value_mistake(name: str, value: str) -> str | None:
    """The first mistake of a filter's value; owners have their own check."""
    if name in OWNER_FILTERS or not 0 < len(value) <= MAX_TEXT:
        return None  # reported by the field's own check
    special = _VALUE_MISTAKES.get(name)
    return escape_mistake(value) or (special(value) if special else None)


def _excluded_problems(entry: Entry) -> Iterator[Problem]:
    patterns = entry.content.get("ExcludeNames")
    for index, pattern in enumerate(patterns if isinstance(patterns, list) else ()):
        mistake = _value_mistake("name", pattern) if isinstance(pattern, str) else None
        if mistake:
            location = (*entry.location, "ExcludeNames", index)
            yield entry.document.problem(location, mistake)


def _size_problems(entry: Entry) -> Iterator[Problem]:
    size = len(canonical_json(entry.content))
    if size > _MAX_ENTRY_BYTES:
        message = f"is {size:,} bytes as JSON; the limit is {_MAX_ENTRY_BYTES:,}"
        yield entry.document.problem(entry.location, message)


def _unused_problems(entry: Entry) -> Iterator[Problem]:
    for key in ("Owners", "ExcludeNames", "OrderBy"):
        if key in entry.content:
            yield entry.problem(key, "has no effect with ParameterPath; remove it, or use Filters")


def _names_owner(entry: Entry, key: str) -> bool:
    if "Owners" in entry.content or _misspells(entry, "Owners"):
        return True
    filters = _read_filters(entry.content[key])
    if filters is None:
        return True  # unreadable, which is reported separately
    names = [member.get("Name") for member in filters if isinstance(member, dict)]
    # A filter without a name is reported separately, and can be the owner's.
    return any(not isinstance(name, str) or name in OWNER_FILTERS for name in names)


def _read_filters(value: object) -> list[object] | None:
    try:
        filters = parse_older_form(value) if isinstance(value, str) else value
    except OlderFormError:
        return None
    return filters if isinstance(filters, list) else None
