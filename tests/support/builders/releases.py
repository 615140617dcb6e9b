"""Releases of an image in many targets with defaults, for tests of the views and commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.history.observed import ImageInTarget
from services.kernel.model import (
    About,
    Fact,
    Kind,
    Observation,
    Pair,
    ParameterLookup,
    Release,
    State,
    Target,
)
from services.kernel.release_records import ReleaseRow

ACCOUNT = "111122223333"
NAME = "al2023"
MOMENT = datetime(2026, 11, 29, tzinfo=UTC)
OHIO, IRELAND, TOKYO = (
    Target(ACCOUNT, region) for region in ("us-east-2", "eu-west-1", "ap-northeast-1")
)
_NO_FACTS: Mapping[str, Fact] = {}


def a_release(  # noqa: PLR0913 - the attributes of a release
    target: Target = OHIO,
    version: int = 1,
    key: str | None = "release:1.0",
    kind: Kind = Kind.RELEASE,
    *,
    hours: float = 0,
    created: str | None = None,
    facts: Mapping[str, Fact] = _NO_FACTS,
    changed: Mapping[str, Fact] = _NO_FACTS,
    notes_url: str | None = None,
    name: str = NAME,
    moment: datetime = MOMENT,
) -> Release:
    """Build a release that was detected some hours before the moment."""
    release = key.removeprefix("release:") if key and key.startswith("release:") else None
    about = About(release=release, join_key=key, notes_url=notes_url, facts=facts, changed=changed)
    return Release(
        target=target,
        image_name=name,
        version=version,
        kind=kind,
        observed=Observation(f"ami-{version:017x}", f"{name}-ami-{version}", created),
        previous_image_id=f"ami-{version - 1:017x}" if version > 1 else None,
        detected_at=moment - timedelta(hours=hours),
        round="2026-11-22T07:00:00Z",
        lookup_digest="0123456789abcdef",
        about=about,
    )


def seen(
    *releases: Release,
    target: Target | None = None,
    state: State | None = State.OK,
    active: bool = True,
    stale: bool = False,
    complete: bool = True,
    problems: tuple[str, ...] = (),
) -> ImageInTarget:
    """Build what was read about an image in a target, from its releases, oldest first."""
    where = target or releases[0].target
    pair = Pair(
        where,
        NAME,
        active,
        ParameterLookup("/p"),
        "digest",
        version=releases[-1].version if releases else 0,
        known=releases[-1].observed if releases else None,
        state=state,
    )
    rows = tuple(ReleaseRow(each) for each in reversed(releases))
    return ImageInTarget(where, pair, rows, stale, complete, problems)


def history_of(target: Target, *steps: tuple[str, Kind, float]) -> ImageInTarget:
    """Build a history from the key, the kind and the age in hours of each release."""
    return seen(
        *(
            a_release(target, version, key, kind, hours=hours)
            for version, (key, kind, hours) in enumerate(steps, start=1)
        )
    )


def without_row(image: ImageInTarget, problem: str) -> ImageInTarget:
    """Return the image with an image row that cannot be decoded."""
    return replace(image, pair=None, problems=(problem,))
