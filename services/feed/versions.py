"""The versions in the feed, and their order: that of Renovate's versioning `loose`.

A version is a number, or up to six numbers with dots, with an optional `v` before and a suffix.
Versions compare by their numbers; of two with equal numbers the one with a suffix is earlier, and
`9.8` is earlier than `9.8.0`.
"""

from __future__ import annotations

import re

from services.history.conditions import time_of
from services.kernel.model import Release

Order = tuple[tuple[int, ...], bool, tuple[tuple[int, int], ...], tuple[bool, ...]]

_MOST_NUMBERS = 6
_MOST_DIGITS = 15
"""Digits of a number that JavaScript represents exactly."""
_VERSION = re.compile(r"[vV]?([0-9]+(?:\.[0-9]+)*)([A-Za-z0-9._+~-]*)")
_COMMIT = re.compile(r"(?![0-9]+\Z)[0-9a-f]{7,40}")
"""What `loose` refuses, since it can be the id of a commit."""
_NUMBER_OR_CHARACTER = re.compile(r"[0-9]+|.")
_SIGNS = "_-.+~"
"""The signs of a suffix in the order of Unicode's collation, before numbers and letters."""


def order(version: str) -> Order | None:
    """The sort key of a version; None if `loose` cannot read it, or if it has other characters.

    Other characters, such as spaces and quotes, could have an effect in the file that an update
    tool changes.
    """
    found = _VERSION.fullmatch(version)
    if found is None or _COMMIT.fullmatch(version):
        return None
    parts, suffix = found[1].split("."), found[2]
    digits = max(map(len, (*parts, *re.findall("[0-9]+", suffix))))
    if len(parts) > _MOST_NUMBERS or digits > _MOST_DIGITS:
        return None
    weights = tuple(map(_weight, _NUMBER_OR_CHARACTER.findall(suffix)))
    capitals = tuple(each.isupper() for each in suffix if each.isalpha())
    return tuple(map(int, parts)), not suffix, weights, capitals


def _weight(part: str) -> tuple[int, int]:
    if part in _SIGNS:
        return 0, _SIGNS.index(part)
    return (1, int(part)) if part.isdigit() else (2, ord(part.lower()))


def key_of(release: Release) -> str | None:
    """The release key, if it is a version."""
    key = release.about.release
    return key if key is not None and order(key) else None


def node_version(release: Release) -> str | None:
    """The `release_version` of EKS for managed node groups, if it is a version."""
    found = release.about.facts.get("release_version")
    return found if isinstance(found, str) and order(found) else None


def dated(release: Release) -> str:
    """The version of a release without a usable key: the creation date of its image in UTC.

    Without that date it is the time when the image became current.
    """
    moment = time_of(release.observed.creation_date) or release.detected_at
    return f"{moment.year:04}{moment:%m%d.%H%M%S}"
