"""The attributes of an image row that a round compares: pure.

The lookup and the known image are most of a row, and a round needs neither: it compares the digest
of the lookup, and the lookup function reads the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from services.kernel.decoding import checked
from services.kernel.errors import MalformedError
from services.kernel.keys import image_record
from services.kernel.model import Kind, Pair, Target
from services.kernel.records import PairNumber, state_of
from services.scheduler.plan import UNREAD

COMPARED = (
    "record",
    "active",
    "lookup_digest",
    "announce",
    "confirmed_digest",
    "status.state",
    "status.since",
    "number",
    "family",
)


class _Status(Struct, frozen=True):
    state: str
    since: str | None = None


class _Compared(Struct, frozen=True):
    record: str
    active: bool
    lookup_digest: str
    announce: frozenset[Kind]
    confirmed_digest: str | None = None
    status: _Status | None = None
    number: PairNumber | None = None
    family: str | None = None


def decode_compared(region: str, row: Mapping[str, Any]) -> Pair:
    """The pair in a row with only these attributes; its lookup is `UNREAD`, its image unknown.

    Raises:
        MalformedError: the attributes do not match the schema.
    """
    what = f"row {row.get('record', '?')} of {region}"
    fields = checked(what, row, _Compared)
    _, account_id, image_name = (*fields.record.split("#", 2), "", "")[:3]
    if fields.record != image_record(account_id, image_name):
        raise MalformedError(what, "its key is not that of an image row")
    if row["announce"] != sorted(fields.announce):  # a commit compares the stored list
        raise MalformedError(what, "announce is not a sorted list")
    status = fields.status
    return Pair(
        Target(account_id, region),
        image_name,
        fields.active,
        UNREAD,
        fields.lookup_digest,
        fields.announce,
        confirmed_digest=fields.confirmed_digest,
        state=state_of(status.state) if status else None,
        since=status.since if status else None,
        number=fields.number,
        family=fields.family,
    )
