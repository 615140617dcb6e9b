"""Merges requests for images that differ only in what can be checked in the response: pure.

EC2 joins the values of a filter with OR and the filters with AND. So a request with the names of
several lookups returns the images of all of them, and each image's own name says to which lookups
it belongs. What cannot be checked that way stays equal in all requests that are merged.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.kernel.model import Filter, FilterLookup
from services.lookup.resolve import request_filters
from services.lookup.responses import Ami
from services.lookup.wildcards import literal_start, matches_surely

MOST_VALUES = 200
"""The most filter values of a request, all filters together (EC2 user guide)."""

_NAME, _ID = "name", "image-id"
_CHECKED = (_NAME, _ID)
"""Filters that can be checked in the response. Others read what an image does not show, such as
tags of another account, or follow rules that are not documented, such as dates with wildcards."""
_CLEAR_NAME = re.compile(r"(?! )([A-Za-z0-9 ()\[\]./\-'@_*?]|\\[*?\\]){1,255}(?<! )")
"""A pattern whose meaning is documented: characters of image names, wildcards, and escapes of them.
EC2 might trim spaces at its ends."""
_WHOLE_ID = re.compile(r"ami-[0-9a-f]+")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_DISTINCT_START = 4
"""Characters that a name must start with for a request to different owners. A pattern such as `*`
would list all images of all these owners."""
_CACHED_QUERIES = 4096


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """What a lookup requests of EC2: lookups that differ only in their choice have the same one."""

    filters: tuple[Filter, ...]
    owners: tuple[str, ...] = ()

    @classmethod
    def of(cls, lookup: FilterLookup) -> ImageQuery:
        """The query of a lookup."""
        return cls(request_filters(lookup), lookup.owners)

    def values(self, name: str) -> tuple[str, ...]:
        """The values of the filter with this name; none if there is no such filter."""
        return next((each.values for each in self.filters if each.name == name), ())


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """A request for the images of one or more queries."""

    queries: tuple[ImageQuery, ...]

    @property
    def merged(self) -> bool:
        """Whether the request has more than one query, so that its images must be separated."""
        return len(self.queries) > 1

    @property
    def filters(self) -> tuple[Filter, ...]:
        """The filters to send."""
        first = self.queries[0].filters
        return tuple(self._union(f) if self.merged and f.name in _CHECKED else f for f in first)

    @property
    def owners(self) -> tuple[str, ...]:
        """The owners to send."""
        return tuple(dict.fromkeys(owner for query in self.queries for owner in query.owners))

    def _union(self, first: Filter) -> Filter:
        values = (value for query in self.queries for value in query.values(first.name))
        return Filter(first.name, tuple(dict.fromkeys(values)))

    def halves(self) -> list[ImageRequest]:
        """Two requests with half of the queries each."""
        middle = len(self.queries) // 2
        return [ImageRequest(self.queries[:middle]), ImageRequest(self.queries[middle:])]

    def singles(self) -> list[ImageRequest]:
        """A request for each query."""
        return [ImageRequest((query,)) for query in self.queries]


def merged(queries: Iterable[ImageQuery]) -> list[ImageRequest]:
    """The requests to send, with every query once."""
    groups: dict[object, list[ImageQuery]] = defaultdict(list)
    for query in dict.fromkeys(queries):
        groups[_common(query) or query].append(query)
    return [request for group in groups.values() for request in _packed(group)]


@lru_cache(maxsize=_CACHED_QUERIES)
def _common(query: ImageQuery) -> object:
    """What queries in one request have in common; None if the query needs a request of its own.

    Owners can differ if they are account ids, which a response has. The accounts behind `self` or
    an alias are not known here.
    """
    checked = [each for each in query.filters if each.name in _CHECKED]
    if not checked or len({each.name for each in checked}) < len(checked):
        return None
    if not all(map(_can_be_checked, checked)):
        return None
    others = tuple(sorted(each for each in query.filters if each.name not in _CHECKED))
    owners = None if _differs_by_owner(query) else tuple(sorted(query.owners))
    return tuple(sorted(each.name for each in checked)), others, owners


def _can_be_checked(checked: Filter) -> bool:
    allowed = _CLEAR_NAME if checked.name == _NAME else _WHOLE_ID
    return bool(checked.values) and all(map(allowed.fullmatch, checked.values))


def _differs_by_owner(query: ImageQuery) -> bool:
    if not query.owners or not all(map(_ACCOUNT_ID.fullmatch, query.owners)):
        return False
    starts = map(literal_start, query.values(_NAME))
    return bool(query.values(_ID)) or all(len(start) >= _DISTINCT_START for start in starts)


def _packed(queries: Iterable[ImageQuery]) -> Iterator[ImageRequest]:
    """The queries of a group in requests with a limited number of values."""
    batch: list[ImageQuery] = []
    used: set[tuple[str, str]] = set()
    for query in queries:
        values = {(each.name, value) for each in query.filters for value in each.values}
        if batch and len(used | values) > MOST_VALUES:
            yield ImageRequest(tuple(batch))
            batch, used = [], set()
        batch.append(query)
        used |= values
    if batch:
        yield ImageRequest(tuple(batch))


class Separation:
    """Separates the images of a request by its queries, page by page."""

    def __init__(self, request: ImageRequest) -> None:
        self._request = request
        # By the position of the query, since a hash of a query is that of all its filters.
        self._found: list[list[Ami]] = [[] for _ in request.queries]
        self._undecided: set[int] = set()
        self._ids = [frozenset(query.values(_ID)) for query in request.queries]
        self._several_owners = len({frozenset(query.owners) for query in request.queries}) > 1
        self._by_start: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for position, query in enumerate(request.queries):
            for pattern in query.values(_NAME):
                self._by_start[literal_start(pattern)].append((pattern, position))
        self._lengths = sorted(set(map(len, self._by_start)))

    def add(self, images: Iterable[Ami]) -> None:
        """Add a page of the response."""
        if not self._request.merged:
            self._found[0].extend(images)
            return
        for image in images:
            for position, by_name in self._by_name(image).items():
                ids = self._ids[position]
                by_owner = self._by_owner(position, image)
                if (ids and image.image_id not in ids) or by_owner is False:
                    continue
                if by_name and by_owner:
                    self._found[position].append(image)
                else:
                    self._undecided.add(position)

    def found(self) -> Mapping[ImageQuery, Sequence[Ami]]:
        """The images of each query, without queries that have to be sent alone."""
        by_position = enumerate(zip(self._request.queries, self._found, strict=True))
        return {q: images for at, (q, images) in by_position if at not in self._undecided}

    def undecided(self) -> list[ImageRequest]:
        """Requests for the queries of which an image might or might not be part."""
        by_position = enumerate(self._request.queries)
        return [ImageRequest((q,)) for at, q in by_position if at in self._undecided]

    def _by_name(self, image: Ami) -> Mapping[int, bool | None]:
        """The queries whose names match: True, or None if that is not certain."""
        if not self._by_start:
            return dict.fromkeys(range(len(self._found)), True)
        name, passing = image.name or "", dict[int, bool | None]()
        for length in self._lengths:
            for pattern, position in self._by_start.get(name[:length], ()):
                matches = matches_surely(pattern, name)
                if matches is not False and not passing.get(position):
                    passing[position] = matches if image.name else None
        return passing

    def _by_owner(self, position: int, image: Ami) -> bool | None:
        if not self._several_owners:
            return True
        owner = image.details.get("OwnerId")
        return owner in self._request.queries[position].owners if owner else None
