"""The table: its keys, and what its rows hold.

A row is plain JSON-like data here; `kernel.table` turns it into DynamoDB's attribute values.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from services.kernel.errors import MalformedError
from services.kernel.model import Kind, Observation, Pair, Release, Target, Window
from services.kernel.wire import ImageId, LookupShape, Round, checked, decode_lookup, encode_lookup

PENDING_INDEX = "pending"
DERIVE_INDEX = "derive"
IMAGE_PREFIX = "image#"
RELEASE_PREFIX = "release#"
NOTICE_PREFIX = "notice#"
ROUND_PREFIX = "round#"

LAST_NUMBER = 2**32 - 1
PairNumber = Annotated[int, Meta(ge=1, le=LAST_NUMBER)]
LAST_VERSION = 99_999_999  # a record holds eight digits


def image_record(account_id: str, image_name: str) -> str:
    """The sort key of a pair's image row."""
    return f"{IMAGE_PREFIX}{account_id}#{image_name}"


def releases_of(account_id: str, image_name: str) -> str:
    """What the sort keys of a pair's release rows begin with."""
    return f"{RELEASE_PREFIX}{account_id}#{image_name}#"


def release_record(account_id: str, image_name: str, version: int) -> str:
    """The sort key of a release row; eight digits, so that text order is version order."""
    return f"{releases_of(account_id, image_name)}{version:08d}"


def round_record(account_id: str) -> str:
    """The sort key of a target's round row."""
    return f"{ROUND_PREFIX}{account_id}"


def _in_its_place(what: str, row: Mapping[str, Any], expected: str) -> None:
    """Refuse a row whose content belongs under another key: a write would meet another row."""
    if row.get("record") != expected:
        raise MalformedError(what, f"its content belongs to the key {expected}")


# --- the shapes. Unknown keys are ignored: during an update, a function reads what a newer one
# wrote.


class _Status(Struct, frozen=True):
    state: str
    code: str | None = None
    since: str | None = None


class _PairRow(Struct, frozen=True):
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


class _RoundRow(Struct, frozen=True):
    round: Round | None = None
    window: Round | None = None
    answered: frozenset[PairNumber] = frozenset()
    missed: frozenset[PairNumber] = frozenset()
    stale: frozenset[PairNumber] = frozenset()


_COMPARED = ("window", "answered", "missed", "stale")
"""What the scheduler compares with the table, so it has to be of the type that is written."""


class _ReleaseRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
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


# --- the table's rows


def _row(row: Mapping[str, Any]) -> str:
    return f"row {row.get('record', '?')} of {row.get('region', '?')}"


def encode_configuration(pair: Pair) -> dict[str, Any]:
    """The attributes of an image row that the scheduler owns."""
    return {
        "image_name": pair.image_name,
        "account_id": pair.target.account_id,
        "active": pair.active,
        "lookup": encode_lookup(pair.lookup),
        "lookup_digest": pair.lookup_digest,
        "announce": sorted(pair.announce),
        **({} if pair.number is None else {"number": pair.number}),
    }


def decode_pair(row: Mapping[str, Any]) -> Pair:
    """The pair in an image row.

    Raises:
        MalformedError: the row does not match the schema, or its content does not match its key.
    """
    what = _row(row)
    fields = checked(what, row, _PairRow)
    _in_its_place(what, row, image_record(fields.account_id, fields.image_name))
    if bool(fields.version) != bool(fields.image_id):
        raise MalformedError(what, "it has only one of version and image_id")
    if row["announce"] != sorted(fields.announce):  # a commit compares it as it was written
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
        state=fields.status.state if fields.status else None,
        code=fields.status.code if fields.status else None,
        since=fields.status.since if fields.status else None,
        number=fields.number,
    )


def decode_window(row: Mapping[str, Any]) -> Window:
    """The window in a round row.

    Raises:
        MalformedError: the row does not match the schema.
    """
    fields = checked(_row(row), row, _RoundRow)
    compared = {name: row[name] for name in _COMPARED if name in row}
    if any(each is None or each != getattr(fields, n) for n, each in compared.items()):
        raise MalformedError(_row(row), f"one of {', '.join(_COMPARED)} has another type")
    for moment in (fields.round, fields.window):
        _must_be_a_time(_row(row), moment)
    return Window(fields.round, fields.window, fields.answered, fields.missed, fields.stale)


def _must_be_a_time(what: str, text: str | None) -> None:
    try:
        datetime.fromisoformat(text or "2026-11-22T07:00:00Z")
    except ValueError as error:
        raise MalformedError(what, f"{text!r} is not a time") from error


def encode_release(release: Release) -> dict[str, Any]:
    """A release row as it is committed, without the mark of what is still to be announced."""
    target, name = release.target, release.image_name
    row = _ReleaseRow(
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
        detected_at=release.detected_at,
        round=release.round,
        lookup_digest=release.lookup_digest,
    )
    encoded: dict[str, Any] = msgspec.to_builtins(row)
    return encoded


def decode_release(row: Mapping[str, Any]) -> Release:
    """The release in a release row.

    Raises:
        MalformedError: the row does not match the schema, or its content does not match its key.
    """
    what = _row(row)
    fields = checked(what, row, _ReleaseRow)
    key = release_record(fields.account_id, fields.image_name, fields.version)
    _in_its_place(what, row, key)
    return Release(
        target=Target(fields.account_id, fields.region),
        image_name=fields.image_name,
        version=fields.version,
        kind=fields.kind,
        observed=Observation(fields.image_id, fields.ami_name, fields.creation_date),
        previous_image_id=fields.previous_image_id,
        detected_at=fields.detected_at,
        round=fields.round,
        lookup_digest=fields.lookup_digest,
    )
