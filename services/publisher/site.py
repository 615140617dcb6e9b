"""What a run writes, in which order, and what it deletes; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

PAGE = "index.html"
FEED = "feed/"
"""The folder of the feed. All objects below it are the publisher's."""
INDEX = "index.json"
RECORD = ".published.json"
"""The file of the feed's folder with what the last run wrote, to find what has changed."""

_SCHEMA = 1
_CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",  # always UTF-8: RFC 8259, section 8.1
    "atom": "application/atom+xml; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Site:
    """The page, and the files of the feed by path.

    `obsolete` returns those of some paths whose pair is no longer tracked. A file that is neither
    in the feed nor obsolete stays as it is: its pair could not be read.
    """

    page: str
    feed: Mapping[str, str]
    obsolete: Callable[[Iterable[str]], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Written:
    """An object that was written: the digest of its content, and the ETag that S3 gave it."""

    digest: str
    etag: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The paths to write, the paths that list them and come later, and the paths to delete.

    `kept` has what the record says of the other files.
    """

    first: tuple[str, ...]
    then: tuple[str, ...]
    delete: tuple[str, ...]
    kept: Mapping[str, Written]


def plan(site: Site, etags: Mapping[str, str], record: Mapping[str, Written]) -> Plan:
    """The changes that make the feed in the bucket equal to that of the site.

    `etags` has the objects of the feed that exist. An object is unchanged if the record has the
    digest of the new content and the ETag of the existing object: with a customer key, an ETag is
    not a digest of the content.
    """
    delete = frozenset(site.obsolete(etags.keys() - site.feed.keys() - {RECORD}))
    kept = {
        path: each
        for path, each in record.items()
        if path not in delete and each.etag == etags.get(path) and _is_same(site, path, each)
    }
    changed = sorted(site.feed.keys() - kept.keys())
    return Plan(
        first=tuple(path for path in changed if not _lists_others(path)),
        then=tuple(path for path in changed if _lists_others(path)),
        delete=tuple(sorted(delete)),
        kept=kept,
    )


def _is_same(site: Site, path: str, written: Written) -> bool:
    return path not in site.feed or written.digest == digest(site.feed[path])


def _lists_others(path: str) -> bool:
    """Whether a file is at the root of the feed: the index, and the Atom file."""
    return "/" not in path


def digest(text: str) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(text.encode()).hexdigest()


def content_type(path: str) -> str:
    """The content type of a file."""
    return _CONTENT_TYPES[path.rpartition(".")[2]]


def encode_record(written: Mapping[str, Written]) -> str:
    """The record as JSON."""
    files = {path: [each.digest, each.etag] for path, each in sorted(written.items())}
    return json.dumps({"schema": _SCHEMA, "files": files}, separators=(",", ":"))


def decode_record(text: str) -> dict[str, Written]:
    """The record; empty if it is damaged or of another version, so that all files are written."""
    try:
        document = json.loads(text)
        return dict(_entries(document["files"])) if document["schema"] == _SCHEMA else {}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _entries(files: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, Written]]:
    for path, (content, etag) in files.items():
        yield path, Written(str(content), str(etag))
