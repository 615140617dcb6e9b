"""Reads responses of `DescribeImages`: pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.lookup.facts import USED_ATTRIBUTES
from services.lookup.merge import ImageQuery, ImageRequest, Separation
from services.lookup.responses import Ami, Matches

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import ImageTypeDef

PAGE_SIZE = 1000  # ec2:DescribeImages, MaxResults; unpaginated requests are throttled first
_MOST_MERGED_PAGES = 10
"""Pages of one merged request. Their images are in memory until all pages are read; a request for
more is split, so lookups of very many images do not add up."""


@dataclass(frozen=True, slots=True)
class Separated:
    """The images of each query of a request, and the requests to send for the other queries."""

    matches: Mapping[ImageQuery, Matches] = field(default_factory=dict)
    again: Sequence[ImageRequest] = ()


def separated(request: ImageRequest, pages: Iterable[list[Ami]]) -> Separated:
    """The images of each query of a request; a merged request for too many images is split."""
    separation, count = Separation(request), 0
    for count, page in enumerate(pages, start=1):
        if request.merged and count > _MOST_MERGED_PAGES:
            return Separated(again=request.halves())
        separation.add(page)
    return Separated(
        {
            query: Matches(images, _pages_alone(images) if request.merged else count)
            for query, images in separation.found().items()
        },
        separation.undecided(),
    )


def _pages_alone(images: Sequence[Ami]) -> int:
    """The pages that EC2 would send for these images only."""
    return max(1, math.ceil(len(images) / PAGE_SIZE))


def ami(image: ImageTypeDef) -> Ami:
    """An image with the attributes that are used."""
    return Ami(
        image_id=image["ImageId"],
        name=image.get("Name"),
        creation_date=image.get("CreationDate", ""),
        state=image.get("State", ""),
        deprecation_time=_time(image.get("DeprecationTime")),
        details={key: value for key, value in image.items() if key in USED_ATTRIBUTES},
    )


def _time(text: str | None) -> datetime | None:
    """A time in a response of EC2; an invalid time counts as missing."""
    try:
        moment = datetime.fromisoformat(text) if text else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):  # a time whose date in UTC is out of range
        return None
