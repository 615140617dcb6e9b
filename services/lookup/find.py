"""Finds the current image of each pair of a target, with as few API calls as possible.

Finding does not write to the table; `settle` commits the result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from services.kernel.clock import now
from services.kernel.errors import CallFailedError, Failure
from services.kernel.failures import of_one_call
from services.kernel.model import FilterLookup, Pair, ParameterLookup, State, Target
from services.kernel.observability import Log
from services.lookup.findings import Unseen, listed, named_image, shown
from services.lookup.resolve import (
    NO_IMAGE,
)
from services.lookup.responses import (
    Ami,
    Finding,
    Matches,
    ParameterValue,
)

T = TypeVar("T")


class ImageSource(Protocol):
    """The calls into a target that finding needs; `Sources` with SSM and EC2, a fake in tests."""

    def ensure_session(self, target: Target) -> None:
        """Assume the target's role."""
        ...

    def parameters(
        self,
        target: Target,
        paths: Sequence[str],
        denied: Collection[str] = (),
        *,
        images_allowed: bool = False,
    ) -> Iterator[tuple[str, ParameterValue | Failure | None]]:
        """Each parameter's value; a call is made when the iterator reaches it."""
        ...

    def matching(
        self, target: Target, lookups: Sequence[FilterLookup]
    ) -> Iterator[tuple[FilterLookup, Matches | Failure]]:
        """The images that match each lookup; a call is made when the iterator reaches it."""
        ...

    def images(
        self, target: Target, image_ids: Sequence[str]
    ) -> Mapping[str, Ami | Failure | None]:
        """Each image as it is visible in the target."""
        ...


class Finder:
    """Finds the current images of a target's pairs."""

    def __init__(self, source: ImageSource, log: Log, clock: Callable[[], datetime] = now) -> None:
        self._source = source
        self._log = log
        self._clock = clock
        self._filters_first: set[Target] = set()

    def find(self, target: Target, pairs: Mapping[str, Pair]) -> Iterator[tuple[str, Finding]]:
        """The result of each pair; a call is made when the iterator reaches its pairs."""
        if not pairs:
            return
        try:
            self._source.ensure_session(target)
        except CallFailedError as error:
            yield from _all(pairs, error.failure)
            return
        seen = self._source.images(target, ids) if (ids := _ids_to_check_first(pairs)) else {}
        if refused := _refuses_target(seen.values()):
            yield from _all(pairs, refused)
            return
        walks = [self._by_parameter(target, pairs, seen), self._by_filters(target, pairs)]
        if target in self._filters_first:
            walks.reverse()
        for walk in walks:
            yield from walk

    def decide_order(self, target: Target, pairs: Iterable[Pair]) -> None:
        """Call EC2 first in targets where SSM failed the last time.

        A time-out ends the calls into a target, so without this, an SSM that does not respond would
        always prevent the calls to EC2.
        """
        by_parameter = (pair for pair in pairs if isinstance(pair.lookup, ParameterLookup))
        if any(pair.state == State.TRANSIENT for pair in by_parameter):
            self._filters_first.add(target)
        else:
            self._filters_first.discard(target)

    def _by_parameter(
        self,
        target: Target,
        pairs: Mapping[str, Pair],
        seen: Mapping[str, Ami | Failure | None],
    ) -> Iterator[tuple[str, Finding]]:
        """The results of parameters: first images in `seen`, then the others after one call.

        DescribeImages is eventually consistent, so a known image that is not visible is requested
        again, together with the new images.
        """
        names = defaultdict(list)
        for name, pair in pairs.items():
            if isinstance(pair.lookup, ParameterLookup):
                names[pair.lookup.parameter_path].append(name)
        denied = {p for p, of in names.items() if any(_was_denied(pairs[name]) for name in of)}
        unseen: dict[str, tuple[str, ParameterValue]] = {}
        values = self._source.parameters(target, list(names), denied, images_allowed=bool(seen))
        for path, value in values:
            for name in names[path]:
                found = self._evaluated(pairs[name], lambda: named_image(path, value, seen))  # noqa: B023 - called at once
                if isinstance(found, str) and isinstance(value, ParameterValue):
                    unseen[name] = (found, value)
                elif isinstance(found, Finding):
                    yield name, found
        visible = (
            self._source.images(target, [found for found, _ in unseen.values()]) if unseen else {}
        )
        for name, (image_id, value) in unseen.items():
            pair, image = pairs[name], visible[image_id]
            yield name, self._evaluated(pair, lambda: shown(pair, image_id, value, image))  # noqa: B023 - called at once

    def _by_filters(
        self, target: Target, pairs: Mapping[str, Pair]
    ) -> Iterator[tuple[str, Finding]]:
        """The results of filters: first those that the lists decide, then the others.

        DescribeImages is eventually consistent, so a list can lack an image that still exists. A
        known image that a list lacks is requested by its id, with the same filters; lookups can
        share these requests too.
        """
        names = defaultdict(list)
        for name, pair in pairs.items():
            if isinstance(pair.lookup, FilterLookup):
                names[pair.lookup].append(name)
        unseen: dict[FilterLookup, list[tuple[str, Unseen]]] = defaultdict(list)
        for lookup, found in self._source.matching(target, list(names)):
            for name in names[lookup]:
                pair = pairs[name]
                result = self._evaluated(pair, lambda: listed(pair, lookup, found, self._clock()))  # noqa: B023 - called at once
                if isinstance(result, Unseen):
                    unseen[result.narrowed].append((name, result))
                else:
                    yield name, result
        for narrowed, again in self._source.matching(target, list(unseen)) if unseen else ():
            for name, result in unseen[narrowed]:
                yield name, self._evaluated(pairs[name], lambda: result.finding(again))  # noqa: B023 - called at once

    def _evaluated(self, pair: Pair, evaluate: Callable[[], T]) -> T | Finding:
        """The result of `evaluate`; an unexpected response does not affect other pairs."""
        try:
            return evaluate()
        except Exception as error:  # noqa: BLE001 - the boundary of a pair
            self._log.exception("pair failed unexpectedly", extra=pair.fields())
            detail = "the answer cannot be read"
            return Finding(Failure.of(State.TRANSIENT, type(error).__name__, detail))


def _all(pairs: Iterable[str], failure: Failure) -> Iterator[tuple[str, Finding]]:
    """The same failure for each pair."""
    return ((name, Finding(failure)) for name in pairs)


def _ids_to_check_first(pairs: Mapping[str, Pair]) -> Sequence[str]:
    """The known images of parameters; any id if all pairs were denied, to check EC2 first."""
    by_parameter = [each for each in pairs.values() if isinstance(each.lookup, ParameterLookup)]
    known = sorted({each.known.image_id for each in by_parameter if each.known})
    all_denied = bool(by_parameter) and all(map(_was_denied, pairs.values()))
    return known or ([NO_IMAGE] if all_denied else [])


def _was_denied(pair: Pair) -> bool:
    return pair.state == State.ACCESS_DENIED


def _refuses_target(answers: Iterable[object]) -> Failure | None:
    """A failure of EC2 that affects every pair of the target, since each needs DescribeImages."""
    lasting = {State.ACCESS_DENIED, State.REGION_DISABLED}
    failures = (each for each in answers if isinstance(each, Failure) and not of_one_call(each))
    return next((each for each in failures if each.retryable or each.state in lasting), None)
