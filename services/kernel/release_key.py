"""The release key of an image: the publisher's own name of a release, read from the AMI name.

An AMI id differs in each region, and the key is the same. Patterns are regular expressions over
text from outside: `services.catalogue` accepts only those that are fast on every name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from urllib.parse import quote

from services.kernel.model import ReleaseRule

GROUP = "release"
"""The named group of the key."""
MAX_NAME = 128
"""Characters of an AMI name: ec2:RegisterImage, Name. A longer one is not an AMI name."""
MAX_KEY = 64
MAX_NOTES_URL = 255

_FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NUMBERS_OR_WORD = re.compile(r"[0-9]+(?:\.[0-9]+)*|[A-Za-z]+")
_EARLIER = {"dev": -5, "alpha": -4, "beta": -3, "preview": -3, "pre": -3, "rc": -2}
"""Words of versions that come before the version itself: `1.0-rc.1` is earlier than `1.0`."""
_END = 0
"""The end of a version and of a key: less than every number, which is stored plus one."""


def matched_groups(pattern: str | None, ami_name: str | None) -> Mapping[str, str]:
    """The text of each named group that took part; empty if the pattern does not match."""
    compiled = _compiled(pattern) if pattern else None
    if compiled is None or not ami_name or len(ami_name) > MAX_NAME:
        return {}
    found = compiled.search(ami_name)
    groups = found.groupdict() if found else {}
    return {name: text for name, text in groups.items() if text is not None}


def release_key(pattern: str | None, ami_name: str | None) -> str | None:
    """The release key in an AMI name; None if the pattern does not read one."""
    key = matched_groups(pattern, ami_name).get(GROUP, "")
    return key if 0 < len(key) <= MAX_KEY and key.isprintable() else None


def notes_url(rule: ReleaseRule | None, ami_name: str | None) -> str | None:
    """The URL of the release notes; None if there is none, or a group in it did not match."""
    if rule is None or rule.notes is None:
        return None
    groups = matched_groups(rule.pattern, ami_name)
    if not groups.keys() >= set(fields_of(rule.notes)):
        return None
    url = _FIELD.sub(lambda found: quote(groups[found[1]], safe=""), rule.notes)
    return url if len(url) <= MAX_NOTES_URL else None


def fields_of(notes: str) -> tuple[str, ...]:
    """The names of the groups in the URL of the notes, in its order."""
    return tuple(_FIELD.findall(notes))


def version_order(key: str | None) -> tuple[int, ...]:
    """The sort key of a release key: its numbers, compared as numbers from left to right.

    Numbers that dots connect are one version, and a missing number is zero: `9.8_HVM-20260908` is
    later than `9.8.0_HVM-20260728`. Other text is not compared, except words such as `alpha`,
    `beta` and `rc`, with which a version is earlier than without them. No key sorts before every
    key.
    """
    if key is None:
        return ()
    parts = chain.from_iterable(_parts(text) for text in _NUMBERS_OR_WORD.findall(key))
    return (1, *parts, _END)


def _parts(text: str) -> tuple[int, ...]:
    if not text[0].isdigit():
        return (_EARLIER[text.lower()],) if text.lower() in _EARLIER else ()
    # A number is at most 64 digits long here, since the key is.
    numbers = [int(number) for number in text.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return (*(number + 1 for number in numbers), _END)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The compiled pattern; None if it is not one, as in a message of another version."""
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None
