"""The world of a benchmark: images, parameters and targets, computed from a few numbers: pure.

Each target tracks the same images: 30 % by filters and 70 % by parameters. Filter lookups come in
families: the lookups of a family differ only in the `name` filter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

REGIONS = (
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)

HUB_REGION = "us-east-1"
HUB_ACCOUNT = "999900000000"
FILTER_SHARE = 0.3
FAMILY_IMAGES = 5
"""Images that match a filter lookup before its first change."""

_FIRST_DAY = datetime(2026, 1, 1, 8, tzinfo=UTC)
_BUILD_DIGITS = 8
_INDEX_DIGITS = 6


@dataclass(frozen=True, slots=True)
class World:
    """The number of images in each target, of accounts and regions, and the size of families.

    Images have the numbers from 0; the first ones are found by filters, the others by parameters.
    """

    images: int
    accounts: int = 1
    family: int = 10
    regions: int = len(REGIONS)

    @classmethod
    def of(cls, pairs: int, accounts: int = 1, family: int = 10) -> World:
        """A world in all regions with about this number of pairs."""
        return cls(max(1, round(pairs / accounts / len(REGIONS))), accounts, family)

    @property
    def filters(self) -> int:
        """The number of images that are found by filters."""
        return round(self.images * FILTER_SHARE)

    @property
    def pairs(self) -> int:
        """The number of pairs of all targets."""
        return self.images * self.accounts * self.regions

    @property
    def targets(self) -> int:
        """The number of targets."""
        return self.accounts * self.regions

    def region_names(self) -> tuple[str, ...]:
        """The regions."""
        return REGIONS[: self.regions]

    def account_ids(self) -> list[str]:
        """The accounts to look from."""
        return [f"1111000000{number:02d}" for number in range(self.accounts)]

    def changed_images(self, percent: int) -> range:
        """Evenly spread images: at least one, and about this percentage of all."""
        return range(0, self.images, 100 // percent)


def image_name(world: World, index: int) -> str:
    """The tracked name of an image."""
    kind = "filter" if index < world.filters else "parameter"
    return f"bench-{kind}-{index:05d}-x86_64"


def parameter_path(index: int) -> str:
    """The parameter of an image."""
    return f"/aws/service/bench/optimized-linux/{index:05d}/x86_64/recommended/image_id"


def parameter_index(path: str) -> int | None:
    """The image of a parameter; None if the world has no such parameter."""
    parts = path.split("/")
    return int(parts[5]) if path.startswith("/aws/service/bench/") else None


def name_prefix(world: World, index: int) -> str:
    """The part of the AMI names of an image that all its builds have in common."""
    family, member = divmod(index, world.family)
    return f"bench-linux-{family:04d}-{member:03d}-"


def owner(world: World, index: int) -> str:
    """The account that publishes the images of a family."""
    return f"8{index // world.family:011d}"


def architecture(world: World, index: int) -> str:
    """The architecture of a family's images."""
    return "arm64" if index // world.family % 2 else "x86_64"


def build_date(build: int) -> datetime:
    """When the build of an image was published."""
    return _FIRST_DAY + timedelta(days=build)


@lru_cache(maxsize=500_000)
def ami_name(world: World, index: int, build: int) -> str:
    """The AMI name of a build."""
    return f"{name_prefix(world, index)}{build_date(build):%Y%m%d}"


def image_id(region: str, index: int, build: int) -> str:
    """The id of a build in a region, which contains all three."""
    return f"ami-{REGIONS.index(region) + 1:03x}{index:06x}{build:08x}"


def image_of(image_id: str) -> tuple[int, int] | None:
    """The image and the build of an id; None for an id that no region has."""
    digits = image_id.removeprefix("ami-")
    if len(digits) != 3 + _INDEX_DIGITS + _BUILD_DIGITS:
        return None
    return int(digits[3 : 3 + _INDEX_DIGITS], 16), int(digits[-_BUILD_DIGITS:], 16)


@dataclass(slots=True)
class Builds:
    """The current build of each image: a change publishes the next one in every region."""

    world: World
    published: dict[int, int] = field(default_factory=dict)

    def current(self, index: int) -> int:
        """The number of the image's current build."""
        first = FAMILY_IMAGES if index < self.world.filters else 1
        return first + self.published.get(index, 0)

    def publish(self, index: int) -> None:
        """Publish the next build of an image."""
        self.published[index] = self.published.get(index, 0) + 1

    def visible(self, index: int) -> Iterator[int]:
        """The builds that are visible: all for filters, the last two for parameters."""
        last = self.current(index)
        return iter(range(1 if index < self.world.filters else max(1, last - 1), last + 1))
