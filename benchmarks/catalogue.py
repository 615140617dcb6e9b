"""The configuration of a world, and the rows that the first round leaves in the table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from benchmarks.stub.expressions import Item, Value
from benchmarks.world import (
    HUB_REGION,
    Builds,
    World,
    ami_name,
    architecture,
    build_date,
    image_id,
    image_name,
    name_prefix,
    owner,
    parameter_path,
)
from services.kernel.keys import NOTE_KEY, image_record, round_record
from services.kernel.model import (
    Catalogue,
    Filter,
    FilterLookup,
    Image,
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
from services.kernel.records import encode_configuration
from services.kernel.release_records import encode_release
from services.kernel.wire import encode_request, lookup_digest, timestamp

SEEDED_AT = datetime(2026, 11, 1, 6, tzinfo=UTC)
"""The time of the round that the seeded rows are from."""
_DEPRECATED_AT = datetime(2028, 1, 1, tzinfo=UTC)
_ROUND = "2026-11-01T06:00:00Z"


def catalogue(world: World) -> Catalogue:
    """The configuration: every image in every target."""
    targets = (Target(a, r) for a in world.account_ids() for r in world.region_names())
    images = (Image(image_name(world, i), _lookup(world, i)) for i in range(world.images))
    by_name = sorted(images, key=lambda image: image.name)
    return Catalogue(tuple(sorted(targets)), tuple(by_name))


def _lookup(world: World, index: int) -> Lookup:
    if index >= world.filters:
        return ParameterLookup(parameter_path(index))
    filters = {
        "architecture": architecture(world, index),
        "name": f"{name_prefix(world, index)}*",
        "root-device-type": "ebs",
        "virtualization-type": "hvm",
    }
    return FilterLookup(
        tuple(Filter(name, (value,)) for name, value in sorted(filters.items())),
        (owner(world, index),),
    )


def rows(builds: Builds, *, releases: bool) -> Iterator[Item]:
    """The rows after a round that found the current build of each image.

    Release rows are needed only for images that change later.
    """
    world = builds.world
    names = [image_name(world, index) for index in range(world.images)]
    order = sorted(range(world.images), key=names.__getitem__)
    for account_id in world.account_ids():
        for region in world.region_names():
            target = Target(account_id, region)
            for number, index in enumerate(order, start=1):
                lookup = _lookup(world, index)
                pair = Pair(
                    target,
                    names[index],
                    active=True,
                    lookup=lookup,
                    lookup_digest=lookup_digest(lookup),
                    number=number,
                )
                seen = _observed(world, region, index, builds.current(index))
                yield typed(_image_row(pair, seen))
                if releases:
                    yield typed({**_release_row(pair, seen)})
            yield typed(_round_row(world, target))
    yield typed({**NOTE_KEY, "regions": sorted(world.region_names()), "start": HUB_REGION})


def samples(world: World, round_id: str) -> list[str]:
    """A message with a filter lookup and one with a parameter for each target."""
    return [
        encode_request(Request(round_id, target, image_name(world, index), _lookup(world, index)))
        for target in catalogue(world).targets
        for index in (0, world.images - 1)
    ]


def _observed(world: World, region: str, index: int, build: int) -> Observation:
    return Observation(
        image_id(region, index, build),
        ami_name(world, index, build),
        f"{build_date(build):%Y-%m-%dT%H:%M:%S}.000Z",
        _DEPRECATED_AT,
    )


def _image_row(pair: Pair, seen: Observation) -> dict[str, Any]:
    return {
        "region": pair.target.region,
        "record": image_record(pair.target.account_id, pair.image_name),
        **encode_configuration(pair),
        "version": 1,
        "image_id": seen.image_id,
        "ami_name": seen.ami_name,
        "creation_date": seen.creation_date,
        "changed_at": timestamp(SEEDED_AT),
        "confirmed_digest": pair.lookup_digest,
        "deprecation_time": timestamp(_DEPRECATED_AT),
        "status": {"state": State.OK.value, "since": timestamp(SEEDED_AT)},
    }


def _release_row(pair: Pair, seen: Observation) -> dict[str, Any]:
    release = Release(
        target=pair.target,
        image_name=pair.image_name,
        version=1,
        kind=Kind.BASELINE,
        observed=seen,
        previous_image_id=None,
        detected_at=SEEDED_AT,
        round=_ROUND,
        lookup_digest=pair.lookup_digest,
    )
    return encode_release(release)


def _round_row(world: World, target: Target) -> dict[str, Any]:
    return {
        "region": target.region,
        "record": round_record(target.account_id),
        "round": _ROUND,
        "window": _ROUND,
        "started_at": timestamp(SEEDED_AT),
        "enqueued": world.images,
        "answered": set(range(1, world.images + 1)),
    }


def typed(row: dict[str, Any]) -> Item:
    """A row as DynamoDB's attribute values; faster than boto3's serializer for many rows."""
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Value:  # noqa: ANN401 - a member of a row
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case set():
            return {"NS": [str(each) for each in sorted(value)]}
        case list():
            return {"L": [_value(each) for each in value]}
        case _:
            return {"M": typed(value)}
