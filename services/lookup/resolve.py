"""Which image answers a lookup: pure, so that an answer's order and paging cannot matter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.kernel.errors import Failure
from services.kernel.model import Filter, FilterLookup, Observation, State

AVAILABLE = "available"
NO_IMAGE = "ami-00000000"
"""The id of no image: asking for it shows whether DescribeImages is allowed, and lists nothing."""
_IMAGE_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
_ANY_RUN, _AT_MOST_ONE = object(), object()


@dataclass(frozen=True, slots=True)
class Ami:
    """What we keep of an image in a `DescribeImages` answer."""

    image_id: str
    name: str | None = None
    creation_date: str = ""
    state: str = AVAILABLE
    deprecation_time: datetime | None = None

    def observation(self) -> Observation:
        """This image as what a lookup found."""
        return Observation(self.image_id, self.name, self.creation_date or None)


def parameter_image_id(value: str) -> str | Failure:
    """The image id that a parameter's value names: the value itself, or `image_id` in its JSON."""
    text = value.strip()
    if text.startswith("{"):
        text = _json_image_id(text)
    if _IMAGE_ID.fullmatch(text):
        return text
    # The value itself is not repeated: a path that was mistyped may lead to anybody's secret.
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

    Parameters have named images that could not be seen yet; until then the last good image stays. A
    `known` image could be launched before, so its failure has a code of its own.
    """
    if visible is not None and visible.state == AVAILABLE:
        return visible.observation()
    seen = "is not visible here" if visible is None else f"is {visible.state}"
    code = "Withdrawn" if known else "NotLaunchable"
    return Failure.of(State.NOT_LAUNCHABLE, code, f"{image_id} {seen}")


def request_filters(lookup: FilterLookup) -> tuple[Filter, ...]:
    """The filters to send: the configured ones, and only available images whatever they say."""
    configured = (each for each in lookup.filters if each.name != "state")
    return (*configured, Filter("state", (AVAILABLE,)))


def with_image_id(lookup: FilterLookup, image_id: str) -> FilterLookup | None:
    """The same lookup narrowed to one image; None where its own `image-id` filter excludes it."""
    own = [each for each in lookup.filters if each.name == "image-id"]
    if not all(_admits(each, image_id) for each in own):
        return None
    others = (each for each in lookup.filters if each.name != "image-id")
    narrowed = (*others, Filter("image-id", (image_id,)))
    return replace(lookup, filters=narrowed)


def candidates(lookup: FilterLookup, images: Iterable[Ami]) -> list[Ami]:
    """The images of an answer that the lookup may choose: available, and not excluded by name.

    The filter and the image's state are read at different moments, so the state is checked here
    too. A configured `state` filter can exclude available images, but it cannot add others.
    """
    states = [each for each in lookup.filters if each.name == "state"]
    if not all(_admits(each, AVAILABLE) for each in states):
        return []
    available = (image for image in images if image.state in {AVAILABLE, ""})
    return [image for image in available if not _excluded(image, lookup.exclude_names)]


def _admits(configured: Filter, value: str) -> bool:
    return any(matches_wildcard(pattern, value) for pattern in configured.values)


def newest(
    images: Iterable[Ami], exclude_names: Sequence[str], now: datetime
) -> Observation | Failure:
    """The image that a filter lookup means at first sight, whatever the order of `images`.

    The newest that is not deprecated, or the newest if all are.
    """
    left = [image for image in images if not _excluded(image, exclude_names)]
    if not left:
        return Failure.of(
            State.NOT_FOUND, "NoImageMatches", "no available image matches the filters"
        )
    supported = [image for image in left if not _deprecated(image, now)]
    return max((image.observation() for image in supported or left), key=order)


def current(images: Sequence[Ami], known: Observation, now: datetime) -> Observation | None:
    """The image that a filter lookup means while `known` is its current image.

    The newest candidate that is not deprecated, if it is newer than the known image; else the known
    image. None where that is not among the candidates: then it has to be asked for by its id. The
    passing of time alone changes no answer: images become deprecated, and that moves nothing.
    """
    shown = next((each.observation() for each in images if each.image_id == known.image_id), None)
    supported = (each.observation() for each in images if not _deprecated(each, now))
    latest = max(supported, key=order, default=known)
    reference = shown or known
    # A date that the row does not hold is unknown, not old: EC2 has to show the image.
    comparable = shown is not None or known.creation_date is not None
    if comparable and order(latest) > order(reference):
        return latest
    return None if shown is None else known


def order(image: Observation) -> tuple[str, str, str]:
    """The key by which a filter lookup's images are compared: creation date, name, id.

    Names are the same in all regions and ids are not, so names decide first when dates are equal.
    """
    return (image.creation_date or "", image.ami_name or "", image.image_id)


def _deprecated(image: Ami, now: datetime) -> bool:
    return image.deprecation_time is not None and image.deprecation_time <= now


def _excluded(image: Ami, exclude_names: Sequence[str]) -> bool:
    return any(matches_wildcard(pattern, image.name or "") for pattern in exclude_names)


def matches_wildcard(pattern: str, text: str) -> bool:
    r"""Whether EC2's filter wildcards match the whole text, case-sensitively.

    `*` matches any run, `?` for zero or one character, and a backslash takes the next character
    literally (EC2 API reference, DescribeImages, Filters). Walks all possibilities at once, so no
    pattern takes longer than pattern times text.
    """
    tokens = _tokens(pattern)
    reached = _skip(tokens, {0})
    for character in text:
        reached = _skip(tokens, _step(tokens, reached, character))
    return len(tokens) in reached


def _tokens(pattern: str) -> list[object]:
    wild = {"*": _ANY_RUN, "?": _AT_MOST_ONE}
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return [part[1] if len(part) > 1 else wild.get(part, part) for part in parts]


def _step(tokens: Sequence[object], reached: set[int], character: str) -> set[int]:
    moved = set()
    for position in reached - {len(tokens)}:
        token = tokens[position]
        if token is _ANY_RUN:
            moved.add(position)
        elif token is _AT_MOST_ONE or token == character:
            moved.add(position + 1)
    return moved


def _skip(tokens: Sequence[object], reached: set[int]) -> set[int]:
    """Add the positions behind wildcards that may match nothing."""
    closed = set(reached)
    for position, token in enumerate(tokens):
        if position in closed and (token is _ANY_RUN or token is _AT_MOST_ONE):
            closed.add(position + 1)
    return closed
