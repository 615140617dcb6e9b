"""Which releases of an image in a target are in its file, and with which versions.

The versions in a file increase in the order in which the images became current. So the image that
is current has the greatest one, and an update tool never proposes another image in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.feed.versions import dated, key_of, order
from services.history.conditions import WITHDRAWN_CODE
from services.history.observed import ImageInTarget
from services.kernel.model import Kind, Release, State

_BEGINS = frozenset({Kind.BASELINE, Kind.RECONFIGURED})
"""Kinds after which the earlier releases belong to another lookup."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An image in a file.

    `first` is the release with which it became current, and `last` the one with which it became
    current again, without being withdrawn in between; equal if there is only one.
    """

    version: str
    first: Release
    last: Release

    @property
    def since(self) -> datetime:
        """When the image became current here."""
        return self.first.detected_at


def listed(seen: ImageInTarget) -> tuple[Listed, ...] | None:
    """The images in the file, the oldest first; None if it is unknown which one is current."""
    releases = _without_gaps(seen)
    if releases is None:
        return None
    read = key_of if releases and key_of(releases[-1]) else dated
    found = [each for each in _remaining(releases) if not _is_withdrawn(seen, each[1])]
    return tuple(reversed(list(_increasing(found, read))))


def withdrawn(seen: ImageInTarget) -> bool:
    """Whether the known image can no longer be launched."""
    pair = seen.pair
    return (
        pair is not None
        and pair.state is State.NOT_LAUNCHABLE
        and pair.code == WITHDRAWN_CODE
        and pair.known is not None
    )


def _is_withdrawn(seen: ImageInTarget, release: Release) -> bool:
    known = seen.pair.known if seen.pair else None
    return withdrawn(seen) and known is not None and release.observed.image_id == known.image_id


def _without_gaps(seen: ImageInTarget) -> list[Release] | None:
    """The last releases, oldest first; without those before a row that could not be read.

    It is unknown whether that row withdrew them.
    """
    pair = seen.pair
    if pair is None or pair.version > (seen.releases[0].release.version if seen.releases else 0):
        return None
    found: list[Release] = []
    for row in seen.releases:
        if found and row.release.version != found[-1].version - 1:
            break
        found.append(row.release)
    return found[::-1]


def _remaining(releases: Sequence[Release]) -> list[tuple[Release, Release]]:
    """The first and the last release of each image that is not withdrawn, in order."""
    found: list[tuple[Release, Release]] = []
    for release in releases:
        place = _place(found, release.observed.image_id)
        if release.kind in _BEGINS:
            found, place = [], None
        elif release.kind is Kind.ROLLBACK:
            # What became current after this image is withdrawn; at least the image before it.
            del found[len(found) - 1 if place is None else place + 1 :]
        first = release if place is None else found.pop(place)[0]
        found.append((first, release))
    return found


def _place(found: Sequence[tuple[Release, Release]], image_id: str) -> int | None:
    ids = [release.observed.image_id for release, _ in found]
    return ids.index(image_id) if image_id in ids else None


def _increasing(
    found: Sequence[tuple[Release, Release]], read: Callable[[Release], str | None]
) -> Iterator[Listed]:
    """The newest, and each one before whose version is less than those after it; newest first."""
    least = None
    for first, last in reversed(found):
        version = read(last)
        place = order(version) if version else None
        if version and place and (least is None or place < least):
            least = place
            yield Listed(version, first, last)
