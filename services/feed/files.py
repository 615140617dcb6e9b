"""The files of the feed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.feed.listing import listed
from services.feed.renovate import renovate_file
from services.feed.text import moment_of
from services.history.observed import ImageInTarget
from services.history.overview import Overview
from services.kernel.model import Target
from services.kernel.wire import ACCOUNT_ID, IMAGE_NAME, REGION


def feed(overview: Overview) -> dict[str, str]:
    """The text of each file by its path relative to the feed's folder.

    Equal rows give equal texts, whatever their order and the time. If it is unknown which image of
    a pair is current, its file is left out; see `obsolete`.
    """
    rounds = overview.snapshot.rounds()
    found = {}
    for name, seen in _tracked(overview):
        releases = listed(seen)
        if releases is not None:
            row = rounds.get(seen.target)
            judged_at = moment_of(row.window.round) if row else None
            found[path_of(name, seen.target)] = renovate_file(name, seen, releases, judged_at)
    return dict(sorted(found.items()))


def path_of(name: str, target: Target) -> str:
    """The path of the file of an image in a target."""
    return f"{target.account_id}/{target.region}/{name}.json"


def is_safe(name: str, target: Target) -> bool:
    """Whether a path can be made of the names: the configuration accepts only such names."""
    parts = {IMAGE_NAME: name, ACCOUNT_ID: target.account_id, REGION: target.region}
    return all(re.match(pattern, part) for pattern, part in parts.items())


def _tracked(overview: Overview) -> Iterator[tuple[str, ImageInTarget]]:
    """Each tracked pair of which a path can be made, with the image's name."""
    for name, image in overview.images.items():
        for seen in image:
            if seen.active and is_safe(name, seen.target):
                yield name, seen
