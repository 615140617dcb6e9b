"""Why a lookup finds nothing: which of its filters, or which similar parameter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from services.catalogue.filter_models import OWNER_FILTERS
from services.console.lookup.first_pages import FirstPage, PageSource
from services.console.lookup.selection import nearest
from services.console.lookup.trial import Trial
from services.kernel.errors import Failure
from services.kernel.model import Filter, FilterLookup, ParameterLookup, State, Target
from services.lookup.explain import FilterExplanation
from services.lookup.resolve import request_filters

MAX_FILTERS = 8
"""Filters that are tried, each with at most two calls; two more are for the owners and a name."""
_SIMILAR = 3
_WORD = re.compile(r"[A-Za-z]*")


def reasons(trial: Trial, pages: PageSource, known_paths: Iterable[str]) -> list[str]:
    """Sentences about a lookup that found nothing; empty for another result."""
    failure = trial.failure
    if failure is None or failure.state is not State.NOT_FOUND:
        return []
    match trial.image.lookup:
        case ParameterLookup(path):
            return list(_of_parameter(path, known_paths))
        case FilterLookup() as lookup:
            return _excluded(trial) or list(_of_filters(lookup, trial.target, pages))


def _of_parameter(path: str, known_paths: Iterable[str]) -> Iterator[str]:
    near = nearest(path, {each for each in known_paths if each != path})
    if near:
        yield f"the most similar parameter of the image files is {near[0]}"
    if path.startswith("arn:"):
        yield "the owner must share the parameter with this account (AWS RAM)"


def _excluded(trial: Trial) -> list[str]:
    match trial.explanation:
        case FilterExplanation(candidates=(), excluded=excluded) if excluded:
            wildcards = ", ".join(sorted({each.pattern for each in excluded}))
            return [f"{len(excluded)} image(s) match, and ExcludeNames excludes all: {wildcards}"]
        case _:
            return []


def _of_filters(lookup: FilterLookup, target: Target, pages: PageSource) -> Iterator[str]:
    """Which filter finds nothing alone; else without which one the others find something."""
    search = _Search(lookup, target, pages)
    everything = search.page(())
    if isinstance(everything, Failure):
        return
    if search.owned and everything.empty:
        yield f"no available image {search.owned} is visible here"
        return
    filters = search.others[:MAX_FILTERS]
    alone = {each: search.page((each,)) for each in filters}
    empty = [each for each, page in alone.items() if _is_empty(page)]
    for each in empty:
        yield f"{shown_filter(each)} finds nothing, even as the only filter"
    yield from search.similar_names([each for each in empty if each.name == "name"])
    if not empty:
        yield from search.without_one(filters)


def _is_empty(page: FirstPage | Failure) -> bool:
    return isinstance(page, FirstPage) and page.empty


def shown_filter(given: Filter) -> str:
    """A filter as the option `--filter` has it."""
    return f"{given.name}={','.join(given.values)}"


class _Search:
    """Requests first pages with the owners of a lookup and some of its filters."""

    def __init__(self, lookup: FilterLookup, target: Target, pages: PageSource) -> None:
        self._lookup = lookup
        self._target = target
        self._pages = pages
        self._owner_filters = [each for each in lookup.filters if each.name in OWNER_FILTERS]
        self.others = [
            each for each in lookup.filters if each.name not in {*OWNER_FILTERS, "state"}
        ]

    @property
    def owned(self) -> str:
        """The owners for a sentence."""
        owners = [f"of the owners {', '.join(self._lookup.owners)}"] if self._lookup.owners else []
        return " ".join([*owners, *(f"with {shown_filter(each)}" for each in self._owner_filters)])

    def page(self, filters: Sequence[Filter]) -> FirstPage | Failure:
        """The first page of the owners' available images that match these filters."""
        narrowed = replace(self._lookup, filters=(*self._owner_filters, *filters))
        return self._pages.first_page(self._target, request_filters(narrowed), self._lookup.owners)

    def similar_names(self, names: Sequence[Filter]) -> Iterator[str]:
        """Names that begin with the same word as a name that no image has."""
        for value in [each.values[0] for each in names]:
            page = self.page((Filter("name", (f"{_WORD.match(value)[0]}*",)),))  # type: ignore[index] # matches every text
            found = page.names if isinstance(page, FirstPage) else ()
            near = nearest(value, filter(None, found), _SIMILAR)
            if near:
                yield f"similar names of these owners: {', '.join(near)}"

    def without_one(self, filters: Sequence[Filter]) -> Iterator[str]:
        """The filters without which the others find something."""
        for each in filters if len(filters) > 1 else ():
            page = self.page([other for other in filters if other != each])
            if isinstance(page, FirstPage) and page.names:
                yield f"each filter finds images alone; without {shown_filter(each)}, all others do"
