"""The content of image rows and release rows.

A row is plain JSON-like data here; `kernel.table` converts it to DynamoDB's attribute values.
`decode_pair` and `decode_release` return the types that the services use; `decode_image_row` and
`decode_release_row` return all attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from services.kernel.errors import MalformedError
from services.kernel.keys import LAST_VERSION, image_record, release_record
from services.kernel.model import About, Fact, Kind, Observation, Pair, Release, State, Target
from services.kernel.wire import (
    ImageId,
    LookupShape,
    checked,
    decode_lookup,
    decode_time,
    encode_lookup,
    required_time,
    timestamp,
)

LAST_NUMBER = 2**32 - 1
PairNumber = Annotated[int, Meta(ge=1, le=LAST_NUMBER)]


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image row: the pair, the detail of its status, and the last change of its image id."""

    pair: Pair
    detail: str | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A release row: the release, and the state of its announcement.

    `pending` is true until it is announced. A published release has `published_at` and the
    `message_id` from SNS. A release whose target was removed has `closed_at`.
    """

    release: Release
    pending: bool = False
    published_at: datetime | None = None
    message_id: str | None = None
    closed_at: datetime | None = None


def _check_key(what: str, row: Mapping[str, Any], expected: str) -> None:
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


class _Announcing(Struct, frozen=True):
    pending: str | None = None
    published_at: str | None = None
    message_id: str | None = None
    closed_at: str | None = None


class _PairFields(Struct, frozen=True):
    region: str
    record: str
    image_name: str
    account_id: str
    active: bool
    lookup: LookupShape
    lookup_digest: str
    announce: frozenset[Kind]
    version: Annotated[int, Meta(ge=0, lt=LAST_VERSION)] = 0
    image_id: ImageId | None = None
    ami_name: str | None = None
    creation_date: str | None = None
    confirmed_digest: str | None = None
    status: _Status | None = None
    number: PairNumber | None = None


class _ReleaseFields(Struct, frozen=True, kw_only=True, omit_defaults=True):
    region: str
    record: str
    event_id: str
    account_id: str
    image_name: str
    version: int
    kind: Kind
    image_id: ImageId
    previous_image_id: str | None = None
    ami_name: str | None = None
    creation_date: str | None = None
    detected_at: str
    round: str
    lookup_digest: str
    release: str | None = None
    previous_release: str | None = None
    join_key: str | None = None
    notes_url: str | None = None
    source_time: str | None = None
    parameter_version: int | None = None
    facts: dict[str, Fact] = {}
    changed: dict[str, Fact] = {}


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
    }


def _state(text: str) -> State:
    """The state in a row; `unclassified` for a state of a newer version."""
    try:
        return State(text)
    except ValueError:
        return State.UNCLASSIFIED


def decode_pair(row: Mapping[str, Any]) -> Pair:
    """The pair in an image row.

    Raises:
        MalformedError: the row does not match the schema, or its content does not match its key.
    """
    what = name_of(row)
    fields = checked(what, row, _PairFields)
    _check_key(what, row, image_record(fields.account_id, fields.image_name))
    if bool(fields.version) != bool(fields.image_id):
        raise MalformedError(what, "it has only one of version and image_id")
    if row["announce"] != sorted(fields.announce):  # a commit compares the stored list
        raise MalformedError(what, "announce is not a sorted list")
    known = (
        Observation(fields.image_id, fields.ami_name, fields.creation_date)
        if fields.image_id
        else None
    )
    return Pair(
        target=Target(fields.account_id, fields.region),
        image_name=fields.image_name,
        active=fields.active,
        lookup=decode_lookup(what, fields.lookup),
        lookup_digest=fields.lookup_digest,
        announce=fields.announce,
        version=fields.version,
        known=known,
        confirmed_digest=fields.confirmed_digest,
        state=_state(fields.status.state) if fields.status else None,
        code=fields.status.code if fields.status else None,
        since=fields.status.since if fields.status else None,
        number=fields.number,
    )


def encode_release(release: Release) -> dict[str, Any]:
    """A release row for a commit, without the attribute `pending`."""
    target, name, about = release.target, release.image_name, release.about
    row = _ReleaseFields(
        region=target.region,
        record=release_record(target.account_id, name, release.version),
        event_id=release.event_id,
        account_id=target.account_id,
        image_name=name,
        version=release.version,
        kind=release.kind,
        image_id=release.observed.image_id,
        previous_image_id=release.previous_image_id,
        ami_name=release.observed.ami_name,
        creation_date=release.observed.creation_date,
        detected_at=timestamp(release.detected_at),
        round=release.round,
        lookup_digest=release.lookup_digest,
        release=about.release,
        previous_release=about.previous_release,
        join_key=about.join_key,
        notes_url=about.notes_url,
        source_time=timestamp(about.source_time) if about.source_time else None,
        parameter_version=about.parameter_version,
        facts=dict(about.facts),
        changed=dict(about.changed),
    )
    encoded: dict[str, Any] = msgspec.to_builtins(row)
    return encoded


def decode_release(row: Mapping[str, Any]) -> Release:
    """The release in a release row.

    Raises:
        MalformedError: the row does not match the schema, or its content does not match its key.
    """
    what = name_of(row)
    fields = checked(what, row, _ReleaseFields)
    key = release_record(fields.account_id, fields.image_name, fields.version)
    _check_key(what, row, key)
    return Release(
        target=Target(fields.account_id, fields.region),
        image_name=fields.image_name,
        version=fields.version,
        kind=fields.kind,
        observed=Observation(fields.image_id, fields.ami_name, fields.creation_date),
        previous_image_id=fields.previous_image_id,
        detected_at=required_time(what, "detected_at", fields.detected_at),
        round=fields.round,
        lookup_digest=fields.lookup_digest,
        about=About(
            release=fields.release,
            previous_release=fields.previous_release,
            join_key=fields.join_key,
            notes_url=fields.notes_url,
            source_time=decode_time(what, "source_time", fields.source_time),
            parameter_version=fields.parameter_version,
            facts=fields.facts,
            changed=fields.changed,
        ),
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
    return ImageRow(pair, more.detail, decode_time(what, "changed_at", more.changed_at))


def decode_release_row(row: Mapping[str, Any]) -> ReleaseRow:
    """All attributes of a release row.

    Raises:
        MalformedError: as for `decode_release`, or a time in it is invalid.
    """
    what = name_of(row)
    release = decode_release(row)
    more = checked(what, row, _Announcing)
    return ReleaseRow(
        release=release,
        pending=more.pending is not None,
        published_at=decode_time(what, "published_at", more.published_at),
        message_id=more.message_id,
        closed_at=decode_time(what, "closed_at", more.closed_at),
    )
