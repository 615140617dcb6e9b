"""An image that is in no file: its options as a document, checked like a YAML file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from services.catalogue.document import Document
from services.catalogue.load import read_images
from services.catalogue.problems import ConfigurationError, Problem
from services.console.lookup.options import EntryOptions
from services.console.lookup.problems import UsageProblem
from services.kernel.model import Image

NAME = "this-lookup"
"""The name of the image in the output."""

_OPTIONS = {
    "ParameterPath": "--parameter",
    "Filters": "--filter",
    "Owners": "--owner",
    "ExcludeNames": "--exclude-name",
    "OrderBy": "--order-by",
    "Release.Pattern": "--release-pattern",
    "Release.Notes": "--notes",
}
_FIELD = re.compile(r"Release\.\w+|\w+")
_INDEX = re.compile(r"\[([0-9]+)\]")


def image_of(
    options: EntryOptions, *, allow_unknown_filters: bool = False
) -> tuple[Image, tuple[Problem, ...]]:
    """The image that the options describe, and the warnings about it.

    Raises:
        ConfigurationError: they are not a valid entry; each problem names its option.
        UsageProblem: a filter has no name or no value.
    """
    document = Document("options", {"images": [_entry(options)]}, {})
    try:
        images, warnings = read_images(document, allow_unknown_filters=allow_unknown_filters)
    except ConfigurationError as error:
        raise ConfigurationError(
            _by_option(error.problems, options), _by_option(error.warnings, options)
        ) from error
    return images[0], tuple(_by_option(warnings, options))


def _entry(options: EntryOptions) -> Mapping[str, object]:
    release = {"Pattern": options.release_pattern, "Notes": options.notes}
    fields: dict[str, object] = {
        "ParameterPath": options.parameter,
        "Filters": [_filter(text) for text in options.filters],
        "Owners": list(options.owners),
        "ExcludeNames": list(options.exclude_names),
        "OrderBy": options.order_by,
        "Release": {key: text for key, text in release.items() if text},
    }
    return {"Name": NAME, **{key: value for key, value in fields.items() if value}}


def _filter(text: str) -> Mapping[str, object]:
    name, equals, values = text.partition("=")
    if not equals or not name or not values:
        message = f"--filter {text!r} must be NAME=VALUE[,VALUE...], such as architecture=x86_64"
        raise UsageProblem(message)
    return {"Name": name, "Values": values.split(",")}


def _by_option(problems: tuple[Problem, ...], options: EntryOptions) -> Iterator[Problem]:
    for problem in problems:
        yield replace(problem, file=_option(problem, options), line=0, entry="", field="")


def _option(problem: Problem, options: EntryOptions) -> str:
    """The option of a problem's field, with its value if it can be given several times."""
    field = _FIELD.match(problem.field)
    option = _OPTIONS.get(field[0] if field else "")
    if option is None:
        return "--parameter or --filter" if not problem.field else problem.field
    given = {
        "--filter": options.filters,
        "--owner": options.owners,
        "--exclude-name": options.exclude_names,
    }.get(option, ())
    index = _INDEX.search(problem.field)
    at = int(index[1]) if index else len(given)
    return f"{option} {given[at]}" if at < len(given) else option
