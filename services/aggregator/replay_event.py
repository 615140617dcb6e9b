"""The event of a replay: the releases of one image in one target that are published again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta, Struct

from services.aggregator.outbox import Key
from services.kernel.decoding import checked
from services.kernel.errors import MalformedError
from services.kernel.keys import LAST_VERSION, release_record
from services.kernel.model import Target
from services.kernel.wire import IMAGE_NAME, AccountId, Region

MAX_VERSIONS = 100
"""The most versions of a replay: their rows are read with one call, within the time-out."""

_Version = Annotated[int, Meta(ge=1, le=LAST_VERSION)]


class _Fields(Struct, frozen=True, forbid_unknown_fields=True):
    region: Region
    account_id: AccountId
    image_name: Annotated[str, Meta(pattern=IMAGE_NAME)]
    versions: Annotated[list[_Version], Meta(min_length=1, max_length=MAX_VERSIONS)]


class _Event(Struct, frozen=True, forbid_unknown_fields=True):
    replay: _Fields


@dataclass(frozen=True, slots=True)
class Replay:
    """Publish these versions of an image again; they are in order, and each is listed once."""

    target: Target
    image_name: str
    versions: tuple[int, ...]

    def key(self, version: int) -> Key:
        """The key of a version's release row."""
        record = release_record(self.target.account_id, self.image_name, version)
        return Key(self.target.region, record)


def parse_replay(event: Mapping[str, Any]) -> Replay:
    """The replay in an event.

    Raises:
        MalformedError: it has other keys, an invalid value, no version or too many versions.
    """
    if isinstance(event["replay"], Mapping) and "versions" in event["replay"]:
        _check_number(event["replay"]["versions"])
    fields = checked("replay", dict(event), _Event).replay
    target = Target(fields.account_id, fields.region)
    return Replay(target, fields.image_name, tuple(sorted(set(fields.versions))))


def _check_number(versions: object) -> None:
    if isinstance(versions, list) and len(versions) > MAX_VERSIONS:
        problem = f"it has {len(versions)} versions; send at most {MAX_VERSIONS} at a time"
        raise MalformedError("replay", problem)
