"""The AWS CLI command that gives the same answer as a lookup: pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kernel.model import Filter, FilterLookup, OrderBy, ParameterLookup, Target
from services.lookup.resolve import request_filters

_PLAIN = re.compile(r"[A-Za-z0-9*?._:/@+-]+")
_SIMPLE = re.compile(r"(\**)([^*?\\]+)(\**)")
_NAME = 'not_null(Name, `""`)'
_COLUMNS = "[ImageId,Name,CreationDate]"


class Purpose(StrEnum):
    """What a command is for."""

    ANSWER = "answer"
    """It gives the same answer as the lookup."""
    IMAGE = "image"
    """It shows the image that a parameter names."""
    LIST = "list"
    """It lists similar parameters."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and in which way its answer differs; an empty text if it does not."""

    text: str
    purpose: Purpose = Purpose.ANSWER
    differs: str = ""


def parameter_command(lookup: ParameterLookup, target: Target) -> Command:
    """The command that prints a parameter's value."""
    words = ["aws", "ssm", "get-parameters", "--region", target.region]
    words += ["--names", lookup.parameter_path]
    words += ["--query", "Parameters[].[Value,Version,LastModifiedDate]", "--output", "text"]
    return Command(shlex.join(words))


def list_command(path: str, target: Target) -> Command:
    """The command that lists the parameters near a path."""
    parent, _, name = path.rpartition("/")
    if parent:
        words = ["get-parameters-by-path", "--region", target.region]
        words += ["--path", parent, "--recursive", "--query", "Parameters[].[Name]"]
    else:
        words = ["describe-parameters", "--region", target.region, "--parameter-filters"]
        words += [f"Key=Name,Option=Contains,Values={name}", "--query", "Parameters[].[Name]"]
    return Command(shlex.join(["aws", "ssm", *words, "--output", "text"]), Purpose.LIST)


def image_command(image_id: str, target: Target) -> Command:
    """The command that shows whether an image is visible."""
    words = ["aws", "ec2", "describe-images", "--region", target.region, "--include-deprecated"]
    words += ["--filters", f"Name=image-id,Values={image_id}"]
    words += ["--query", f"Images[].{_COLUMNS[:-1]},State]", "--output", "text"]
    return Command(shlex.join(words), Purpose.IMAGE)


def filter_command(
    lookup: FilterLookup, target: Target, moment: datetime, *, all_deprecated: bool = False
) -> Command:
    """The command that prints the image that a filter lookup selects."""
    words = ["aws", "ec2", "describe-images", "--region", target.region, "--include-deprecated"]
    words += ["--owners", *lookup.owners] if lookup.owners else []
    words += ["--filters", *_filters(request_filters(lookup))]
    # With the output text, the AWS CLI applies the query to each page.
    words += ["--query", query(lookup, moment, all_deprecated=all_deprecated), "--output", "json"]
    return Command(shlex.join(words), differs=_difference(lookup))


def query(lookup: FilterLookup, moment: datetime, *, all_deprecated: bool = False) -> str:
    """The JMESPath expression that selects the image of a response.

    The sorts are stable, so the last one has precedence. With an order by release, which JMESPath
    cannot compute, it lists every candidate.
    """
    instant = _literal(f"{moment:%Y-%m-%dT%H:%M:%S.000Z}")
    deprecated = f"(!DeprecationTime || DeprecationTime > {instant})"
    tests = [] if all_deprecated else [deprecated]
    tests += [f"!({test})" for test in map(_test, lookup.exclude_names) if test]
    images = f"Images[?{' && '.join(tests)}]" if tests else "Images"
    for key in ("ImageId", _NAME, "CreationDate"):
        images = f"sort_by({images}, &{key})"
    last = "[-1]" if lookup.order_by is OrderBy.DATE else "[]"
    return f"{images}{last}.{_COLUMNS}"


def _test(wildcard: str) -> str | None:
    """The condition that a name matches a wildcard; None if JMESPath has no such condition."""
    simple = _SIMPLE.fullmatch(wildcard)
    if simple is None:
        return None
    before, text, after = simple.groups()
    name, literal = _NAME, _literal(text)
    if not before and not after:
        return f"{name} == {literal}"
    function = "contains" if before and after else "ends_with" if before else "starts_with"
    return f"{function}({name}, {literal})"


def _literal(text: str) -> str:
    """A JSON literal of JMESPath: its backticks need no escape in a shell's single quotes."""
    escaped = json.dumps(text).replace("`", "\\`")
    return f"`{escaped}`"


def _difference(lookup: FilterLookup) -> str:
    left = [wildcard for wildcard in lookup.exclude_names if _test(wildcard) is None]
    parts = []
    if lookup.order_by is OrderBy.RELEASE:
        parts.append("it lists every candidate by date, since it cannot order by release")
    if left:
        parts.append(f"it does not exclude {', '.join(left)}")
    return "; ".join(parts)


def _filters(filters: Sequence[Filter]) -> list[str]:
    """The shorthand of the AWS CLI, or JSON if a text has a character with a meaning there."""
    texts = [text for each in filters for text in (each.name, *each.values)]
    if all(_PLAIN.fullmatch(text) for text in texts):
        return [f"Name={each.name},Values={','.join(each.values)}" for each in filters]
    return [json.dumps([{"Name": each.name, "Values": list(each.values)} for each in filters])]
