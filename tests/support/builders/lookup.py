"""Values of the lookup with defaults, for tests."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from services.kernel.errors import Failure
from services.kernel.model import (
    DEFAULT_ANNOUNCE,
    Filter,
    FilterLookup,
    Kind,
    Lookup,
    Observation,
    Pair,
    ParameterLookup,
    Release,
    Request,
    State,
    Target,
)
from services.kernel.wire import lookup_digest
from services.lookup.responses import Ami, Matches, ParameterValue

AMAZON, RED_HAT = "137112412989", "309956199498"
HERE = Target("111122223333", "eu-west-1")
THERE = Target("444455556666", "us-west-2")
MOMENT = datetime(2026, 11, 22, 7, 0, 5, tzinfo=UTC)
ROUND = "2026-11-22T07:00:00Z"
NEXT_ROUND = "2026-11-22T08:00:00Z"
PATH = "/tracked/al2023/image_id"


# --- builders: a test states only the values that it needs


def image_id(number: int) -> str:
    """Return the id of example image `number`."""
    return f"ami-{number:017x}"


def an_observation(number: int = 1, day: int = 1) -> Observation:
    """Build an observation of image `number`, created on a day in October."""
    return Observation(image_id(number), f"acme-linux-{number}", f"2026-10-{day:02}T00:00:00.000Z")


def an_ami(number: int = 1, day: int = 1, **changes: object) -> Ami:
    """Build the image of `an_observation` as EC2 describes it."""
    found = an_observation(number, day)
    ami = Ami(found.image_id, found.ami_name, found.creation_date or "")
    if isinstance(text := changes.get("deprecation_time"), str):
        changes["deprecation_time"] = datetime.fromisoformat(text)
    return replace(ami, **changes)  # type: ignore[arg-type] # the fields of `Ami`


def by_parameter(path: str = PATH) -> ParameterLookup:
    """Build a lookup by parameter."""
    return ParameterLookup(path)


def by_name(
    name: str = "acme-linux-*", *, owners: Sequence[str] = (AMAZON,), exclude: Sequence[str] = ()
) -> FilterLookup:
    """Build a lookup by a filter on the image's name."""
    return FilterLookup((Filter("name", (name,)),), tuple(owners), tuple(exclude))


def a_request(
    name: str = "al2023",
    lookup: Lookup | None = None,
    *,
    target: Target = HERE,
    round_id: str = ROUND,
) -> Request:
    """Build a request for an image in a target."""
    return Request(round_id, target, name, lookup or by_parameter())


def a_pair(  # noqa: PLR0913 - a pair has that many properties, each with its default
    name: str = "al2023",
    lookup: Lookup | None = None,
    *,
    target: Target = HERE,
    active: bool = True,
    announce: frozenset[Kind] = DEFAULT_ANNOUNCE,
    version: int = 0,
    known: Observation | None = None,
    confirmed: Lookup | None = None,
    state: str | None = None,
    number: int | None = None,
) -> Pair:
    """Build a pair as the scheduler creates it, or with a known image.

    The known image was confirmed by the pair's own lookup unless `confirmed` is another one. The
    pair's number is derived from its name.
    """
    asked = lookup or by_parameter()
    return Pair(
        target=target,
        image_name=name,
        active=active,
        lookup=asked,
        lookup_digest=lookup_digest(asked),
        announce=announce,
        version=version or (1 if known else 0),
        known=known,
        confirmed_digest=lookup_digest(confirmed or asked) if known else None,
        state=State(state) if state else State.OK if known else None,
        number=number or zlib.crc32(name.encode()),
    )


def a_release(
    pair: Pair, number: int = 2, kind: Kind = Kind.RELEASE, *, round_id: str = ROUND
) -> Release:
    """Build the release that moves a pair to image `number`."""
    return Release(
        target=pair.target,
        image_name=pair.image_name,
        version=pair.version + 1,
        kind=kind,
        observed=an_observation(number),
        previous_image_id=pair.known.image_id if pair.known else None,
        detected_at=MOMENT,
        round=round_id,
        lookup_digest=pair.lookup_digest,
    )


_STATES = {
    "ThrottlingException": State.THROTTLED,
    "RequestLimitExceeded": State.THROTTLED,
    "InternalError": State.TRANSIENT,
    "ExpiredToken": State.CREDENTIALS,
    "OptInRequired": State.REGION_DISABLED,
    "AccessDeniedException": State.ACCESS_DENIED,
    "UnauthorizedOperation": State.ACCESS_DENIED,
    "InvalidParameterValue": State.BAD_LOOKUP,
    "NewAndStrange": State.UNCLASSIFIED,
}


def a_failure(code: str) -> Failure:
    """Build the failure of an AWS error code."""
    return Failure(_STATES[code], code, "the embedded AWS says no")


# --- what the ports return, without the parts that most tests do not need


def texts(
    found: Iterable[tuple[str, ParameterValue | Failure | None]],
) -> dict[str, str | Failure | None]:
    """Return the text of each parameter."""
    return {
        path: answer.value if isinstance(answer, ParameterValue) else answer
        for path, answer in found
    }


def listed(
    found: Iterable[tuple[FilterLookup, Matches | Failure]],
) -> dict[FilterLookup, list[Ami] | Failure]:
    """Return the images of each filter lookup."""
    return {
        lookup: list(answer.images) if isinstance(answer, Matches) else answer
        for lookup, answer in found
    }
