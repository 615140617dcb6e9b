"""Checks of `Release` and `OrderBy`, in an image and at the top of its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from services.catalogue.entries import Entry
from services.catalogue.problems import Problem
from services.kernel.model import OrderBy

_NO_PATTERN = (
    "needs a Pattern that reads the release from the AMI name; add Release: {Pattern: '…'} here or "
    "at the top of the file"
)


def release_problems(entry: Entry) -> Iterator[Problem]:
    """The problems of an image's release rule, after the file's rule is merged into it."""
    maps = [_map(entry.content), _map(entry.document.value)]
    wanted = entry.content.get("OrderBy") == OrderBy.RELEASE
    useful = wanted and "ParameterPath" not in entry.content
    if useful and not any("Pattern" in found for found in maps):
        yield entry.problem("OrderBy", _NO_PATTERN)


def _map(content: object) -> Mapping[str, object]:
    found = content.get("Release") if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}
