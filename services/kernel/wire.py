"""What crosses a boundary: the queue message, the table's keys and rows, the catalogue file.

Everything here is plain JSON-like data; `kernel.aws` turns it into DynamoDB's attribute values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar, assert_never

import msgspec
from msgspec import Meta, Struct

from services.kernel.errors import MalformedError
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
    Target,
    Window,
)

PENDING_INDEX = "pending"
DERIVE_INDEX = "derive"
IMAGE_PREFIX = "image#"
RELEASE_PREFIX = "release#"
NOTICE_PREFIX = "notice#"
ROUND_PREFIX = "round#"

ACCOUNT_ID = r"^[0-9]{12}\Z"
REGION = r"^[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}\Z"
IMAGE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z"
IMAGE_ID = r"^ami-[0-9a-z]{1,64}\Z"  # neither a wildcard, nor more than a filter's value holds
ROUND = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z"

AccountId = Annotated[str, Meta(pattern=ACCOUNT_ID)]
Region = Annotated[str, Meta(pattern=REGION)]
ImageName = Annotated[str, Meta(pattern=IMAGE_NAME)]
Round = Annotated[str, Meta(pattern=ROUND)]
ImageId = Annotated[str, Meta(pattern=IMAGE_ID)]
LAST_NUMBER = 2**32 - 1
PairNumber = Annotated[int, Meta(ge=1, le=LAST_NUMBER)]
LAST_VERSION = 99_999_999  # a record holds eight digits

T = TypeVar("T")


# --- the shapes. Unknown keys are ignored in messages and rows: during an update, a function reads
# what a newer one wrote. The catalogue file is read by the package that it was built with.


class _Filter(Struct, frozen=True):
    Name: Annotated[str, Meta(min_length=1)]
    Values: Annotated[list[str], Meta(min_length=1)]


class _Lookup(Struct, frozen=True, omit_defaults=True):
    parameter_path: Annotated[str, Meta(min_length=1)] | None = None
    # Without any filter, EC2 would list every image that anybody shares.
    filters: Annotated[list[_Filter], Meta(min_length=1)] | None = None
    owners: list[str] | None = None
    exclude_names: list[str] | None = None


class _Message(Struct, frozen=True):
    schema: Literal[1]
    round: Round
    region: Region
    account_id: AccountId
    image_name: ImageName
    lookup: _Lookup


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
    lookup: _Lookup
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


class _Target(Struct, frozen=True, forbid_unknown_fields=True):
    account_id: AccountId
    region: Region


class _Image(Struct, frozen=True, forbid_unknown_fields=True):
    name: ImageName
    lookup: _Lookup
    announce: frozenset[Kind]
    regions: frozenset[Region] | None


class _CatalogueFile(Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal[1]
    targets: list[_Target]
    images: list[_Image]
    digest: str


def canonical_json(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _checked(what: str, value: object, shape: type[T]) -> T:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise MalformedError(what, str(error)) from error


def _parsed(what: str, text: object, shape: type[T]) -> T:
    if not isinstance(text, str):
        raise MalformedError(what, "it is no text")
    try:
        return msgspec.json.decode(text, type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedError(what, str(error)) from error


# --- lookups


def encode_lookup(lookup: Lookup) -> dict[str, Any]:
    """A lookup as messages, rows and the catalogue hold it."""
    match lookup:
        case ParameterLookup(parameter_path):
            return {"parameter_path": parameter_path}
        case FilterLookup(filters, owners, exclude_names):
            return {
                "filters": [{"Name": f.name, "Values": list(f.values)} for f in filters],
                "owners": list(owners),
                "exclude_names": list(exclude_names),
            }
        case _:
            assert_never(lookup)


def _decode_lookup(what: str, lookup: _Lookup) -> Lookup:
    match lookup:
        case _Lookup(str(path), None, None, None):
            return ParameterLookup(path)
        case _Lookup(None, list(filters), owners, exclude_names):
            return FilterLookup(
                tuple(Filter(f.Name, tuple(f.Values)) for f in filters),
                tuple(owners or ()),
                tuple(exclude_names or ()),
            )
        case _:
            raise MalformedError(
                what, "its lookup holds not exactly one of parameter_path, filters"
            )


def lookup_digest(lookup: Lookup) -> str:
    """Equal for equal lookups, and only for those: 16 hexadecimal digits."""
    return _sha256(encode_lookup(lookup))[:16]


def _sha256(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


# --- the queue message


def encode_request(request: Request) -> str:
    """The message body of a request."""
    message = {
        "schema": 1,
        "round": request.round,
        "region": request.target.region,
        "account_id": request.target.account_id,
        "image_name": request.image_name,
        "lookup": encode_lookup(request.lookup),
    }
    return canonical_json(message)


def decode_request(body: object) -> Request:
    """The request in a message body.

    Raises:
        MalformedError: it is none of ours.
    """
    message = _parsed("message", body, _Message)
    return Request(
        round=message.round,
        target=Target(message.account_id, message.region),
        image_name=message.image_name,
        lookup=_decode_lookup("message", message.lookup),
    )


# --- the table's keys


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
    fields = _checked(what, row, _PairRow)
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
        lookup=_decode_lookup(what, fields.lookup),
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
    fields = _checked(_row(row), row, _RoundRow)
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
    fields = _checked(what, row, _ReleaseRow)
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


# --- the compiled catalogue


def encode_catalogue(catalogue: Catalogue) -> str:
    """The catalogue file: canonical, so that equal configurations are equal bytes."""
    content = {
        "schema": 1,
        "targets": [
            {"account_id": t.account_id, "region": t.region} for t in sorted(catalogue.targets)
        ],
        "images": [
            {
                "name": image.name,
                "lookup": encode_lookup(image.lookup),
                "announce": sorted(image.announce),
                "regions": None if image.regions is None else sorted(image.regions),
            }
            for image in sorted(catalogue.images, key=lambda image: image.name)
        ],
    }
    return canonical_json({**content, "digest": _sha256(content)}) + "\n"


def decode_catalogue(text: str) -> Catalogue:
    """The catalogue in a compiled file.

    Raises:
        MalformedError: it was not written by `encode_catalogue`, or it was changed since.
    """
    what = "catalogue"
    file = _parsed(what, text, _CatalogueFile)
    catalogue = Catalogue(
        targets=tuple(Target(t.account_id, t.region) for t in file.targets),
        images=tuple(
            Image(i.name, _decode_lookup(what, i.lookup), i.announce, i.regions)
            for i in file.images
        ),
    )
    if encode_catalogue(catalogue) != text:
        raise MalformedError(what, "its digest does not fit its content; compile it again")
    return catalogue
