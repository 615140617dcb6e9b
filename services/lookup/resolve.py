"""Which image answers a lookup: pure, so that an answer's order and paging cannot matter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.kernel.errors import Failure, State, failure
from services.kernel.model import Filter, FilterLookup, Observation

AVAILABLE = "available"
_IMAGE_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
_ANY_RUN, _AT_MOST_ONE = object(), object()


@dataclass(frozen=True, slots=True)
class Ami:
    """What we keep of an image in a `DescribeImages` answer."""

    image_id: str
    name: str | None = None
    creation_date: str = ""
    state: str = AVAILABLE
    deprecation_time: str | None = None

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
    return failure(State.BAD_VALUE, "NotAnImageId", detail)


def _json_image_id(text: str) -> str:
    try:
        found = json.loads(text).get("image_id")
    except (ValueError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def launchable(image_id: str, visible: Ami | None) -> Observation | Failure:
    """The image that a parameter names, once it can be launched.

    Parameters have named images that nobody could see yet; until then the last good image stays.
    """
    if visible is not None and visible.state == AVAILABLE:
        return visible.observation()
    seen = "is not visible here" if visible is None else f"is {visible.state}"
    return failure(State.NOT_LAUNCHABLE, "NotLaunchable", f"{image_id} {seen}")


def request_filters(lookup: FilterLookup) -> tuple[Filter, ...]:
    """The filters to send: the configured ones, and only available images unless told otherwise."""
    if _asks_for_states(lookup):
        return lookup.filters
    return (*lookup.filters, Filter("state", (AVAILABLE,)))


def as_asked(lookup: FilterLookup, images: Iterable[Ami]) -> list[Ami]:
    """The images of an answer without those in a state that was not asked for.

    The filter and the image's state are read at different moments; one that can no longer be
    launched, or not yet, must not slip through between them.
    """
    if _asks_for_states(lookup):
        return list(images)
    return [image for image in images if image.state in {AVAILABLE, ""}]


def _asks_for_states(lookup: FilterLookup) -> bool:
    return any(configured.name == "state" for configured in lookup.filters)


def with_image_id(lookup: FilterLookup, image_id: str) -> FilterLookup | None:
    """The same lookup narrowed to one image; None where it names images itself."""
    if any(configured.name == "image-id" for configured in lookup.filters):
        return None
    narrowed = (*lookup.filters, Filter("image-id", (image_id,)))
    return FilterLookup(narrowed, lookup.owners, lookup.exclude_names)


def newest(images: Iterable[Ami], exclude_names: Sequence[str], now: str) -> Observation | Failure:
    """The image that a filter lookup means, whatever the order of `images`.

    Newest by (not deprecated, creation date, image id); `now` is a timestamp as rows hold it.
    """
    candidates = [image for image in images if not _excluded(image, exclude_names)]
    if not candidates:
        return failure(State.NOT_FOUND, "NoImageMatches", "no available image matches the filters")
    return max(candidates, key=lambda image: _rank(image, now)).observation()


def _rank(image: Ami, now: str) -> tuple[bool, str, str]:
    deprecated = image.deprecation_time is not None and image.deprecation_time <= now
    return (not deprecated, image.creation_date, image.image_id)


def _excluded(image: Ami, exclude_names: Sequence[str]) -> bool:
    return any(matches(pattern, image.name or "") for pattern in exclude_names)


def matches(pattern: str, text: str) -> bool:
    r"""Whether EC2's filter wildcards match the whole text, case-sensitively.

    `*` stands for any run, `?` for zero or one character, and a backslash takes the next character
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
    """Add the positions behind wildcards that may stand for nothing."""
    closed = set(reached)
    for position, token in enumerate(tokens):
        if position in closed and (token is _ANY_RUN or token is _AT_MOST_ONE):
            closed.add(position + 1)
    return closed
