"""Checks that compare the entries of regions.yaml with each other."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from services.catalogue.document import Document
from services.catalogue.entries import Entry, entries
from services.catalogue.problems import Problem, shown
from services.kernel.wire import REGION

_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
    "us-iso-": "aws-iso",
    "eu-isoe-": "aws-iso-e",
    "eusc-": "aws-eusc",
}


def region_problems(document: Document) -> Iterator[Problem]:
    """The problems of regions.yaml apart from its schema, such as a duplicate target."""
    default = document.value.get("AccountId") if isinstance(document.value, dict) else None
    seen: dict[tuple[object, object], Entry] = {}
    for entry in entries(document, "regions"):
        account = entry.content.get("AccountId", default)
        target = (entry.content.get("Name"), account)
        if account is None and "AccountId" not in entry.content:
            yield entry.problem("AccountId", "no account; add one here, or one for the whole file")
        if not all(isinstance(part, str) for part in target):
            continue
        if target in seen:
            line = document.line(seen[target].location)
            yield entry.problem("Name", f"duplicate of line {line}: same region and account")
        seen.setdefault(target, entry)
    yield from _partition_problems(list(seen.values()))


def _partition_problems(listed: Sequence[Entry]) -> Iterator[Problem]:
    """Regions in another partition than the first region."""
    for entry in listed[1:]:
        name, first = str(entry.content["Name"]), str(listed[0].content["Name"])
        if partition_of(name) != partition_of(first):
            message = (
                f"{shown(name)} is in another partition ({partition_of(name)}) than {shown(first)} "
                f"({partition_of(first)}), where its roles are not valid; deploy a hub there"
            )
            yield entry.problem("Name", message)


def partition_of(region: str) -> str:
    """The partition of a region, from the beginning of its name."""
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def region_warnings(document: Document, known: AbstractSet[str]) -> Iterator[Problem]:
    """The regions of regions.yaml that are not in `known`: they are misspelt, or newer."""
    for entry in entries(document, "regions"):
        name = entry.content.get("Name")
        # The field's own check reports malformed names.
        if isinstance(name, str) and re.match(REGION, name) and name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            guess = f"; did you mean {near[0]}?" if near else ""
            yield entry.problem("Name", f"{name} is not in this version's list of regions{guess}")
