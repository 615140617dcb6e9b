"""The entries of a file before they are validated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.catalogue.document import Document, Location
from services.catalogue.problems import Problem


@dataclass(frozen=True, slots=True)
class Entry:
    """A map in one of the lists of a file."""

    document: Document
    location: Location
    content: Mapping[str, object]

    def problem(self, field: str, message: str) -> Problem:
        """A problem of a field of this entry."""
        return self.document.problem((*self.location, field), message)


def entries(document: Document, group: str) -> Iterator[Entry]:
    """The maps in the list of this name."""
    content = document.value.get(group) if isinstance(document.value, dict) else None
    for index, entry in enumerate(content if isinstance(content, list) else ()):
        if isinstance(entry, dict):
            yield Entry(document, (group, index), entry)
