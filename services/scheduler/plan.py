"""Plans the writes and requests of a round from the catalogue and the rows: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import chain

from services.kernel.model import Image, Pair, ParameterLookup, Request, Target
from services.kernel.records import LAST_NUMBER
from services.kernel.wire import lookup_digest

MAX_REMOVED_ROWS = 10
"""Rows of a target that can be removed at once, regardless of their percentage."""


UNREAD = ParameterLookup("")
"""The lookup of a pair whose row was not read whole; no message can have it, since it is empty."""


class Action(Enum):
    """The change to a pair's configuration."""

    CREATE = "created"
    CHANGE = "changed"
    REACTIVATE = "reactivated"
    DEACTIVATE = "deactivated"


@dataclass(frozen=True, slots=True)
class Change:
    """A change to one row; `pair` is the desired state."""

    action: Action
    pair: Pair


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan for one target: rows to write, and pairs to look up.

    If too many pairs would be removed at once, `refusal` has the message, nothing is written, and
    the pairs are those of the last accepted configuration.
    """

    target: Target
    changes: tuple[Change, ...]
    active: tuple[Pair, ...]
    refusal: str | None = None

    def touches_rows(self) -> bool:
        """Whether rows that exist are changed, or their lookups are those of the messages.

        Such a plan needs rows that were read whole.
        """
        created = all(change.action is Action.CREATE for change in self.changes)
        return self.refusal is not None or not created


def plan(
    target: Target,
    images: Sequence[Image],
    rows: Sequence[Pair],
    max_removed_percent: int,
    numbers: Mapping[str, int] | None = None,
) -> Plan:
    """Plan the changes to a target's rows for the images that are tracked there.

    `numbers` has the pair numbers of rows that cannot be decoded, by image name.
    """
    known = {pair.image_name: pair for pair in rows}
    found = {pair.image_name: pair.number for pair in rows if pair.number} | dict(numbers or {})
    ordered = sorted(images, key=lambda image: image.name)
    wanted = [
        _configured(target, image, known.get(image.name), number)
        for image, number in zip(ordered, _numbered(ordered, found), strict=True)
    ]
    removed = _removed(wanted, rows)
    if refusal := _refusal(target, len(removed), sum(p.active for p in rows), max_removed_percent):
        return Plan(target, (), _in_order(p for p in rows if p.active), refusal)
    changes = [change for pair in wanted if (change := _change(known.get(pair.image_name), pair))]
    changes += [Change(Action.DEACTIVATE, replace(pair, active=False)) for pair in removed]
    return Plan(target, tuple(changes), tuple(wanted))


def _configured(target: Target, image: Image, known: Pair | None, number: int) -> Pair:
    """The pair of an image; the known one itself if its configuration is the same."""
    digest = lookup_digest(image.lookup)
    if known is None:
        return Pair(
            target,
            image.name,
            active=True,
            lookup=image.lookup,
            lookup_digest=digest,
            announce=image.announce,
            number=number,
            family=image.family,
        )
    family = image.family or known.family
    if (
        known.active
        and (known.lookup_digest, known.number, known.family) == (digest, number, family)
        and known.announce == image.announce
        and (known.lookup is UNREAD or known.lookup == image.lookup)
    ):
        return known
    return replace(
        known,
        active=True,
        lookup=image.lookup,
        lookup_digest=digest,
        announce=image.announce,
        number=number,
        family=family,
    )


def _numbered(ordered: Iterable[Image], found: Mapping[str, int]) -> Iterator[int]:
    """For each image, the number of its pair, which no other row of the target has.

    A number is assigned once. If two rows have the same number, the one with the later key gets a
    new one.
    """
    holders: dict[int, str] = {}
    for name in sorted(found):
        holders.setdefault(found[name], name)
    after_last = range(max(holders, default=0) + 1, LAST_NUMBER + 1)
    # Free lower numbers are needed only if a damaged row has a number near the limit.
    free = (number for number in range(1, LAST_NUMBER) if number not in holders)
    following = chain(after_last, free)
    for image in ordered:
        held = found.get(image.name, 0)
        yield held if holders.get(held) == image.name else next(following)


def _change(known: Pair | None, wanted: Pair) -> Change | None:
    if known is None:
        return Change(Action.CREATE, wanted)
    if not known.active:
        return Change(Action.REACTIVATE, wanted)
    return None if wanted is known else Change(Action.CHANGE, wanted)


def _removed(wanted: Sequence[Pair], rows: Sequence[Pair]) -> list[Pair]:
    names = {pair.image_name for pair in wanted}
    return [pair for pair in rows if pair.active and pair.image_name not in names]


def _refusal(target: Target, gone: int, active: int, max_percent: int) -> str | None:
    if gone <= MAX_REMOVED_ROWS or gone * 100 <= active * max_percent:
        return None
    return (
        f"{target}: {gone} of {active} active images are no longer in the catalogue "
        f"(allowed at once: {MAX_REMOVED_ROWS} images or {max_percent} %)"
    )


def _in_order(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    return tuple(sorted(pairs, key=lambda pair: pair.image_name))


def requests(pairs: Iterable[Pair], images: Iterable[Image], round_id: str) -> list[Request]:
    """The messages of pairs; an image that is no longer in the catalogue has no release rule.

    A lookup that was not read is that of the catalogue: their digests are equal.
    """
    known = {image.name: image for image in images}
    return [_request(pair, known.get(pair.image_name), round_id) for pair in pairs]


def _request(pair: Pair, image: Image | None, round_id: str) -> Request:
    if image is None:
        return Request(round_id, pair.target, pair.image_name, pair.lookup)
    lookup = image.lookup if pair.lookup is UNREAD else pair.lookup
    return Request(round_id, pair.target, pair.image_name, lookup, image.release)


def rotated(regions: Collection[str], first: str | None) -> list[str]:
    """The regions in name order, beginning with `first` or the next name after it."""
    ordered = sorted(regions)
    start = next((i for i, region in enumerate(ordered) if region >= (first or "")), 0)
    return ordered[start:] + ordered[:start]
