"""Turns pydantic's validation errors into messages that say what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from services.catalogue.document import MAX_PROBLEMS, Document, Location
from services.catalogue.fields import EXPECTED, OWNER, PARAMETER_PATH
from services.catalogue.models import ENTRIES, keys_of
from services.catalogue.owners import owner_mistake
from services.catalogue.paths import path_mistake
from services.catalogue.problems import Problem, printable, shown
from services.catalogue.release_models import ReleaseEntry

_LONGEST_NAME = 80  # characters of a filter's name that a problem shows


def problems_of(
    document: Document, model: type[BaseModel], error: ValidationError
) -> list[Problem]:
    """The validation errors, except on lines where the loader already refused something."""
    details = error.errors(include_url=False)
    meant = _meant(details, model)
    found = (
        document.problem(detail["loc"], _sentence(detail, model))
        for detail in details
        if not _follows(detail, document, meant)
    )
    return list(islice(found, MAX_PROBLEMS + 1))


def _meant(details: Iterable[ErrorDetails], model: type[BaseModel]) -> frozenset[Location]:
    """The locations of the keys that the misspelt keys probably mean."""
    unknown = (detail["loc"] for detail in details if detail["type"] == "extra_forbidden")
    places = islice(unknown, MAX_PROBLEMS + 1)  # no more are listed
    return frozenset((*place[:-1], near) for place in places if (near := _nearest(place, model)))


def _follows(detail: ErrorDetails, document: Document, meant: AbstractSet[Location]) -> bool:
    """Whether the error only repeats another problem.

    Pydantic also reports a list as too short when all its members are invalid, and a misspelt key
    as a missing one.
    """
    emptied = detail["type"] == "too_short" and detail["input"] != []
    misspelt = detail["type"] == "missing" and detail["loc"] in meant
    return emptied or misspelt or document.line(detail["loc"]) in document.flagged


def _sentence(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        return _unknown_key(detail["loc"], model)
    explain = _SENTENCES.get(detail["type"])
    sentence = explain(detail["input"], detail.get("ctx", {})) if explain else detail["msg"]
    if detail["type"] == "model_type" and detail["loc"][-1:] == ("Release",):
        return f"{sentence}: Release: {{Pattern: …, Notes: …}}"
    is_map = detail["type"] == "tuple_type" and isinstance(detail["input"], dict)
    if is_map and detail["loc"][-1] in {"Filters", "Filter"}:
        return sentence + _as_filters(detail["input"])
    return sentence


def _unknown_key(location: Location, file: type[BaseModel]) -> str:
    key = str(location[-1])
    if key.capitalize() in keys_of(ReleaseEntry) and "Release" in _known_keys(location, file):
        return f"is a field of Release; write Release: {{{key.capitalize()}: …}}"
    near = _nearest(location, file)
    if near:
        return f"unknown key; did you mean {near}?"
    return f"unknown key; expected one of {', '.join(_known_keys(location, file))}"


def _known_keys(location: Location, file: type[BaseModel]) -> list[str]:
    place = tuple(part for part in location[:-1] if isinstance(part, str))
    return keys_of(ENTRIES.get(place, file))


def _nearest(location: Location, file: type[BaseModel]) -> str | None:
    """The known key that is most similar to an unknown one."""
    lower = {name.lower(): name for name in _known_keys(location, file)}
    near = difflib.get_close_matches(str(location[-1]).lower()[:100], lower, n=1)
    return lower[near[0]] if near else None


def _what(value: object) -> str:
    match value:
        case None:
            return "is empty"
        case bool():
            return f"is {str(value).lower()}"
        case str():
            return f"is the text {shown(value)}"
        case list():
            return "is a list"
        case _:
            return "is a map"


def _not_text(value: object, _: Mapping[str, Any]) -> str:
    hint = "; put it in quotes" if isinstance(value, bool) else ""
    return f"{_what(value)}, but must be text{hint}"


def _not_a_list(value: object, _: Mapping[str, Any]) -> str:
    match value:
        case str():
            hint = f"; write [{shown(value)}]"
        case dict() if "Name" in value:
            hint = "; begin it with a hyphen: - Name: …"
        case _:
            hint = ""
    return f"{_what(value)}, but must be a list{hint}"


def _as_filters(value: Mapping[str, object]) -> str:
    """How to write a map of filters and values, which other tools accept, as a list."""
    name, content = next(iter(value.items()), ("name", "…"))
    match content:
        case _ if "Name" in value:
            return ""
        case [str(first), *_]:
            values = f"[{shown(first)}, …]"
        case _:
            values = f"[{shown(content)}]" if isinstance(content, str) else "[…]"
    return f"; write each filter as {{Name: {printable(name, _LONGEST_NAME)}, Values: {values}}}"


_ORDERS = {
    "version": "release",
    "semver": "release",
    "name": "release",
    "creation-date": "date",
    "creationdate": "date",
    "created": "date",
    "time": "date",
    "newest": "date",
    "latest": "date",
}
"""Other words for the orders of images."""


def _not_a_member(value: object, context: Mapping[str, Any]) -> str:
    """A text that is not one of the values of a field."""
    expected = str(context["expected"])
    known = {name: name for name in re.findall(r"'([^']+)'", expected)}
    others = _ORDERS if "date" in known else {}
    text = value.strip().lower()[:100] if isinstance(value, str) else ""
    near = difflib.get_close_matches(text, [*known, *others], n=1)
    guess = f"; did you mean {(known | others)[near[0]]}?" if near else ""
    return f"{_what(value)}, but must be {expected}{guess}"


def _wrong_pattern(value: object, context: Mapping[str, Any]) -> str:
    mistake = _MISTAKES.get(context["pattern"])
    return (
        mistake(str(value))
        if mistake
        else f"{_what(value)}, but must be {EXPECTED[context['pattern']]}"
    )


_MISTAKES: Mapping[str, Callable[[str], str]] = {
    OWNER: owner_mistake,
    PARAMETER_PATH: path_mistake,
}


def _too_long(value: object, context: Mapping[str, Any]) -> str:
    return f"is {len(str(value))} characters long; at most {context['max_length']} are allowed"


_SENTENCES: Mapping[str, Callable[[object, Mapping[str, Any]], str]] = {
    "missing": lambda _, __: "is missing, but required",
    "model_type": lambda value, _: f"{_what(value)}, but must be a map of keys and values",
    "string_type": _not_text,
    "tuple_type": _not_a_list,
    "enum": _not_a_member,
    "string_pattern_mismatch": _wrong_pattern,
    "string_too_long": _too_long,
    "string_too_short": lambda _, __: "is empty, but must be text",
    "too_short": lambda _, __: "is an empty list; add at least one, or remove the key",
    "too_long": lambda _, context: f"has more than {context['max_length']} members",
}
