"""The types of the domain: image, target, pair, request, observation, release."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """Why a pair's image id changed."""

    BASELINE = "baseline"
    """The first image of the pair."""
    RELEASE = "release"
    """The publisher released a later image."""
    ROLLBACK = "rollback"
    """The publisher went back to an earlier image."""
    RECONFIGURED = "reconfigured"
    """The lookup was edited and finds another image."""


class State(StrEnum):
    """The state of a pair: `ok`, or why its last lookup failed."""

    OK = "ok"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    CREDENTIALS = "credentials"
    REGION_DISABLED = "region_disabled"
    ACCESS_DENIED = "access_denied"
    NOT_FOUND = "not_found"
    BAD_VALUE = "bad_value"
    BAD_LOOKUP = "bad_lookup"
    NOT_LAUNCHABLE = "not_launchable"
    LATE = "late"
    OVERTAKEN = "overtaken"
    STALE = "stale"
    UNCLASSIFIED = "unclassified"


RETRYABLE = frozenset(
    {
        State.THROTTLED,
        State.TRANSIENT,
        State.CREDENTIALS,
        State.LATE,
        State.OVERTAKEN,
    }
)
"""Failures that a redelivery can fix; all others are permanent."""


DEFAULT_ANNOUNCE = frozenset({Kind.RELEASE, Kind.ROLLBACK})


class OrderBy(StrEnum):
    """The order of a filter lookup's images: the last one is the newest."""

    DATE = "date"
    """By creation date, then name, then id."""
    RELEASE = "release"
    """By the numbers of the release key, then as `DATE`; names without a key come first."""


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """An account and a region: where images are looked up and announced."""

    account_id: str
    region: str

    def __str__(self) -> str:
        return f"{self.region} of account {self.account_id}"

    def fields(self) -> dict[str, str]:
        """The target as fields of log lines."""
        return {"region": self.region, "account_id": self.account_id}


@dataclass(frozen=True, slots=True, order=True)
class Filter:
    """One `DescribeImages` filter: an image passes when any value matches."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParameterLookup:
    """The current image is the one that an SSM parameter names.

    `parameter_path` is the parameter's name, or the ARN of one that another account shares.
    """

    parameter_path: str


@dataclass(frozen=True, slots=True)
class FilterLookup:
    """The current image is the newest that matches the filters and owners and is not excluded.

    In a `Catalogue`, filters, values, owners and exclusions are sorted, so lookups that mean the
    same are equal. `pattern` reads the release key from a name; it is set if `order_by` is
    `release`, and None otherwise.
    """

    filters: tuple[Filter, ...]
    owners: tuple[str, ...] = ()
    exclude_names: tuple[str, ...] = ()
    order_by: OrderBy = OrderBy.DATE
    pattern: str | None = None


Lookup = ParameterLookup | FilterLookup


@dataclass(frozen=True, slots=True)
class ReleaseRule:
    """How to read an image's release from its AMI name, and where its release notes are.

    `pattern` is a regular expression with the named group `release`. `notes` is a URL that can
    contain the pattern's named groups, such as `{release}`.
    """

    pattern: str | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """A tracked name with its lookup.

    `regions` and `accounts` are None for all of them, `release` if there is no rule. `family` is
    the group of images to which it belongs, None if it is unknown.
    """

    name: str
    lookup: Lookup
    announce: frozenset[Kind] = DEFAULT_ANNOUNCE
    regions: frozenset[str] | None = None
    accounts: frozenset[str] | None = None
    release: ReleaseRule | None = None
    family: str | None = None

    def is_tracked_in(self, target: Target) -> bool:
        """Whether the image is looked up in this target."""
        return (self.regions is None or target.region in self.regions) and (
            self.accounts is None or target.account_id in self.accounts
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The checked configuration: images and targets."""

    targets: tuple[Target, ...]
    images: tuple[Image, ...]

    def regions(self) -> tuple[str, ...]:
        """The configured regions without duplicates, sorted."""
        return tuple(sorted({target.region for target in self.targets}))

    def images_in(self, target: Target) -> tuple[Image, ...]:
        """The images that are tracked in `target`, in the catalogue's order."""
        return tuple(image for image in self.images if image.is_tracked_in(target))

    def accounts_in(self, region: str) -> tuple[str, ...]:
        """The accounts in which `region` is watched, sorted."""
        return tuple(sorted(t.account_id for t in self.targets if t.region == region))


@dataclass(frozen=True, slots=True)
class Request:
    """A queue message: look up this image in this target, for this round.

    `release` is not part of the lookup, so editing it does not change the kind of a release.
    """

    round: str
    target: Target
    image_name: str
    lookup: Lookup
    release: ReleaseRule | None = None

    def __hash__(self) -> int:
        """A hash of what usually differs: that of a lookup's filters takes ten times as long."""
        return hash((self.round, self.target, self.image_name))


@dataclass(frozen=True, slots=True)
class Observation:
    """The image that a lookup found.

    `deprecation_time` is not compared: the owner of an image can change it.
    """

    image_id: str
    ami_name: str | None = None
    creation_date: str | None = None
    deprecation_time: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """An image in a target: its configuration there, and the known image.

    `version` is 0 until the first commit. `confirmed_digest` is the digest of the lookup that last
    found `known`; it differs from `lookup_digest` after an edit, until the next lookup. `number`
    identifies the pair in the round rows of its target; None until the scheduler assigns it.
    `state`, `code` and `since` are from its status; `since` is the text in the row, which a
    conditional write compares.
    """

    target: Target
    image_name: str
    active: bool
    lookup: Lookup
    lookup_digest: str
    announce: frozenset[Kind] = DEFAULT_ANNOUNCE
    version: int = 0
    known: Observation | None = None
    confirmed_digest: str | None = None
    state: State | None = None
    code: str | None = field(default=None, compare=False, repr=False)
    since: str | None = field(default=None, compare=False, repr=False)
    number: int | None = None
    family: str | None = None

    def fields(self) -> dict[str, str]:
        """The pair as fields of log lines."""
        return {"image_name": self.image_name, **self.target.fields()}


@dataclass(frozen=True, slots=True)
class Window:
    """The numbers of the pairs in a target whose lookup ended since `window` began.

    `round` and `window` are the scheduled times of the last round and of the round that began the
    window; None if there was none. Pairs in `answered` had a final outcome since then, pairs in
    `missed` had none in the window before, and pairs in `stale` none in the two windows before.
    """

    round: str | None = None
    window: str | None = None
    answered: frozenset[int] = frozenset()
    missed: frozenset[int] = frozenset()
    stale: frozenset[int] = frozenset()

    def unanswered(self) -> frozenset[int]:
        """The pairs that are stale: without a final outcome in this window and the two before."""
        return self.stale - self.answered


Fact = str | int | bool
"""A value of a fact."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known about a release apart from its image; None or absent means unknown.

    `release` and `previous_release` are the release keys of the image and of the one before.
    Releases of an image with equal `join_key` are the same release in different targets.
    `source_time` and `parameter_version` are the time and the version of the parameter's last
    change. `facts` are properties of the parameter and of the image; `changed` has the previous
    value of each fact that differs from the release before.
    """

    release: str | None = None
    previous_release: str | None = None
    join_key: str | None = None
    notes_url: str | None = None
    source_time: datetime | None = None
    parameter_version: int | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict, hash=False)
    changed: Mapping[str, Fact] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Release:
    """A committed change of a pair's image id; immutable.

    `lookup_digest` is the digest of the lookup that found the image.
    """

    target: Target
    image_name: str
    version: int
    kind: Kind
    observed: Observation
    previous_image_id: str | None
    detected_at: datetime
    round: str
    lookup_digest: str
    about: About = About()

    @property
    def event_id(self) -> str:
        """The event id, equal in every copy of this release's announcement: 32 hexadecimal digits.

        It includes the image id: after the table is restored, the same version can have another
        image, and subscribers that deduplicate by event id must not drop its event.
        """
        parts = (
            self.target.account_id,
            self.target.region,
            self.image_name,
            str(self.version),
            self.observed.image_id,
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
