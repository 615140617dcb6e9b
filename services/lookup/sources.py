"""Calls SSM and EC2 in a target, with as few calls as possible."""

from __future__ import annotations

import math
import random
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from services.kernel.errors import CallFailedError, Failure
from services.kernel.failures import of_one_call
from services.kernel.model import Filter, FilterLookup, State, Target
from services.kernel.retry import batches
from services.kernel.sessions import Role
from services.lookup.facts import USED_ATTRIBUTES
from services.lookup.in_flight import CallsInFlight
from services.lookup.merge import MOST_VALUES, ImageQuery, ImageRequest, Separation, merged
from services.lookup.resolve import NO_IMAGE
from services.lookup.responses import Ami, Matches, ParameterValue
from services.lookup.visits import Sessions, Visits

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import ImageTypeDef
    from types_boto3_ssm import SSMClient
    from types_boto3_ssm.type_defs import ParameterTypeDef

T = TypeVar("T")

NAMES_PER_CALL = 10  # ssm:GetParameters, Names
_MOST_SPLITS = 16  # enough to find two of 200 values that make their calls fail
_MOST_MERGED_PAGES = 10
"""Pages of one merged request. Their images are in memory until all pages are read; a request for
more is split, so lookups of very many images do not add up."""
_PAGE_SIZE = 1000  # ec2:DescribeImages, MaxResults; unpaginated requests are throttled first

SESSION_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["ec2:DescribeImages", "ssm:GetParameters"],
            "Resource": "*",
        }
    ],
}


def read_role(name: str, external_id: str, hub_region: str) -> Role:
    """The role for lookups; its session names have the function and the hub's region."""
    return Role(name, external_id, f"ami-tracker-lookup-{hub_region}", SESSION_POLICY)


class Sources:
    """Reads parameters and images in any target."""

    def __init__(
        self,
        sessions: Sessions,
        pick: Callable[[int], int] = random.randrange,  # noqa: S311 - not for security
        in_flight: CallsInFlight | None = None,
    ) -> None:
        self._sessions = Visits(sessions)
        self._pick = pick
        self._in_flight = in_flight or CallsInFlight()

    def ensure_session(self, target: Target) -> None:
        """Assume the target's role now.

        Raises:
            CallFailedError: the role cannot be assumed, so no call into the target can succeed.
        """
        self._sessions.ensure_session(target)

    def parameters(
        self,
        target: Target,
        paths: Sequence[str],
        denied: Collection[str] = (),
        *,
        images_allowed: bool = False,
    ) -> Iterator[tuple[str, ParameterValue | Failure | None]]:
        """The value of each parameter, None if it does not exist, or the failure.

        `denied` are the paths that were denied the last time. `images_allowed` is true if a call to
        EC2 succeeded in this target; otherwise EC2 is called once after a denial, since every
        lookup needs it. A call is made when the iterator reaches its first path.
        """
        probe = None if images_allowed else lambda: self._images_refused(target)
        todo = deque(self._calls(set(paths), set(denied)))
        refusals = _Refusals(probe)
        for call, found in self._in_flight.run(
            target, "ssm", todo, lambda call: self._try_values(target, call.names)
        ):
            if not isinstance(found, Failure):
                yield from ((name, found.get(name)) for name in call.names)
                continue
            reason, halves = refusals.of(call, found)
            todo.extendleft(reversed(halves))
            names = call.names if reason else ()
            if refusals.stopped:
                names = [*names, *chain.from_iterable(each.names for each in todo)]
                todo.clear()
            yield from ((name, reason) for name in names)

    def _calls(self, paths: set[str], denied: set[str]) -> Iterator[_Names]:
        """The names of each call.

        SSM refuses a whole call if one name is denied. Names that were denied before are read in
        separate calls. One of these calls, chosen at random, is split, to detect names that are
        allowed again.
        """
        for names in batches(sorted(paths - denied), NAMES_PER_CALL):
            yield _Names(names)
        refused = batches(sorted(paths & denied), NAMES_PER_CALL)
        chosen = self._pick(len(refused)) if refused else 0
        for number, names in enumerate(refused):
            yield _Names(names, split=number == chosen)

    def _try_values(
        self, target: Target, names: Sequence[str]
    ) -> dict[str, ParameterValue] | Failure:
        def get(ssm: SSMClient) -> dict[str, ParameterValue]:
            answer = ssm.get_parameters(Names=list(names))
            self._note_retries(target, "ssm", answer)
            # For a request by ARN, SSM returns the plain name, which can be another parameter's.
            return {
                arn if (arn := found.get("ARN", "")) in names else found["Name"]: _value(found)
                for found in answer["Parameters"]
            }

        return self._try(target, "ssm", get)

    def _images_refused(self, target: Target) -> Failure | None:
        """The failure of DescribeImages that affects every lookup in the target, if any."""
        found = self._visible(target, [NO_IMAGE])
        return found if isinstance(found, Failure) and _fails_every_lookup(found) else None

    def matching(
        self, target: Target, lookups: Sequence[FilterLookup]
    ) -> Iterator[tuple[FilterLookup, Matches | Failure]]:
        """The images that match each lookup's filters, or the failure.

        Lookups share requests: see `merge`. A call is made when the iterator reaches a lookup of
        its request.
        """
        of_query: dict[ImageQuery, list[FilterLookup]] = defaultdict(list)
        for lookup in dict.fromkeys(lookups):
            of_query[ImageQuery.of(lookup)].append(lookup)
        for query, found in self._queried(target, merged(of_query)):
            for lookup in of_query[query]:
                yield lookup, found

    def _queried(
        self, target: Target, requests: Iterable[ImageRequest]
    ) -> Iterator[tuple[ImageQuery, Matches | Failure]]:
        """The images of each query, or the failure.

        One query can be the reason why EC2 refuses a request, so the request is split.
        """
        todo, splits = deque(requests), _MOST_SPLITS
        stopped: Failure | None = None
        for request, found in self._in_flight.run(
            target, "ec2", todo, lambda request: self._separated(target, request)
        ):
            again: Sequence[ImageRequest] = ()
            if not isinstance(found, Failure):
                yield from found.matches.items()
                again = found.again
            elif _fails_every_lookup(found):
                stopped = stopped or found
                again = (request, *todo)
                todo.clear()
            elif request.merged:
                again = request.halves() if splits > 0 else request.singles()
                splits -= 1
            else:
                yield request.queries[0], found
            if stopped:  # other calls can still be in flight, but no further one is made
                yield from ((query, stopped) for each in again for query in each.queries)
            else:
                todo.extendleft(reversed(again))

    def _separated(self, target: Target, request: ImageRequest) -> _Separated | Failure:
        def separate(ec2: EC2Client) -> _Separated:
            pages = self._pages(target, ec2, request.filters, request.owners)
            return _separated(request, pages)

        return self._try(target, "ec2", separate)

    def images(self, target: Target, image_ids: Sequence[str]) -> dict[str, Ami | Failure | None]:
        """Each image as it is visible in the target, None if it is not visible, or the failure."""
        answers: dict[str, Ami | Failure | None] = {}
        todo, splits = deque(batches(sorted(set(image_ids)), MOST_VALUES)), _MOST_SPLITS
        stopped: Failure | None = None
        for ids, found in self._in_flight.run(
            target, "ec2", todo, lambda ids: self._visible(target, ids)
        ):
            if not isinstance(found, Failure):
                answers |= {image_id: found.get(image_id) for image_id in ids}
            elif stopped or _fails_every_lookup(found):
                stopped = stopped or found
                answers |= dict.fromkeys([*ids, *chain(*todo)], stopped)
                todo.clear()
            elif len(ids) > 1 and splits:  # one of the ids can be the cause
                splits -= 1
                todo.extendleft(reversed(batches(ids, (len(ids) + 1) // 2)))
            else:
                answers |= dict.fromkeys(ids, found)
        return answers

    def _visible(self, target: Target, ids: Sequence[str]) -> dict[str, Ami] | Failure:
        """The images with these ids, in any state."""
        # As a filter value, an unknown id is ignored; in ImageIds it fails the call.
        by_id = (Filter("image-id", tuple(ids)),)

        def describe(ec2: EC2Client) -> dict[str, Ami]:
            pages = self._pages(target, ec2, by_id)
            return {image.image_id: image for image in chain.from_iterable(pages)}

        return self._try(target, "ec2", describe)

    def _pages(
        self, target: Target, ec2: EC2Client, filters: Sequence[Filter], owners: Sequence[str] = ()
    ) -> Iterator[list[Ami]]:
        pages = ec2.get_paginator("describe_images").paginate(
            Filters=[{"Name": f.name, "Values": list(f.values)} for f in filters],
            Owners=list(owners),
            IncludeDeprecated=True,
            PaginationConfig={"PageSize": _PAGE_SIZE},
        )
        for page in pages:
            self._note_retries(target, "ec2", page)
            yield list(map(_ami, page["Images"]))

    def _try(self, target: Target, service: str, use: Callable[[Any], T]) -> T | Failure:
        try:
            return self._sessions.call(target, service, use)
        except CallFailedError as error:
            if error.failure.state is State.THROTTLED:
                self._in_flight.slow_down(target, service)
            return error.failure

    def _note_retries(self, target: Target, service: str, answer: Mapping[str, Any]) -> None:
        """Slow down if the call had to be repeated, usually because it was throttled."""
        if answer.get("ResponseMetadata", {}).get("RetryAttempts"):
            self._in_flight.slow_down(target, service)


@dataclass(frozen=True, slots=True)
class _Separated:
    """The images of each query of a request, and the requests to send for the other queries."""

    matches: Mapping[ImageQuery, Matches] = field(default_factory=dict)
    again: Sequence[ImageRequest] = ()


def _separated(request: ImageRequest, pages: Iterable[list[Ami]]) -> _Separated:
    separation, count = Separation(request), 0
    for count, page in enumerate(pages, start=1):
        if request.merged and count > _MOST_MERGED_PAGES:
            return _Separated(again=request.halves())
        separation.add(page)
    return _Separated(
        {
            query: Matches(images, _pages_alone(images) if request.merged else count)
            for query, images in separation.found().items()
        },
        separation.undecided(),
    )


def _pages_alone(images: Sequence[Ami]) -> int:
    """The pages that EC2 would send for these images only."""
    return max(1, math.ceil(len(images) / _PAGE_SIZE))


def _ami(image: ImageTypeDef) -> Ami:
    return Ami(
        image_id=image["ImageId"],
        name=image.get("Name"),
        creation_date=image.get("CreationDate", ""),
        state=image.get("State", ""),
        deprecation_time=_time(image.get("DeprecationTime")),
        details={key: value for key, value in image.items() if key in USED_ATTRIBUTES},
    )


def _value(parameter: ParameterTypeDef) -> ParameterValue:
    modified = parameter.get("LastModifiedDate")
    return ParameterValue(parameter["Value"], parameter.get("Version"), modified)


def _time(text: str | None) -> datetime | None:
    """A time in a response of EC2; an invalid time counts as missing."""
    try:
        moment = datetime.fromisoformat(text) if text else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):  # a time whose date in UTC is out of range
        return None


@dataclass(frozen=True, slots=True)
class _Names:
    """The names of a call, and whether to split it if it is refused."""

    names: Sequence[str]
    split: bool = True

    def halves(self) -> list[_Names]:
        middle = len(self.names) // 2
        return [_Names(half, self.split) for half in (self.names[:middle], self.names[middle:])]


class _Refusals:
    """What calls for parameters that were refused say about their names, and about the target.

    `probe` returns the failure of EC2 in the target, if any; None if a call to EC2 has succeeded.
    `stopped` is the failure that ends the calls.
    """

    def __init__(self, probe: Callable[[], Failure | None] | None) -> None:
        self._probe = probe
        self.stopped: Failure | None = None

    def of(self, call: _Names, failure: Failure) -> tuple[Failure | None, list[_Names]]:
        """The failure of the call's names, or the halves that find the cause."""
        denied = failure.state is State.ACCESS_DENIED
        if _concerns_target(failure):
            self.stopped = self.stopped or failure
        elif denied and self._probe:
            self.stopped, self._probe = self.stopped or self._probe(), None
        if self.stopped:
            return self.stopped, []
        if len(call.names) == 1 or (denied and not call.split):
            return failure, []
        return None, call.halves()


def _fails_every_lookup(failure: Failure) -> bool:
    """Whether DescribeImages fails for every lookup: its permission cannot be limited to resources.

    A refused pagination token, or a response that cannot be parsed, concerns only its lookup.
    """
    if failure.state is State.ACCESS_DENIED:
        return True
    return _concerns_target(failure) and not of_one_call(failure)


def _concerns_target(failure: Failure) -> bool:
    """Whether every other call into the target would probably fail too.

    Calls into a region that throttles, does not respond or is disabled would use the time of other
    targets. A denial by SSM is different: a policy can deny single names.
    """
    return failure.retryable or failure.state is State.REGION_DISABLED
