"""Whether a text is a valid Atom document: the schema, and the rules of RFC 4287 in prose."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from lxml import etree

_SCHEMA = Path(__file__).with_suffix(".rng")
_NS = {"a": "http://www.w3.org/2005/Atom"}


def problems(text: str) -> list[str]:
    """Return what is wrong with a document; empty if it is valid."""
    try:
        root = etree.fromstring(text.encode())
    except etree.XMLSyntaxError as error:
        return [str(error)]
    schema = etree.RelaxNG(etree.parse(_SCHEMA))
    if not schema.validate(root):
        return [f"schema: {error.message}" for error in schema.error_log]
    return list(_prose(root))


def _prose(root: etree._Element) -> Iterator[str]:
    entries = root.findall("a:entry", _NS)
    ids = Counter(each.findtext("a:id", namespaces=_NS) for each in (root, *entries))
    yield from (f"{each} is the id of {count}" for each, count in ids.items() if count > 1)
    if root.find("a:author", _NS) is None and any(
        each.find("a:author", _NS) is None for each in entries
    ):
        yield "an entry has no author, and the feed has none"
    for each in (root, *entries):
        yield from _links(each)
        yield from _times(each)
    for entry in entries:
        yield from _content(entry)


def _links(element: etree._Element) -> Iterator[str]:
    alternates = Counter(
        (link.get("type"), link.get("hreflang"))
        for link in element.findall("a:link", _NS)
        if link.get("rel", "alternate") == "alternate"
    )
    if any(count > 1 for count in alternates.values()):
        yield "there are two alternate links of one type and language"
    for link in element.findall("a:link", _NS):
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", link.get("href", "")):
            yield f"{link.get('href')!r} is not an absolute URI"


def _times(element: etree._Element) -> Iterator[str]:
    updated = _time(element, "updated")
    published = _time(element, "published")
    if updated is not None and published is not None and published > updated:
        yield "an entry was updated before it was published"


def _time(element: etree._Element, name: str) -> datetime | None:
    text = element.findtext(f"a:{name}", namespaces=_NS)
    return datetime.fromisoformat(text) if text else None


def _content(entry: etree._Element) -> Iterator[str]:
    content = entry.find("a:content", _NS)
    alternates = [e for e in entry.findall("a:link", _NS) if e.get("rel") == "alternate"]
    if content is None and not alternates:
        yield "an entry has neither content nor an alternate link"
    if content is not None and content.get("src") and (content.text or len(content)):
        yield "content that is elsewhere is not empty"
    if not entry.findtext("a:title", namespaces=_NS):
        yield "an entry has no title"
