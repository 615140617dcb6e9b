"""Histories of images for tests of the feed: steps such as `B:release:2.0`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.history.observed import ImageInTarget
from services.history.overview import Overview, overview
from services.history.rows import RegionRows, Rows, Snapshot
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
from services.kernel.records import ImageRow
from services.kernel.release_records import ReleaseRow
from services.kernel.round_records import Note, RoundRow
from support.builders.scheduler import a_window

ACCOUNT = "111122223333"
NAME = "al2023"
IRELAND = Target(ACCOUNT, "eu-west-1")
TOKYO = Target(ACCOUNT, "ap-northeast-1")
BEGIN = datetime(2026, 11, 1, 7, 0, tzinfo=UTC)
"""When the first release became current; each later one a day later."""
ROUND = "2026-11-29T07:00:00Z"


def image_id(letter: str) -> str:
    """Return the id of an example image."""
    return f"ami-{ord(letter):017x}"


def a_step(  # noqa: PLR0913 - the attributes of a release
    letter: str,
    version: int = 1,
    kind: str | Kind = Kind.RELEASE,
    key: str | None = None,
    *,
    target: Target = IRELAND,
    name: str = NAME,
    created: str | None = None,
    facts: Mapping[str, Fact] | None = None,
    changed: Mapping[str, Fact] | None = None,
    notes_url: str | None = None,
    ami_name: str | None = None,
    previous: str | None = None,
) -> Release:
    """Build the release with which an image became current."""
    join_key = f"release:{key}" if key else f"name:{name}-{letter}"
    return Release(
        target=target,
        image_name=name,
        version=version,
        kind=Kind(kind),
        observed=Observation(image_id(letter), ami_name or f"{name}-{letter}", created),
        previous_image_id=image_id(previous) if previous else None,
        detected_at=BEGIN + timedelta(days=version - 1),
        round=ROUND,
        lookup_digest="0123456789abcdef",
        about=About(
            release=key,
            join_key=join_key,
            notes_url=notes_url,
            facts=facts or {},
            changed=changed or {},
        ),
    )


def a_history(*steps: str, target: Target = IRELAND, name: str = NAME) -> ImageInTarget:
    """Build a history, oldest first: the image, the kind and the release key of each release."""
    found: list[Release] = []
    for version, step in enumerate(steps, start=1):
        letter, kind, key = step.split(":")
        previous = steps[version - 2][0] if version > 1 else None
        found.append(
            a_step(letter, version, kind, key or None, target=target, name=name, previous=previous)
        )
    return of_releases(*found, target=target, name=name)


def of_releases(
    *releases: Release, target: Target = IRELAND, name: str = NAME, **pair: object
) -> ImageInTarget:
    """Build what was read of an image from its releases, oldest first."""
    known = Pair(
        target,
        name,
        active=True,
        lookup=ParameterLookup("/p"),
        lookup_digest="0123456789abcdef",
        version=releases[-1].version if releases else 0,
        known=releases[-1].observed if releases else None,
        state=State.OK,
    )
    return ImageInTarget(
        target,
        replace(known, **pair),  # type: ignore[arg-type] # the fields of `Pair`
        tuple(ReleaseRow(each) for each in reversed(releases)),
    )


def with_pair(seen: ImageInTarget, **changes: object) -> ImageInTarget:
    """Return the same with another pair."""
    assert seen.pair is not None
    return replace(seen, pair=replace(seen.pair, **changes))  # type: ignore[arg-type] # as above


def an_overview(
    *images: ImageInTarget,
    moment: datetime = BEGIN,
    round_at: str = ROUND,
    unreadable: Mapping[str, str] | None = None,
) -> Overview:
    """Build what was read of a deployment; each target had its last round at `round_at`.

    `unreadable` has the problem of an image row in a region.
    """
    problems = unreadable or {}
    regions = sorted({each.target.region for each in images} | set(problems))
    rows = tuple(
        RegionRows(
            region,
            Rows(
                tuple(ImageRow(e.pair) for e in images if e.target.region == region and e.pair),
                tuple(text for where, text in problems.items() if where == region),
            ),
            Rows(
                tuple(
                    RoundRow(target, a_window(round_at))
                    for target in sorted({e.target for e in images if e.target.region == region})
                )
            ),
        )
        for region in regions
    )
    snapshot = Snapshot(moment, Note(frozenset(regions)), rows)
    return overview(snapshot, [(e.pair.image_name if e.pair else NAME, e) for e in images])
