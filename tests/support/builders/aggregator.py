"""Values of the aggregator with defaults, for tests."""

from __future__ import annotations

from datetime import datetime

from services.aggregator.outbox import Key
from services.kernel.errors import Failure
from services.kernel.keys import release_record
from services.kernel.model import Kind, Observation, Release, State, Target
from services.kernel.release_records import encode_release
from support.fakes.table import Row

ACCOUNT = "111122223333"
TARGET = Target(ACCOUNT, "eu-west-1")
DETECTED = "2026-11-22T07:00:10.000Z"
NO_TOPIC = Failure.of(State.NOT_FOUND, "NotFound", "Topic does not exist")


# --- builders


def a_release(
    name: str = "al2023",
    version: int = 2,
    target: Target = TARGET,
    kind: Kind = Kind.RELEASE,
    detected_at: str | datetime = DETECTED,
    ami_name: str | None = "al2023-ami-2026.11.20",
    previous_image_id: str | None = "ami-0000000000000000a",
) -> Release:
    """Build a committed release."""
    return Release(
        target=target,
        image_name=name,
        version=version,
        kind=kind,
        observed=Observation(f"ami-{version:017x}", ami_name, "2026-11-20T00:00:00.000Z"),
        previous_image_id=previous_image_id,
        detected_at=detected_at
        if isinstance(detected_at, datetime)
        else datetime.fromisoformat(detected_at),
        round="2026-11-22T07:00:00Z",
        lookup_digest="0123456789abcdef",
    )


def key_of(row: Row) -> Key:
    """Return a row's key."""
    return Key(row["region"], row["record"])


def key_of_release(release: Release) -> Key:
    """Return the key of a release's row."""
    target = release.target
    record = release_record(target.account_id, release.image_name, release.version)
    return Key(target.region, record)


def pending_row(release: Release) -> Row:
    """Build a release row as the lookup commits it."""
    return {**encode_release(release), "pending": release.target.region}


def published_row(release: Release, message_id: str = "message-1") -> Row:
    """Build the row of a published release."""
    return {
        **encode_release(release),
        "published_at": "2026-11-22T07:00:11.000Z",
        "message_id": message_id,
    }
