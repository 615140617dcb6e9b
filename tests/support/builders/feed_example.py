"""The feed of docs/feed.md: an image with a rollback in a region, and withdrawn in another."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.feed.files import feed
from services.history.observed import ImageInTarget
from services.kernel.model import Observation, Release, State, Target
from support.builders.feed import IRELAND, TOKYO, a_step, an_overview, of_releases, with_pair

NAME = "al2023-eks-1.34-x86_64"
_STEPS = (
    ("A", "baseline", "20260901", "2026-09-03T07:00:02.000Z"),
    ("B", "release", "20261015", "2026-10-17T07:00:03.120Z"),
    ("C", "release", "20261110", "2026-11-12T07:15:02.000Z"),
    ("B", "rollback", "20261015", "2026-11-14T09:30:02.000Z"),
    ("D", "release", "20261126", "2026-11-27T07:00:04.000Z"),
)
"""Image, kind, release key, and when it became current."""
_KUBELET = {"A": "1.34.1", "B": "1.34.1", "C": "1.34.2", "D": "1.34.2"}


def example() -> dict[str, str]:
    """Return the files."""
    here = _history(IRELAND, "a", len(_STEPS))
    there = with_pair(
        _history(TOKYO, "b", 2), state=State.NOT_LAUNCHABLE, code="Withdrawn", version=2
    )
    return feed(an_overview(here, there))


def _history(target: Target, digit: str, count: int) -> ImageInTarget:
    return of_releases(
        *(_release(target, digit, version) for version in range(1, count + 1)),
        target=target,
        name=NAME,
    )


def _release(target: Target, digit: str, version: int) -> Release:
    letter, kind, key, detected_at = _STEPS[version - 1]
    before = _KUBELET[_STEPS[version - 2][0]] if version > 1 else _KUBELET[letter]
    step = a_step(
        letter,
        version,
        kind,
        key,
        name=NAME,
        target=target,
        notes_url=f"https://github.com/awslabs/amazon-eks-ami/releases/tag/v{key}",
        facts={"kubelet": _KUBELET[letter]},
        changed={"kubelet": before} if before != _KUBELET[letter] else {},
    )
    ami_name = f"amazon-eks-node-al2023-x86_64-standard-1.34-v{key}"
    created = f"{key[:4]}-{key[4:6]}-{key[6:]}T01:00:00.000Z"
    observed = Observation(_id(digit, letter), ami_name, created)
    previous = _id(digit, _STEPS[version - 2][0]) if version > 1 else None
    return replace(
        step,
        observed=observed,
        previous_image_id=previous,
        detected_at=datetime.fromisoformat(detected_at),
    )


def _id(digit: str, letter: str) -> str:
    return f"ami-0{digit * 15}{ord(letter) - ord('A') + 1}"
