"""Formats: the queue message, and lookups in messages, rows and the catalogue."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, assert_never

from msgspec import Meta, Struct

from services.kernel.decoding import parsed
from services.kernel.errors import MalformedError
from services.kernel.model import (
    Filter,
    FilterLookup,
    Lookup,
    OrderBy,
    ParameterLookup,
    ReleaseRule,
    Request,
    Target,
)

ACCOUNT_ID = r"^[0-9]{12}\Z"
REGION = r"^[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}\Z"
IMAGE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z"
IMAGE_ID = r"^ami-[0-9a-z]{1,64}\Z"  # no wildcards, and no longer than a filter's value
ROUND = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z"

_LOOKUPS = 10_000
"""Lookups whose text is kept, since each belongs to a pair in every target."""

MAX_PATTERN = 200
MAX_NOTES = 200
"""Characters of a release pattern, and of the URL of the release notes."""

AccountId = Annotated[str, Meta(pattern=ACCOUNT_ID)]
Region = Annotated[str, Meta(pattern=REGION)]
ImageName = Annotated[str, Meta(pattern=IMAGE_NAME)]
Round = Annotated[str, Meta(pattern=ROUND)]
ImageId = Annotated[str, Meta(pattern=IMAGE_ID)]
Pattern = Annotated[str, Meta(min_length=1, max_length=MAX_PATTERN)]


# --- the schemas. Unknown keys are ignored in messages and rows: during an update, a function reads
# those of a newer version.


class FilterShape(Struct, frozen=True):
    """A filter in JSON."""

    Name: Annotated[str, Meta(min_length=1)]
    Values: Annotated[list[str], Meta(min_length=1)]


class LookupShape(Struct, frozen=True, omit_defaults=True):
    """A lookup in JSON; it has exactly one of `parameter_path` and `filters`."""

    parameter_path: Annotated[str, Meta(min_length=1)] | None = None
    # Without a filter, EC2 would list every public image.
    filters: Annotated[list[FilterShape], Meta(min_length=1)] | None = None
    owners: list[str] | None = None
    exclude_names: list[str] | None = None
    order_by: OrderBy = OrderBy.DATE
    pattern: Pattern | None = None


class ReleaseShape(Struct, frozen=True):
    """A release rule in JSON."""

    pattern: Pattern | None = None
    notes: Annotated[str, Meta(max_length=MAX_NOTES)] | None = None


class _Message(Struct, frozen=True):
    schema: Literal[1]
    round: Round
    region: Region
    account_id: AccountId
    image_name: ImageName
    lookup: LookupShape
    release: ReleaseShape | None = None


def canonical_json(value: object) -> str:
    """The canonical JSON text of a value: sorted keys, no spaces, ASCII only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def timestamp(moment: datetime) -> str:
    """`moment` in the format of rows, messages and events: `2026-11-22T07:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def decode_time(what: str, name: str, text: str | None) -> datetime | None:
    """The time in a text; None if there is no text.

    Raises:
        MalformedError: it is not a time with an offset from UTC.
    """
    return None if text is None else required_time(what, name, text)


def required_time(what: str, name: str, text: str) -> datetime:
    """The time in a text.

    Raises:
        MalformedError: it is not a time with an offset from UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None and text.isascii():
            return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:  # a time whose date in UTC is out of range
        raise MalformedError(what, f"{name} is {text!r}, but must be a time") from error
    raise MalformedError(what, f"{name} is {text!r}, but must be a time")


# --- lookups


def encode_lookup(lookup: Lookup) -> dict[str, Any]:
    """A lookup in the format of messages, rows and the catalogue."""
    match lookup:
        case ParameterLookup(parameter_path):
            return {"parameter_path": parameter_path}
        case FilterLookup(filters, owners, exclude_names, order_by, pattern):
            # The default order is left out, so it is not part of the digest.
            by_date = order_by is OrderBy.DATE
            return {
                "filters": [{"Name": f.name, "Values": list(f.values)} for f in filters],
                "owners": list(owners),
                "exclude_names": list(exclude_names),
                **({} if by_date else {"order_by": order_by.value, "pattern": pattern}),
            }
        case _:
            assert_never(lookup)


def decode_lookup(what: str, lookup: LookupShape) -> Lookup:
    """The lookup in a shape.

    Raises:
        MalformedError: it does not have exactly one of `parameter_path` and `filters`, or it has
            only one of `order_by: release` and `pattern`.
    """
    if (lookup.order_by is OrderBy.RELEASE) != (lookup.pattern is not None):
        raise MalformedError(what, "its lookup must have both order_by: release and pattern")
    match lookup:
        case LookupShape(str(path), None, None, None, OrderBy.DATE):
            return ParameterLookup(path)
        case LookupShape(None, list(filters), owners, exclude_names, order_by, pattern):
            return FilterLookup(
                tuple(Filter(f.Name, tuple(f.Values)) for f in filters),
                tuple(owners or ()),
                tuple(exclude_names or ()),
                order_by,
                pattern,
            )
        case _:
            raise MalformedError(
                what, "its lookup must have exactly one of parameter_path and filters"
            )


def encode_rule(rule: ReleaseRule | None) -> dict[str, str | None] | None:
    """A release rule in the format of messages and the catalogue."""
    return None if rule is None else {"pattern": rule.pattern, "notes": rule.notes}


def decode_rule(rule: ReleaseShape | None) -> ReleaseRule | None:
    """The release rule in a shape."""
    return None if rule is None else ReleaseRule(rule.pattern, rule.notes)


@lru_cache(maxsize=_LOOKUPS)
def _lookup_text(lookup: Lookup) -> str:
    return canonical_json(encode_lookup(lookup))


@lru_cache(maxsize=_LOOKUPS)
def lookup_digest(lookup: Lookup) -> str:
    """The digest of a lookup: 16 hexadecimal digits."""
    return _sha256(_lookup_text(lookup))[:16]


def sha256(value: object) -> str:
    """The digest of a value's canonical JSON."""
    return _sha256(canonical_json(value))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- the queue message


def encode_request(request: Request) -> str:
    """The message body of a request: canonical JSON, put together from the text of the lookup."""
    rule = encode_rule(request.release)
    release = "" if rule is None else f'"release":{canonical_json(rule)},'
    return (
        f'{{"account_id":{json.dumps(request.target.account_id)},'
        f'"image_name":{json.dumps(request.image_name)},'
        f'"lookup":{_lookup_text(request.lookup)},'
        f'"region":{json.dumps(request.target.region)},{release}'
        f'"round":{json.dumps(request.round)},"schema":1}}'
    )


def decode_request(body: object) -> Request:
    """The request in a message body.

    Raises:
        MalformedError: it does not match the schema.
    """
    message = parsed("message", body, _Message)
    return Request(
        round=message.round,
        target=Target(message.account_id, message.region),
        image_name=message.image_name,
        lookup=decode_lookup("message", message.lookup),
        release=decode_rule(message.release),
    )
