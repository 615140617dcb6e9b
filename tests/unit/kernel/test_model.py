"""The domain model: the event id, and the images of a catalogue."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from services.kernel.model import (
    DEFAULT_ANNOUNCE,
    Catalogue,
    Image,
    Kind,
    Observation,
    ParameterLookup,
    Release,
    Target,
)

HOME = Target("111122223333", "us-east-1")


def release(
    target: Target = HOME,
    image_name: str = "al2023-eks-1.33",
    version: int = 7,
    kind: Kind = Kind.RELEASE,
) -> Release:
    """Build a release with changes."""
    return Release(
        target=target,
        image_name=image_name,
        version=version,
        kind=kind,
        observed=Observation("ami-0123456789abcdef0"),
        previous_image_id="ami-0000000000000000a",
        detected_at=datetime.fromisoformat("2026-11-22T07:00:03.000Z"),
        round="2026-11-22T07:00:00Z",
        lookup_digest="0123456789abcdef",
    )


def image(name: str, *regions: str) -> Image:
    """Build an image of some regions, or of all when none is given."""
    return Image(name, ParameterLookup(f"/{name}"), regions=frozenset(regions) or None)


def test_event_id_is_stable() -> None:
    """Subscribers deduplicate by the event id, so it may never change: sha256sum computed it."""
    # printf '111122223333\nus-east-1\nal2023-eks-1.33\n7\nami-0123456789abcdef0' | sha256sum
    expected = "b2bfd79bde42a08cb65b4923fbeee2dc"

    assert release().event_id == expected


def test_event_id_depends_on_version_and_image() -> None:
    """Kind, previous image and times are not part of the event id: one version is one event."""
    other = replace(
        release(kind=Kind.ROLLBACK),
        observed=Observation("ami-0123456789abcdef0", "other", "2026-01-01T00:00:00.000Z"),
        previous_image_id=None,
        detected_at=datetime.fromisoformat("2027-01-01T00:00:00.000Z"),
        round="2027-01-01T00:00:00Z",
    )

    assert release().event_id == other.event_id


@pytest.mark.parametrize(
    "other",
    [
        release(target=Target("444455556666", "us-east-1")),
        release(target=Target("111122223333", "us-east-2")),
        release(image_name="al2023-eks-1.34"),
        release(version=8),
        replace(release(), observed=Observation("ami-0fffffffffffffffe")),
    ],
    ids=["account", "region", "image name", "version", "image"],
)
def test_event_id_differs_by_each_component(other: Release) -> None:
    """Another account, region, name, version or image has another event id."""
    assert release().event_id != other.event_id


def test_event_id_parts_are_separated() -> None:
    """Image `a1` at version 2 differs from image `a` at version 12."""
    ids = {
        release(image_name="a1", version=2).event_id,
        release(image_name="a", version=12).event_id,
    }

    assert len(ids) == 2


def test_catalogue_names_each_region_once_and_sorted() -> None:
    """A region that two accounts use is listed once."""
    catalogue = Catalogue(
        targets=(HOME, Target("222233334444", "eu-west-1"), Target("222233334444", "us-east-1")),
        images=(),
    )

    assert catalogue.regions() == ("eu-west-1", "us-east-1")
    assert catalogue.accounts_in("us-east-1") == ("111122223333", "222233334444")
    assert catalogue.accounts_in("us-west-2") == ()


def test_catalogue_returns_the_images_of_a_target_in_order() -> None:
    """An image with regions or accounts belongs only to targets in both."""
    everywhere, here, elsewhere = image("c"), image("b", "us-east-1"), image("a", "eu-west-1")
    own = replace(image("d", "us-east-1"), accounts=frozenset({HOME.account_id}))
    foreign = replace(image("e"), accounts=frozenset({"222233334444"}))
    images = (everywhere, here, elsewhere, own, foreign)
    catalogue = Catalogue(targets=(HOME,), images=images)

    assert catalogue.images_in(HOME) == (everywhere, here, own)
    assert catalogue.images_in(Target("222233334444", "us-east-1")) == (everywhere, here, foreign)


def test_baselines_and_edits_are_not_announced_by_default() -> None:
    """By default, an image announces releases and rollbacks only."""
    assert DEFAULT_ANNOUNCE == {"release", "rollback"}  # noqa: SIM300 - a constant of the services
    assert image("a").announce == DEFAULT_ANNOUNCE


def test_target_is_readable_text() -> None:
    """Log lines and errors print targets for people."""
    assert str(HOME) == "us-east-1 of account 111122223333"
