"""Selects the image of a lookup: pure, and independent of the order of a response."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from services.kernel.errors import Failure
from services.kernel.model import Filter, FilterLookup, Observation, OrderBy, State
from services.kernel.release_key import release_key, version_order
from services.lookup.responses import AVAILABLE, Ami
from services.lookup.wildcards import matches_wildcard

NO_IMAGE = "ami-00000000"
"""The id of no image: a request for it shows whether DescribeImages is allowed."""
_IMAGE_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")


def parameter_image_id(value: str) -> str | Failure:
    """The image id in a parameter's value: the value itself, or `image_id` in its JSON."""
    text = value.strip()
    if text.startswith("{"):
        text = _json_image_id(text)
    if _IMAGE_ID.fullmatch(text):
        return text
    # The value is not in the message: a mistyped path could name a parameter with a secret.
    detail = f"the value ({len(value)} characters) is neither an image id nor JSON with image_id"
    return Failure.of(State.BAD_VALUE, "NotAnImageId", detail)


def _json_image_id(text: str) -> str:
    try:
        found = json.loads(text).get("image_id")
    except (ValueError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def launchable(image_id: str, visible: Ami | None, *, known: bool = False) -> Observation | Failure:
    """The image that a parameter names, if it can be launched.

    A parameter can name an image that is not visible yet; until it is, the known image stays. A
    `known` image could be launched before, so its failure has another code.
    """
    if visible is not None and visible.state == AVAILABLE:
        return visible.observation()
    seen = "is not visible here" if visible is None else f"is {visible.state}"
    code = "Withdrawn" if known else "NotLaunchable"
    return Failure.of(State.NOT_LAUNCHABLE, code, f"{image_id} {seen}")


def request_filters(lookup: FilterLookup) -> tuple[Filter, ...]:
    """The filters to send: the configured ones, with `state` replaced by `available`."""
    configured = (each for each in lookup.filters if each.name != "state")
    return (*configured, Filter("state", (AVAILABLE,)))


def with_image_id(lookup: FilterLookup, image_id: str) -> FilterLookup | None:
    """The lookup limited to one image; None if its own `image-id` filter excludes it."""
    own = [each for each in lookup.filters if each.name == "image-id"]
    if not all(_allows(each, image_id) for each in own):
        return None
    others = (each for each in lookup.filters if each.name != "image-id")
    narrowed = (*others, Filter("image-id", (image_id,)))
    return replace(lookup, filters=narrowed)


def candidates(lookup: FilterLookup, images: Iterable[Ami]) -> list[Ami]:
    """The images in a response that can be selected: available, and not excluded by name.

    The filter and the image's state are read at different moments, so the state is checked here
    too. A configured `state` filter can exclude available images, but it cannot add others.
    """
    states = [each for each in lookup.filters if each.name == "state"]
    if not all(_allows(each, AVAILABLE) for each in states):
        return []
    available = (image for image in images if image.state in {AVAILABLE, ""})
    return [image for image in available if excluded_by(lookup, image) is None]


def _allows(configured: Filter, value: str) -> bool:
    return any(matches_wildcard(pattern, value) for pattern in configured.values)


def newest(lookup: FilterLookup, images: Iterable[Ami], now: datetime) -> Observation | Failure:
    """The image of a filter lookup without a known image, independent of the order of `images`.

    This is the newest image that is not deprecated, or the newest if all are.
    """
    left = list(images)
    if not left:
        return Failure.of(
            State.NOT_FOUND, "NoImageMatches", "no available image matches the filters"
        )
    supported = [image for image in left if not deprecated(image, now)]
    return max((image.observation() for image in supported or left), key=order(lookup))


def current(
    lookup: FilterLookup, images: Sequence[Ami], known: Observation, now: datetime
) -> Observation | None:
    """The image of a filter lookup whose current image is `known`.

    This is the newest candidate that is not deprecated, if it is newer than the known image; else
    the known image. None if that is not a candidate: then it has to be requested by its id. Images
    that become deprecated do not change the result.
    """
    position = order(lookup)
    shown = next((each.observation() for each in images if each.image_id == known.image_id), None)
    supported = (each.observation() for each in images if not deprecated(each, now))
    latest = max(supported, key=position, default=known)
    reference = shown or known
    # A missing date in the row does not mean that the image is old: EC2 must return the image.
    comparable = shown is not None or known.creation_date is not None
    if comparable and position(latest) > position(reference):
        return latest
    return None if shown is None else known


Position = tuple[tuple[int, ...], str, str, str]
"""The position of an image in its lookup's order."""


def order(lookup: FilterLookup) -> Callable[[Observation], Position]:
    """The sort key of a lookup's images: (release key,) creation date, name, id.

    Names are the same in all regions and ids are not, so names come before ids.
    """

    def position(image: Observation) -> Position:
        version: tuple[int, ...] = ()
        if lookup.order_by is OrderBy.RELEASE:
            version = version_order(release_key(lookup.pattern, image.ami_name))
        return (version, image.creation_date or "", image.ami_name or "", image.image_id)

    return position


def deprecated(image: Ami, now: datetime) -> bool:
    """Whether the image is deprecated at this moment."""
    return image.deprecation_time is not None and image.deprecation_time <= now


def excluded_by(lookup: FilterLookup, image: Ami) -> str | None:
    """The wildcard that excludes the image by its name; None if there is none."""
    name = image.name or ""
    return next((p for p in lookup.exclude_names if matches_wildcard(p, name)), None)
