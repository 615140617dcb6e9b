"""Values of the scheduler with defaults, for tests."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from services.kernel.keys import image_record, round_record
from services.kernel.model import (
    DEFAULT_ANNOUNCE,
    Catalogue,
    Image,
    Kind,
    Lookup,
    Observation,
    Pair,
    ParameterLookup,
    Request,
    State,
    Target,
    Window,
)
from services.kernel.records import encode_configuration
from services.kernel.wire import lookup_digest, timestamp
from support.fakes.table import Row

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "222233334444"
TARGET = Target(ACCOUNT, "eu-west-1")
ROUND = "2026-11-22T07:00:00Z"
KNOWN = Observation("ami-0000000000000000a", "al2023-2026.11", "2026-11-20T00:00:00.000Z")


def stale_status(moment: datetime) -> Row:
    """Build the status of a row that the scheduler marked as stale."""
    return {
        "state": "stale",
        "code": "NoAnswer",
        "detail": "no lookup of this pair has ended in two windows",
        "since": timestamp(moment),
    }


# --- builders


def lookup_of(name: str) -> ParameterLookup:
    """Build a lookup that belongs to a name."""
    return ParameterLookup(f"/aws/service/{name}/image_id")


def an_image(
    name: str = "al2023",
    lookup: Lookup | None = None,
    announce: Iterable[Kind] = DEFAULT_ANNOUNCE,
    regions: Iterable[str] | None = None,
    family: str | None = None,
) -> Image:
    """Build a tracked image."""
    wanted = None if regions is None else frozenset(regions)
    return Image(name, lookup or lookup_of(name), frozenset(announce), wanted, family=family)


def images(count: int) -> list[Image]:
    """Build this number of images, whose names sort by number."""
    return [an_image(f"image-{number:04d}") for number in range(count)]


def a_catalogue(
    regions: Sequence[str] = ("eu-west-1", "us-east-1"),
    tracked: Sequence[Image] = (an_image("al2023"), an_image("rhel-9")),
    account_id: str = ACCOUNT,
) -> Catalogue:
    """Build a catalogue that tracks images in every region of one account."""
    return Catalogue(tuple(Target(account_id, region) for region in regions), tuple(tracked))


def a_pair(
    image: Image | None = None,
    target: Target = TARGET,
    *,
    active: bool = True,
    version: int = 3,
    known: Observation | None = KNOWN,
    state: str | None = None,
    number: int | None = None,
) -> Pair:
    """Build a pair that was looked up before; its number is derived from its name."""
    image = image or an_image()
    digest = lookup_digest(image.lookup)
    return Pair(
        target,
        image.name,
        active,
        image.lookup,
        digest,
        image.announce,
        version=version,
        known=known,
        confirmed_digest=digest if known else None,
        state=State(state) if state else None,
        since=ROUND if state else None,
        number=number or zlib.crc32(image.name.encode()),
        family=image.family,
    )


def a_request(
    name: str = "al2023", target: Target = TARGET, lookup: Lookup | None = None
) -> Request:
    """Build a request of the example round."""
    return Request(ROUND, target, name, lookup or lookup_of(name))


def image_row(pair: Pair) -> Row:
    """Build an image row as scheduler and lookup write it together."""
    row: Row = {
        "region": pair.target.region,
        "record": image_record(pair.target.account_id, pair.image_name),
        **encode_configuration(pair),
        "version": pair.version,
    }
    if pair.known:
        row |= {
            "image_id": pair.known.image_id,
            "ami_name": pair.known.ami_name,
            "creation_date": pair.known.creation_date,
            "changed_at": "2026-11-21T07:00:00.000Z",
        }
    if pair.confirmed_digest:
        row["confirmed_digest"] = pair.confirmed_digest
    if pair.state:
        row["status"] = {"state": pair.state, "code": "Code", "detail": "why", "since": pair.since}
    return row


def a_window(
    window: str | None = ROUND,
    *,
    round_id: str | None = None,
    answered: Collection[int] = (),
    missed: Collection[int] = (),
    stale: Collection[int] = (),
) -> Window:
    """Build a window that the example round started, or another one."""
    sets = (frozenset(answered), frozenset(missed), frozenset(stale))
    return Window(round_id or window, window, *sets)


def round_row(
    target: Target = TARGET,
    window: Window | None = None,
    enqueued: int = 2,
    started_at: str = "2026-11-22T07:00:01.000Z",
) -> Row:
    """Build a target's round row; empty sets are absent."""
    window = window or a_window()
    sets = {name: getattr(window, name) for name in ("answered", "missed", "stale")}
    return {
        "region": target.region,
        "record": round_record(target.account_id),
        "round": window.round,
        "window": window.window,
        "enqueued": enqueued,
        "started_at": started_at,
        **{name: members for name, members in sets.items() if members},
    }
