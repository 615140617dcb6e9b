"""`index.json`: what is current everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.feed.listing import withdrawn
from services.feed.pairs import TrackedPair, is_safe
from services.feed.text import GENERATOR, SCHEMA, json_text, safe_link, visible
from services.feed.versions import node_version
from services.history.observed import DAMAGED
from services.kernel.model import Observation, Release, Target
from services.kernel.wire import timestamp

INDEX = "index.json"
WITHDRAWN = "withdrawn"
"""The state of a pair whose image can no longer be launched."""
OK = "ok"

Entry = Mapping[str, Any]
Entries = Mapping[tuple[str, Target], Entry]


def index_file(pairs: Iterable[TrackedPair], unread: Entries) -> str:
    """The text of the file; `unread` are earlier entries of pairs that could not be read."""
    entries = {**unread, **{(pair.name, pair.target): entry(pair) for pair in pairs}}
    images: dict[str, dict[str, dict[str, Entry]]] = {}
    for (name, target), found in entries.items():
        accounts = images.setdefault(name, {})
        accounts.setdefault(target.account_id, {})[target.region] = found
    return json_text({"schema": SCHEMA, "generator": GENERATOR, "images": images})


def entry(pair: TrackedPair) -> Entry:
    """What is current in a target. What is unknown is absent."""
    release = current_release(pair)
    known = release.observed if release else pair.seen.pair and pair.seen.pair.known
    details = {
        "state": state_of(pair),
        "file": pair.path,
        **(_image(known) if known else {}),
        **(_release(pair, release) if release else {}),
    }
    return {key: value for key, value in details.items() if value is not None}


def current_release(pair: TrackedPair) -> Release | None:
    """The release of the current image; None if its row could not be read."""
    return (
        pair.seen.releases[0].release if pair.releases is not None and pair.seen.releases else None
    )


def state_of(pair: TrackedPair) -> str:
    """The state of the pair."""
    return WITHDRAWN if withdrawn(pair.seen) else pair.seen.trouble or OK


def _image(known: Observation) -> dict[str, str | None]:
    return {
        "image_id": known.image_id,
        "ami_name": _shown(known.ami_name),
        "creation_date": _shown(known.creation_date),
    }


def _release(pair: TrackedPair, release: Release) -> dict[str, str | bool | None]:
    until = pair.deprecation_time(release)
    return {
        "release": _shown(release.about.release),
        "release_version": node_version(release),
        "kind": release.kind.value,
        "since": timestamp(release.detected_at),
        "previous_image_id": _shown(release.previous_image_id),
        "notes_url": safe_link(release.about.notes_url),
        "deprecation_time": timestamp(until) if until else None,
        "deprecated": pair.is_deprecated(release) or None,
    }


def _shown(text: str | None) -> str | None:
    return visible(text) if text else None


def earlier_entries(text: str | None) -> Entries:
    """The entries of an earlier file, with the state `damaged`; empty if it is not such a file."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return {key: {**each, "state": DAMAGED} for key, each in _entries(found) if is_safe(*key)}


def is_index(found: object) -> bool:
    """Whether the content of a JSON file is that of an index."""
    return (
        isinstance(found, dict)
        and found.get("generator") == GENERATOR
        and found.get("schema") == SCHEMA
        and isinstance(found.get("images"), dict)
    )


def _entries(found: Any) -> Iterator[tuple[tuple[str, Target], dict[str, Any]]]:  # noqa: ANN401 - JSON
    for name, accounts in _items(found.get("images") if is_index(found) else None):
        for account, regions in _items(accounts):
            for region, each in _items(regions):
                if isinstance(each, dict):
                    yield (name, Target(account, region)), each


def _items(found: object) -> Iterable[tuple[str, Any]]:
    return found.items() if isinstance(found, dict) else ()
