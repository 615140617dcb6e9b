"""Asks SSM and EC2 in a target, with as few calls as they allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from services.kernel.aws import Members, Role, batches
from services.kernel.errors import CallFailedError, Failure, State
from services.kernel.model import Filter, FilterLookup, Target
from services.lookup.resolve import Ami, request_filters
from services.lookup.visits import Visits

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import ImageTypeDef
    from types_boto3_ssm import SSMClient

NAMES_PER_CALL = 10  # ssm:GetParameters, Names
_IDS_PER_CALL = 200  # ec2:DescribeImages, filter values in one request
_PAGE_SIZE = 1000  # ec2:DescribeImages, MaxResults; unpaginated requests are throttled first

_REGION_DENIED = "service control policy"
"""Part of the sentence with which AWS denies a whole region to an account."""

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

    def __init__(self, members: Members) -> None:
        self._members = Visits(members)

    def enter(self, target: Target) -> None:
        """Assume the target's role now.

        Raises:
            CallFailedError: it cannot be assumed, so no call into the target is worth trying.
        """
        self._members.enter(target)

    def parameters(
        self, target: Target, paths: Sequence[str]
    ) -> Iterator[tuple[str, str | Failure | None]]:
        """The value of each parameter, None where there is none, or why it cannot be read.

        A call is made when its first answer is asked for, so a walk can be left at any time.
        """
        stopped: Failure | None = None
        for names in batches(sorted(set(paths)), NAMES_PER_CALL):
            found = dict.fromkeys(names, stopped) if stopped else self._values(target, names)
            stopped = _ends_walk(found.values())
            yield from found.items()

    def _values(self, target: Target, names: Sequence[str]) -> dict[str, str | Failure | None]:
        def get(ssm: SSMClient) -> dict[str, str]:
            answer = ssm.get_parameters(Names=list(names))
            return {found["Name"]: found["Value"] for found in answer["Parameters"]}

        try:
            found = self._members.call(target, "ssm", get)
        except CallFailedError as error:
            if _concerns_target(error.failure) or len(names) == 1:
                return dict.fromkeys(names, error.failure)
            # SSM refuses the whole call for one name that is malformed or not allowed to us.
            return {name: value for n in names for name, value in self._values(target, [n]).items()}
        return {name: found.get(name) for name in names}

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
            # No resource narrows ec2:DescribeImages: denied once, it is denied for every lookup.
            if isinstance(found, Failure) and (
                found.state is State.ACCESS_DENIED or _concerns_target(found)
            ):
                stopped = found
            yield lookup, found

    def images(self, target: Target, image_ids: Sequence[str]) -> dict[str, Ami | Failure | None]:
        """Each image as the target sees it, None where it does not, or why nobody can tell."""
        answers: dict[str, Ami | Failure | None] = {}
        for ids in batches(sorted(set(image_ids)), _IDS_PER_CALL):
            # As a filter, ids that are unknown here are left out; as ImageIds they fail the call.
            found = self._try_describe(target, (Filter("image-id", tuple(ids)),), ())
            if isinstance(found, Failure):
                answers |= dict.fromkeys(ids, found)
            else:
                visible = {image.image_id: image for image in found}
                answers |= {image_id: visible.get(image_id) for image_id in ids}
        return answers

    def _try_describe(
        self, target: Target, filters: Sequence[Filter], owners: Sequence[str]
    ) -> list[Ami] | Failure:
        def describe(ec2: EC2Client) -> list[Ami]:
            pages = ec2.get_paginator("describe_images").paginate(
                Filters=[{"Name": f.name, "Values": list(f.values)} for f in filters],
                Owners=list(owners),
                IncludeDeprecated=True,
                PaginationConfig={"PageSize": _PAGE_SIZE},
            )
            return [_ami(image) for page in pages for image in page["Images"]]

        try:
            return self._members.call(target, "ec2", describe)
        except CallFailedError as error:
            return error.failure


def _ami(image: ImageTypeDef) -> Ami:
    return Ami(
        image_id=image["ImageId"],
        name=image.get("Name"),
        creation_date=image.get("CreationDate", ""),
        state=image.get("State", ""),
        deprecation_time=image.get("DeprecationTime"),
    )


def _ends_walk(answers: Iterable[object]) -> Failure | None:
    """The failure after which no more calls are made.

    A target that throttles, does not answer or is off would cost the other targets their time.
    """
    failures = (a for a in answers if isinstance(a, Failure))
    return next((failure for failure in failures if _concerns_target(failure)), None)


def _concerns_target(failure: Failure) -> bool:
    """Whether every other call into the target would fail as well."""
    lasting = failure.state is State.REGION_DISABLED or _REGION_DENIED in failure.detail
    return failure.retryable or lasting
