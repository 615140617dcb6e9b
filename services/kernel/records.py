"""The content of image rows; `release_records` has that of release rows.

A row is plain JSON-like data here; `kernel.table` converts it to DynamoDB's attribute values.
`decode_pair` returns the type that the services use; `decode_image_row` returns all attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from services.kernel.decoding import checked
from services.kernel.errors import MalformedError
from services.kernel.keys import LAST_VERSION, image_record
from services.kernel.model import Kind, Lookup, Observation, Pair, State, Target
from services.kernel.wire import (
    ImageId,
    LookupShape,
    decode_lookup,
    decode_time,
    encode_lookup,
)

LAST_NUMBER = 2**32 - 1
PairNumber = Annotated[int, Meta(ge=1, le=LAST_NUMBER)]


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image row: the pair, the detail of its status, and the last change of its image id."""

    pair: Pair
    detail: str | None = None
    changed_at: datetime | None = None


def check_key(what: str, row: Mapping[str, Any], expected: str) -> None:
    """Refuse a row whose content belongs to another key, since a write would change another row."""
    if row.get("record") != expected:
        raise MalformedError(what, f"its content belongs to the key {expected}")


# --- the schemas. Unknown keys are ignored: during an update, a function reads rows of a newer
# version.


class _Status(Struct, frozen=True):
    state: str
    code: str | None = None
    since: str | None = None


class _Changes(Struct, frozen=True):
    detail: str | None = None
    changed_at: str | None = None
    deprecation_time: str | None = None


class _DecidingFields(Struct, frozen=True):
    region: str
    record: str
    image_name: str
    account_id: str
    active: bool
    lookup_digest: str
    announce: frozenset[Kind]
    version: Annotated[int, Meta(ge=0, lt=LAST_VERSION)] = 0
    image_id: ImageId | None = None
    ami_name: str | None = None
    creation_date: str | None = None
    confirmed_digest: str | None = None
    status: _Status | None = None
    number: PairNumber | None = None


class _PairFields(_DecidingFields, frozen=True, kw_only=True):
    lookup: LookupShape
    family: str | None = None


DECIDING = (*_DecidingFields.__struct_fields__[1:], "deprecation_time")
"""The attributes that decide what a lookup changes; region and lookup are in its request."""


# --- encoding and decoding


def name_of(row: Mapping[str, Any]) -> str:
    """The row's key, for messages."""
    return f"row {row.get('record', '?')} of {row.get('region', '?')}"


def encode_configuration(pair: Pair) -> dict[str, Any]:
    """The attributes of an image row that the scheduler writes."""
    return {
        "image_name": pair.image_name,
        "account_id": pair.target.account_id,
        "active": pair.active,
        "lookup": encode_lookup(pair.lookup),
        "lookup_digest": pair.lookup_digest,
        "announce": sorted(pair.announce),
        **({} if pair.number is None else {"number": pair.number}),
        **({} if pair.family is None else {"family": pair.family}),
    }


def state_of(text: str) -> State:
    """The state in a row; `unclassified` for a state of a newer version."""
    try:
        return State(text)
    except ValueError:
        return State.UNCLASSIFIED


def _deprecation_time(what: str, row: Mapping[str, Any]) -> datetime | None:
    """The time in a row; an invalid one counts as unknown and does not affect lookups."""
    text = row.get("deprecation_time")
    try:
        return decode_time(what, "deprecation_time", text) if isinstance(text, str) else None
    except MalformedError:
        return None


def decode_pair(row: Mapping[str, Any]) -> Pair:
    """The pair in an image row.

    Raises:
        MalformedError: the row does not match the schema, or its content does not match its key.
    """
    fields = checked(name_of(row), row, _PairFields)
    return _pair(row, fields, decode_lookup(name_of(row), fields.lookup), fields.family)


def decode_requested_pair(row: Mapping[str, Any], lookup: Lookup) -> Pair:
    """The pair in the region and the attributes `DECIDING` of an image row.

    `lookup` is the one with the digest in the row.

    Raises:
        MalformedError: as for `decode_pair`.
    """
    return _pair(row, checked(name_of(row), row, _DecidingFields), lookup)


def _pair(
    row: Mapping[str, Any], fields: _DecidingFields, lookup: Lookup, family: str | None = None
) -> Pair:
    what = name_of(row)
    check_key(what, row, image_record(fields.account_id, fields.image_name))
    if bool(fields.version) != bool(fields.image_id):
        raise MalformedError(what, "it has only one of version and image_id")
    if row["announce"] != sorted(fields.announce):  # a commit compares the stored list
        raise MalformedError(what, "announce is not a sorted list")
    known = (
        Observation(
            fields.image_id, fields.ami_name, fields.creation_date, _deprecation_time(what, row)
        )
        if fields.image_id
        else None
    )
    return Pair(
        target=Target(fields.account_id, fields.region),
        image_name=fields.image_name,
        active=fields.active,
        lookup=lookup,
        lookup_digest=fields.lookup_digest,
        announce=fields.announce,
        version=fields.version,
        known=known,
        confirmed_digest=fields.confirmed_digest,
        state=state_of(fields.status.state) if fields.status else None,
        code=fields.status.code if fields.status else None,
        since=fields.status.since if fields.status else None,
        number=fields.number,
        family=family,
    )


def decode_image_row(row: Mapping[str, Any]) -> ImageRow:
    """All attributes of an image row.

    Raises:
        MalformedError: as for `decode_pair`, or a time in it is invalid.
    """
    what = name_of(row)
    pair = decode_pair(row)
    status = row.get("status") or {}
    more = checked(what, {**row, "detail": status.get("detail")}, _Changes)
    decode_time(what, "deprecation_time", more.deprecation_time)  # a reader sees that it is invalid
    return ImageRow(pair, more.detail, decode_time(what, "changed_at", more.changed_at))
