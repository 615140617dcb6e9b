"""Asks SSM and EC2 in a target, with as few calls as they allow."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

from services.kernel.errors import CallFailedError, Failure
from services.kernel.failures import of_one_call
from services.kernel.model import Filter, FilterLookup, State, Target
from services.kernel.retry import batches
from services.kernel.sessions import Role, TargetSessions
from services.lookup.resolve import NO_IMAGE, Ami, request_filters
from services.lookup.visits import Visits

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import ImageTypeDef
    from types_boto3_ssm import SSMClient

NAMES_PER_CALL = 10  # ssm:GetParameters, Names
_IDS_PER_CALL = 200  # ec2:DescribeImages, filter values in one request
_MOST_SPLITS = 16  # two ids of 200 that fail their calls can be found
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
    """The role that lookups assume; its session names tell the function and the hub's region."""
    return Role(name, external_id, f"ami-tracker-lookup-{hub_region}", SESSION_POLICY)


class Sources:
    """The current facts of any target."""

    def __init__(
        self,
        sessions: TargetSessions,
        pick: Callable[[int], int] = random.randrange,  # noqa: S311 - spreads calls, guards nothing
    ) -> None:
        self._sessions = Visits(sessions)
        self._pick = pick

    def ensure_session(self, target: Target) -> None:
        """Assume the target's role now.

        Raises:
            CallFailedError: it cannot be assumed, so no call into the target is worth trying.
        """
        self._sessions.ensure_session(target)

    def parameters(
        self,
        target: Target,
        paths: Sequence[str],
        denied: Collection[str] = (),
        *,
        images_allowed: bool = False,
    ) -> Iterator[tuple[str, str | Failure | None]]:
        """The value of each parameter, None where there is none, or why it cannot be read.

        `denied` are the paths that were denied the last time. `images_allowed` says that EC2 has
        answered here; otherwise it is asked once after a denial, since every lookup needs it. A
        call is made when its first answer is asked for, so a walk can be left at any time.
        """
        probe = None if images_allowed else lambda: self._images_refused(target)
        walk = _Walk(lambda names: self._values(target, names), probe)
        for names, split in self._calls(set(paths), set(denied)):
            yield from walk.values(names, split=split).items()

    def _calls(self, paths: set[str], denied: set[str]) -> Iterator[tuple[Sequence[str], bool]]:
        """The names of each call, and whether it is split if it is refused.

        SSM refuses a whole call for one name that is denied. Names that were denied before go in
        calls of their own; one of these calls, chosen at random, is split, so that rights that were
        granted again for some of the names are noticed.
        """
        for names in batches(sorted(paths - denied), NAMES_PER_CALL):
            yield names, True
        refused = batches(sorted(paths & denied), NAMES_PER_CALL)
        chosen = self._pick(len(refused)) if refused else 0
        for number, names in enumerate(refused):
            yield names, number == chosen

    def _values(self, target: Target, names: Sequence[str]) -> dict[str, str]:
        def get(ssm: SSMClient) -> dict[str, str]:
            answer = ssm.get_parameters(Names=list(names))
            # Asked by ARN, SSM answers with the plain name, which may be a parameter of our own.
            return {
                arn if (arn := found.get("ARN", "")) in names else found["Name"]: found["Value"]
                for found in answer["Parameters"]
            }

        return self._sessions.call(target, "ssm", get)

    def _images_refused(self, target: Target) -> Failure | None:
        """Why DescribeImages is refused to every lookup in the target, if it is."""
        found = self._try_describe(target, (Filter("image-id", (NO_IMAGE,)),), ())
        return found if isinstance(found, Failure) and _closes_ec2(found) else None

    def matching(
        self, target: Target, lookups: Sequence[FilterLookup]
    ) -> Iterator[tuple[FilterLookup, list[Ami] | Failure]]:
        """The images that pass each lookup's filters, or why they cannot be listed.

        A call is made when its answer is asked for. All lookups of a target come at once: this is
        the place where those that differ in their names only will share a call.
        """
        stopped: Failure | None = None
        for lookup in dict.fromkeys(lookups):
            found = stopped or self._try_describe(target, request_filters(lookup), lookup.owners)
            if isinstance(found, Failure) and _closes_ec2(found):
                stopped = found
            yield lookup, found

    def images(self, target: Target, image_ids: Sequence[str]) -> dict[str, Ami | Failure | None]:
        """Each image as the target sees it, None where it does not, or why it is unknown."""
        answers: dict[str, Ami | Failure | None] = {}
        left = batches(sorted(set(image_ids)), _IDS_PER_CALL)
        splits = _MOST_SPLITS
        while left:
            ids = left.pop(0)
            # As a filter, ids that are unknown here are left out; as ImageIds they fail the call.
            found = self._try_describe(target, (Filter("image-id", tuple(ids)),), ())
            if not isinstance(found, Failure):
                visible = {image.image_id: image for image in found}
                answers |= {image_id: visible.get(image_id) for image_id in ids}
            elif _closes_ec2(found):
                return answers | dict.fromkeys([*ids, *chain(*left)], found)
            elif len(ids) > 1 and splits:  # one of them may be the cause
                splits -= 1
                left = [*batches(ids, (len(ids) + 1) // 2), *left]
            else:
                answers |= dict.fromkeys(ids, found)
        return answers

    def _try_describe(
        self, target: Target, filters: Sequence[Filter], owners: Sequence[str]
    ) -> list[Ami] | Failure:
        def describe(ec2: EC2Client) -> list[Ami]:
            return _described(ec2, filters, owners)

        try:
            return self._sessions.call(target, "ec2", describe)
        except CallFailedError as error:
            return error.failure


def _described(ec2: EC2Client, filters: Sequence[Filter], owners: Sequence[str]) -> list[Ami]:
    pages = ec2.get_paginator("describe_images").paginate(
        Filters=[{"Name": f.name, "Values": list(f.values)} for f in filters],
        Owners=list(owners),
        IncludeDeprecated=True,
        PaginationConfig={"PageSize": _PAGE_SIZE},
    )
    return [_ami(image) for page in pages for image in page["Images"]]


def _ami(image: ImageTypeDef) -> Ami:
    return Ami(
        image_id=image["ImageId"],
        name=image.get("Name"),
        creation_date=image.get("CreationDate", ""),
        state=image.get("State", ""),
        deprecation_time=_time(image.get("DeprecationTime")),
    )


def _time(text: str | None) -> datetime | None:
    """The time in an answer of EC2; a text that is no time counts as absent."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


class _Walk:
    """One walk over a target's parameters: what is wrong with the whole target ends it.

    `probe` asks EC2 why it refuses the target, if it does; None where EC2 has answered before.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[str]], dict[str, str]],
        probe: Callable[[], Failure | None] | None,
    ) -> None:
        self._ask = ask
        self._probe = probe
        self._stopped: Failure | None = None

    def values(self, names: Sequence[str], *, split: bool) -> dict[str, str | Failure | None]:
        """The value of each name, None where there is none, or why it cannot be read."""
        if self._stopped:
            return dict.fromkeys(names, self._stopped)
        try:
            found = self._ask(names)
        except CallFailedError as error:
            return self._refused(names, error.failure, split=split)
        return {name: found.get(name) for name in names}

    def _refused(
        self, names: Sequence[str], failure: Failure, *, split: bool
    ) -> dict[str, str | Failure | None]:
        denied = failure.state is State.ACCESS_DENIED
        self._stopped = failure if _concerns_target(failure) else None
        if denied and self._probe:
            self._stopped, self._probe = self._probe(), None
        if reason := self._stopped or (
            failure if len(names) == 1 or (denied and not split) else None
        ):
            return dict.fromkeys(names, reason)
        middle = len(names) // 2
        halves = (names[:middle], names[middle:])
        first, second = (self.values(half, split=split) for half in halves)
        return first | second


def _closes_ec2(failure: Failure) -> bool:
    """Whether DescribeImages fails for every lookup: no resource narrows the permission for it.

    A pagination token that is refused, or an answer that cannot be parsed, is of its lookup alone.
    """
    if failure.state is State.ACCESS_DENIED:
        return True
    return _concerns_target(failure) and not of_one_call(failure)


def _concerns_target(failure: Failure) -> bool:
    """Whether every other call into the target would fail as well.

    A target that throttles, does not answer or is off would cost the other targets their time. A
    denial by SSM is not one of these: a policy can deny single names.
    """
    return failure.retryable or failure.state is State.REGION_DISABLED
