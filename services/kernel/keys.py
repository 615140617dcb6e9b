"""The table's keys: the partition key is the region, the sort key is called the record."""

from __future__ import annotations

PENDING_INDEX = "pending"
DERIVE_INDEX = "derive"
IMAGE_PREFIX = "image#"
RELEASE_PREFIX = "release#"
NOTICE_PREFIX = "notice#"
ROUND_PREFIX = "round#"

NOTE_KEY = {"region": "*", "record": "scheduler"}
"""The key of the scheduler's note. No region is named `*`, so no query of a region finds it."""
LAST_VERSION = 99_999_999  # a sort key has eight digits


def image_record(account_id: str, image_name: str) -> str:
    """The sort key of a pair's image row."""
    return f"{IMAGE_PREFIX}{account_id}#{image_name}"


def releases_of(account_id: str, image_name: str) -> str:
    """The prefix of the sort keys of a pair's release rows."""
    return f"{RELEASE_PREFIX}{account_id}#{image_name}#"


def release_record(account_id: str, image_name: str, version: int) -> str:
    """The sort key of a release row; with eight digits, text order is version order."""
    return f"{releases_of(account_id, image_name)}{version:08d}"


def round_record(account_id: str) -> str:
    """The sort key of a target's round row."""
    return f"{ROUND_PREFIX}{account_id}"
