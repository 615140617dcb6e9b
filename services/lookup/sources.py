"""Calls SSM and EC2 in a target, with as few calls as possible."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from services.kernel.errors import CallFailedError, Failure
from services.kernel.model import Filter, FilterLookup, State, Target
from services.kernel.retry import batches
from services.kernel.sessions import Role
from services.lookup.image_responses import PAGE_SIZE, Separated, ami, separated
from services.lookup.in_flight import CallsInFlight
from services.lookup.merge import MOST_VALUES, ImageQuery, ImageRequest, merged
from services.lookup.refusals import Names, Refusals, fails_every_lookup
from services.lookup.resolve import NO_IMAGE
from services.lookup.responses import Ami, Matches, ParameterValue
from services.lookup.visits import Sessions, Visits

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ssm import SSMClient
    from types_boto3_ssm.type_defs import ParameterTypeDef

T = TypeVar("T")

NAMES_PER_CALL = 10  # ssm:GetParameters, Names
_MOST_SPLITS = 16  # enough to find two of 200 values that make their calls fail

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
        refusals = Refusals(probe)
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

    def _calls(self, paths: set[str], denied: set[str]) -> Iterator[Names]:
        """The names of each call.

        SSM refuses a whole call if one name is denied. Names that were denied before are read in
        separate calls. One of these calls, chosen at random, is split, to detect names that are
        allowed again.
        """
        for names in batches(sorted(paths - denied), NAMES_PER_CALL):
            yield Names(names)
        refused = batches(sorted(paths & denied), NAMES_PER_CALL)
        chosen = self._pick(len(refused)) if refused else 0
        for number, names in enumerate(refused):
            yield Names(names, split=number == chosen)

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
        return found if isinstance(found, Failure) and fails_every_lookup(found) else None

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
            elif fails_every_lookup(found):
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

    def _separated(self, target: Target, request: ImageRequest) -> Separated | Failure:
        def separate(ec2: EC2Client) -> Separated:
            pages = self._pages(target, ec2, request.filters, request.owners)
            return separated(request, pages)

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
            elif stopped or fails_every_lookup(found):
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
            PaginationConfig={"PageSize": PAGE_SIZE},
        )
        for page in pages:
            self._note_retries(target, "ec2", page)
            yield list(map(ami, page["Images"]))

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


def _value(parameter: ParameterTypeDef) -> ParameterValue:
    modified = parameter.get("LastModifiedDate")
    return ParameterValue(parameter["Value"], parameter.get("Version"), modified)
