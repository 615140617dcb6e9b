"""Whether a file was written as a part of a feed, so that it may be changed or deleted."""

from __future__ import annotations

import json

from services.feed.atom import ATOM, FEED_ID
from services.feed.index import INDEX, is_index
from services.feed.pairs import pair_of
from services.feed.renovate import marker

_BEGINNING = 1000
"""Characters of an Atom file in which its id is."""


def is_of_a_feed(path: str, content: bytes) -> bool:
    """Whether a file with this path has the content of a feed's file with this path.

    The file of a pair must name its image, account and region.
    """
    if path == ATOM:
        return f"<id>{FEED_ID.urn}</id>".encode() in content[:_BEGINNING]
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    pair = pair_of(path)
    if path == INDEX or pair is None:
        return path == INDEX and is_index(found)
    return isinstance(found, dict) and marker(*pair).items() <= found.items()
