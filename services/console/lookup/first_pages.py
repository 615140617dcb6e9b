"""Reads the first page of a DescribeImages response, to find out why a lookup finds nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from services.kernel.errors import CallFailedError, Failure
from services.kernel.model import Filter, Target
from services.kernel.retry import time_outs_are_final
from services.lookup.visits import Sessions

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class FirstPage:
    """The names of the images on the first page, and whether there are more pages."""

    names: tuple[str, ...]
    more: bool = False

    @property
    def empty(self) -> bool:
        """Whether no image matches: a page without images can have a next one."""
        return not self.names and not self.more


class PageSource(Protocol):
    """The call that the search for a reason needs; a fake in tests."""

    def first_page(
        self, target: Target, filters: Sequence[Filter], owners: Sequence[str]
    ) -> FirstPage | Failure:
        """The first page of the available images that match."""
        ...


class FirstPages:
    """`PageSource` with EC2."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def first_page(
        self, target: Target, filters: Sequence[Filter], owners: Sequence[str]
    ) -> FirstPage | Failure:
        """The first page of the images that match."""

        def describe(ec2: EC2Client) -> FirstPage:
            page = ec2.describe_images(
                Filters=[{"Name": f.name, "Values": list(f.values)} for f in filters],
                Owners=list(owners),
                IncludeDeprecated=True,
                MaxResults=PAGE_SIZE,
            )
            names = tuple(image.get("Name", "") for image in page["Images"])
            return FirstPage(names, more="NextToken" in page)

        try:
            with time_outs_are_final():
                return self._sessions.call(target, "ec2", describe)
        except CallFailedError as error:
            return error.failure
