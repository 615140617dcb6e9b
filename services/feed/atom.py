"""`releases.atom`: the newest releases of all images, one entry for each image and release."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid5
from xml.etree import ElementTree as ET

from services.feed.pairs import TrackedPair
from services.feed.text import GENERATOR, safe_link, visible
from services.history.observed import label_of
from services.kernel.model import Kind, Release
from services.kernel.wire import canonical_json, timestamp

ATOM = "releases.atom"
MOST_ENTRIES = 200
NAMESPACE = "http://www.w3.org/2005/Atom"

FEED_ID = UUID("5b0b7b0e-6d0f-4c8e-9a53-3d1c1f2e7a40")
"""The id of the feed. Ids of entries are made from it."""
_NEWS = frozenset({Kind.RELEASE, Kind.ROLLBACK})
"""Kinds that are news: the publisher changed something."""
_MOST_TARGETS = 100
_MOST_FACTS = 20
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class News:
    """The releases of one entry, in order of detection: all of one image, kind and join key."""

    name: str
    releases: tuple[Release, ...]

    @property
    def first(self) -> Release:
        """The release that was detected first."""
        return self.releases[0]

    @property
    def id(self) -> str:
        """The same for the same image, kind and join key, whatever the targets and the order."""
        first = self.first
        key = first.about.join_key or f"event:{first.event_id}"
        return uuid5(FEED_ID, canonical_json([self.name, first.kind, key])).urn

    @property
    def updated(self) -> datetime:
        """When the first target had it, or when a target had it again.

        That more targets get it changes the content only, so readers do not show it once more.
        """
        had: set[object] = set()
        again = []
        for release in self.releases:
            if release.target in had:
                again.append(release.detected_at)
            had.add(release.target)
        return max([self.first.detected_at, *again])


def atom_file(pairs: Iterable[TrackedPair]) -> str:
    """The text of the file; its times are those of rows."""
    found = sorted(news(pairs), key=lambda each: (each.updated, each.id), reverse=True)
    shown = found[:MOST_ENTRIES]
    root = ET.Element("feed", {"xmlns": NAMESPACE})
    _add(root, "id", FEED_ID.urn)
    _add(root, "title", "AMI releases")
    _add(root, "updated", _time(shown[0].updated if shown else _NEVER))
    _add(ET.SubElement(root, "author"), "name", GENERATOR)
    _add(root, "generator", GENERATOR)
    for each in shown:
        _entry(root, each)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def news(pairs: Iterable[TrackedPair]) -> list[News]:
    """The entries of all releases and rollbacks."""
    groups: dict[tuple[str, str, str], list[Release]] = {}
    for pair in pairs:
        for release in (row.release for row in pair.seen.releases):
            if release.kind in _NEWS:
                key = release.about.join_key or f"event:{release.event_id}"
                groups.setdefault((pair.name, release.kind, key), []).append(release)
    return [
        News(name, tuple(sorted(found, key=lambda r: (r.detected_at, r.target, r.version))))
        for (name, _, _), found in groups.items()
    ]


def _entry(root: ET.Element, each: News) -> None:
    first = each.first
    before = "rollback to " if first.kind is Kind.ROLLBACK else ""
    element = ET.SubElement(root, "entry")
    _add(element, "id", each.id)
    _add(element, "title", f"{each.name}: {before}{visible(label_of(first))}")
    _add(element, "published", _time(first.detected_at))
    _add(element, "updated", _time(each.updated))
    ET.SubElement(element, "category", {"term": first.kind.value})
    if url := safe_link(first.about.notes_url):
        ET.SubElement(element, "link", {"rel": "alternate", "href": url})
    _add(element, "content", "\n".join(_content(each)), type="text")


def _content(each: News) -> Iterator[str]:
    first = each.first
    yield visible(first.observed.ami_name or first.observed.image_id)
    yield "\nBecame current:"
    for release in each.releases[:_MOST_TARGETS]:
        image_id = visible(release.observed.image_id)
        yield f"{_time(release.detected_at)} {image_id} in {release.target}"
    yield from _more(len(each.releases) - _MOST_TARGETS)
    changed = sorted(first.about.changed.items())
    if changed:
        yield "\nWhat changed:"
    for name, before in changed[:_MOST_FACTS]:
        after = first.about.facts.get(name, "unknown")
        yield f"{visible(name)}: {visible(str(before))} -> {visible(str(after))}"
    yield from _more(len(changed) - _MOST_FACTS)


def _more(left: int) -> Iterator[str]:
    if left > 0:
        yield f"and {left} more"


def _add(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text


def _time(moment: datetime) -> str:
    return f"{timestamp(moment)[:19]}Z"
