"""The content of release rows.

`decode_release` returns the type that the services use; `decode_release_row` returns all
attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from services.kernel.decoding import checked
from services.kernel.errors import Failure
from services.kernel.keys import release_record
from services.kernel.model import About, Fact, Kind, Observation, Release, Target
from services.kernel.records import check_key, name_of
from services.kernel.wire import ImageId, decode_time, required_time, timestamp


@dataclass(frozen=True, slots=True)
class LastProblem:
    """Why the topic did not accept a release, and since when with this code."""

    code: str
    detail: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """A release row: the release, and the state of its announcement.

    `pending` is true until it is announced. A published release has `published_at` and the
    `message_id` from SNS. A release whose target was removed has `closed_at`. `last_problem` stays
    when the release is published or closed.
    """

    release: Release
    pending: bool = False
    published_at: datetime | None = None
    message_id: str | None = None
    closed_at: datetime | None = None
    last_problem: LastProblem | None = None


class _LastProblem(Struct, frozen=True):
    code: str
    detail: str
    since: str


class _Announcing(Struct, frozen=True):
    pending: str | None = None
    published_at: str | None = None
    message_id: str | None = None
    closed_at: str | None = None
    last_problem: _LastProblem | None = None


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
    check_key(what, row, key)
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
        last_problem=_last_problem(what, more.last_problem),
    )


def _last_problem(what: str, found: _LastProblem | None) -> LastProblem | None:
    if found is None:
        return None
    since = required_time(what, "since of last_problem", found.since)
    return LastProblem(found.code, found.detail, since)


def encode_last_problem(problem: Failure, moment: datetime) -> dict[str, str]:
    """The attribute `last_problem` of a release row."""
    return {"code": problem.code, "detail": problem.detail, "since": timestamp(moment)}


def last_problem_code(row: Mapping[str, Any]) -> str | None:
    """The code of a row's last problem; None if there is none, or if it is damaged."""
    match row.get("last_problem"):
        case {"code": str(code)}:
            return code
        case _:
            return None
