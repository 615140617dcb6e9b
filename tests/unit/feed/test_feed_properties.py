"""The feed of random histories, and its size for a large deployment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.atom import problems
from support.builders.feed import (
    BEGIN,
    IRELAND,
    NAME,
    TOKYO,
    a_history,
    a_step,
    an_overview,
    image_id,
    of_releases,
    with_pair,
)

from services.feed.files import feed
from services.feed.listing import listed
from services.feed.versions import order
from services.history.observed import ImageInTarget
from services.history.overview import Overview
from services.kernel.model import Kind, State, Target

T = TypeVar("T")
KEYS = (None, "1", "2", "9.8", "9.8.0", "v9.10", "9.8_HVM-20260101", "focal-1", "deadbee", 'x"')
BEGINNINGS = {Kind.BASELINE, Kind.RECONFIGURED}


@dataclass(frozen=True)
class Step:
    """A change: the image, the kind, the release key, and the day of the image's creation."""

    letter: str
    kind: Kind
    key: str | None
    day: int | None


STEPS = st.builds(
    Step,
    st.sampled_from("ABCD"),
    st.sampled_from(Kind),
    st.sampled_from(KEYS),
    st.none() | st.integers(1, 28),
)


@st.composite
def histories(draw: st.DrawFn, target: Target = IRELAND) -> ImageInTarget:
    """What was read about an image: any sequence of changes, of which some rows are missing."""
    steps = draw(st.lists(STEPS, max_size=8))
    seen = of_releases(
        *(
            a_step(
                step.letter,
                version,
                step.kind,
                step.key,
                target=target,
                created=f"2026-10-{step.day:02}T00:00:00.000Z" if step.day else None,
                previous=steps[version - 2].letter if version > 1 else None,
            )
            for version, step in enumerate(steps, start=1)
        ),
        target=target,
    )
    kept = tuple(row for row in seen.releases if draw(st.integers(0, 9)))
    code = draw(st.sampled_from([None, "Withdrawn", "Other"]))
    state = draw(st.sampled_from([State.OK, State.NOT_LAUNCHABLE, State.THROTTLED, None]))
    return replace(
        with_pair(seen, state=state, code=code, active=draw(st.integers(0, 5)) > 0),
        releases=kept,
        stale=draw(st.booleans()),
    )


def chain(seen: ImageInTarget) -> list[tuple[str, Kind]]:
    """Return the image and kind of each release since the last gap and beginning, oldest first."""
    found: list[tuple[str, Kind]] = []
    version = 0
    for row in reversed(seen.releases):
        release = row.release
        if release.version != version + 1 or release.kind in BEGINNINGS:
            found = []
        found.append((release.observed.image_id, release.kind))
        version = release.version
    return found


def was_withdrawn(image: str, rows: Sequence[tuple[str, Kind]]) -> bool:
    """Whether a rollback followed when the image was current last."""
    last = max(place for place, (each, _) in enumerate(rows) if each == image)
    return last + 1 < len(rows) and rows[last + 1][1] is Kind.ROLLBACK


def is_gone(seen: ImageInTarget) -> bool:
    """Whether the known image can no longer be launched."""
    assert seen.pair is not None
    return seen.pair.state is State.NOT_LAUNCHABLE and seen.pair.code == "Withdrawn"


@given(histories())
def test_the_file_of_a_random_history(seen: ImageInTarget) -> None:
    """No withdrawn image is in it, the current one is, and the versions increase."""
    found = listed(seen)
    assert seen.pair is not None
    newest = seen.releases[0].release if seen.releases else None
    assert (found is None) == (seen.pair.version > (newest.version if newest else 0))
    if found is None:
        return

    rows, ids = chain(seen), [each.last.observed.image_id for each in found]
    orders = [order(each.version) for each in found]

    assert set(ids) <= {image for image, _ in rows}
    assert [image for image in ids if image != rows[-1][0] and was_withdrawn(image, rows)] == []
    assert len(set(ids)) == len(ids)
    assert None not in orders
    assert orders == sorted(set(orders))  # type: ignore[type-var] # none is None
    if newest is not None and not is_gone(seen):
        assert ids[-1] == newest.observed.image_id
    if newest is not None and is_gone(seen):
        assert newest.observed.image_id not in ids


def _mixed(random: Random, found: Sequence[T]) -> tuple[T, ...]:
    return tuple(random.sample(list(found), len(found)))


def shuffled(overview: Overview, seed: int) -> Overview:
    """Return the same rows in another order, read a day later."""
    snapshot = overview.snapshot
    mixed = partial(_mixed, Random(seed))  # noqa: S311 - an order, not a secret

    return replace(
        overview,
        snapshot=replace(
            snapshot,
            moment=snapshot.moment + timedelta(days=1),
            regions=mixed(
                [
                    replace(each, images=replace(each.images, found=mixed(each.images.found)))
                    for each in snapshot.regions
                ]
            ),
        ),
        images={
            name: mixed([replace(each, releases=mixed(each.releases)) for each in image])
            for name, image in mixed(list(overview.images.items()))
        },
    )


@given(histories(), histories(TOKYO), st.integers(0, 2**32))
def test_equal_rows_give_equal_bytes(here: ImageInTarget, there: ImageInTarget, seed: int) -> None:
    """Neither the order of the rows nor the time is in the files, and all are valid."""
    overview = an_overview(here, there)
    found = feed(overview)

    assert list(feed(shuffled(overview, seed)).items()) == list(found.items())
    assert problems(found["releases.atom"]) == []
    assert [path for path, text in found.items() if not text.isascii() or text[-1] != "\n"] == []


@pytest.mark.slow
def test_a_large_deployment() -> None:
    """200 images in 34 regions: a file for each pair, each of bounded size."""
    regions = [f"eu-west-{number}" for number in range(1, 35)]
    steps = ["A:baseline:0", *(f"{chr(65 + n)}:release:{n}" for n in range(1, 10))]
    images = [
        a_history(*steps, target=Target("111122223333", region), name=f"{NAME}-{number}")
        for region in regions
        for number in range(200)
    ]
    found = feed(an_overview(*images))

    assert len(found) == 34 * 200 + 2
    newest = json.loads(found["111122223333/eu-west-34/al2023-199.json"])["releases"][-1]
    assert newest["digest"] == image_id("J")
    assert newest["releaseTimestamp"] == f"{BEGIN + timedelta(days=9):%Y-%m-%dT%H:%M:%S}.000Z"
    assert len(found["index.json"]) < 4_000_000
    assert len(found["releases.atom"]) < 1_000_000
