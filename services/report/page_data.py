"""The data of the report page: the JSON that its script reads, and that its template renders.

Times with a date are minutes since 1970 in UTC; texts of times are ISO 8601 with `Z`. A place in a
list is its position from 0. An optional key is absent if its value is unknown.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

STATES = (
    "failing",
    "never",
    "withdrawn",
    "stale",
    "unknown",
    "lagging",
    "pending",
    "rolledback",
    "behind",
    "deprecated",
    "ok",
)
"""The states of pairs, the worst first: a cell of the matrix shows the worst one."""

Urgency = Literal["act", "watch", "note"]


class Hub(TypedDict):
    """Where the table is."""

    table: str
    region: str
    account: str


class Round(TypedDict):
    """The last round: that of the target whose last round is the oldest.

    `missed` is the number of rounds that did not take place since then.
    """

    at: str | None
    interval_minutes: int | None
    next_at: str | None
    missed: int | None


class Verdict(TypedDict):
    """The counts of causes by urgency, of pairs with an answer in the last round, and of pairs."""

    act: int
    watch: int
    note: int
    confirmed: int
    pairs: int


class Figures(TypedDict):
    """The figures at the top. The times to all regions are those of the last 30 days, in minutes.

    `spread` is the number of complete roll-outs that they are from.
    """

    images: int
    regions: int
    accounts: int
    changes: int
    spread: int
    spread_median: int | None
    spread_p95: int | None
    pending: int
    pending_since: int | None


class Cause(TypedDict):
    """One row of what needs attention.

    `names` are labels of images, siblings merged. `images` and `targets` are places in their lists,
    for the filters; without pairs they are empty. `whole_targets` is true if everything in the
    targets has this cause. `link` is the image of which the history is the first to look at.
    """

    state: str
    urgency: Urgency
    names: list[str]
    regions: list[str]
    accounts: list[str]
    images: list[int]
    targets: list[int]
    whole_targets: bool
    since: int | None
    pairs: int
    why: str
    todo: str
    detail: str | None
    command: str
    link: NotRequired[int]


class Family(TypedDict):
    """A group of images: the file of the configuration that has them, or its `Family`."""

    name: str


class TargetEntry(TypedDict):
    """An account and a region; `place` is where the region is, such as Frankfurt."""

    region: str
    place: str
    geo: int
    account: str


class ReleaseEntry(TypedDict):
    """A release of an image in its targets; a rollback is an entry of its own.

    `at` is when the first target had it, and `lag` how many minutes later each target of the image
    had it: in the order of the image's `targets`, None if it did not. `short` is the text in a
    cell. `kind` is that of most targets, and `kinds` has those that differ, by position in the
    image's `targets`. `until` is when it was replaced in each target, as `lag`; None if it is
    current there. `ids` has the image ids of the targets without `ami-`, joined by commas, of the
    two newest releases of the image only. `facts` and `was` are the facts, and the previous values
    of those that changed. `exact` is false if `at` is not the time of the release, as for a
    baseline. `state` is the state of the roll-out.
    """

    key: str
    short: str
    ami: str
    kind: str
    at: int
    exact: bool
    state: Literal["complete", "superseded", "rolled_back", "incomplete", "not_joined"]
    lag: list[int | None]
    until: list[int | None]
    src: NotRequired[int]
    notes: NotRequired[str]
    kinds: NotRequired[dict[str, str]]
    ids: NotRequired[str]
    facts: NotRequired[dict[str, str | int | bool]]
    was: NotRequired[dict[str, str | int | bool]]


class ImageEntry(TypedDict):
    """An image; `source` is its lookup as text, and `targets` are places in the list of targets.

    `state` has the targets that are not `ok`, by position in `targets`: the place in `states`, the
    time since when, the code, and the places in `details` and in `advice`. `current` has the place
    in `releases` of the current release of each target, None if there is none. `deprecation` has
    the deprecation time of the current images, by position in `targets`.
    """

    name: str
    family: int
    source: str
    targets: list[int]
    state: dict[str, tuple[int, int | None, str | None, int | None, int | None]]
    current: list[int | None]
    releases: list[ReleaseEntry]
    deprecation: NotRequired[dict[str, int]]


class PageData(TypedDict):
    """The data of the page. `details` and `advice` are the texts that `state` refers to.

    `releases_per_pair` is the number of releases that were read of each pair. `problems` are rows
    that cannot be decoded.
    """

    schema: Literal[1]
    made_at: str
    lag_hours: float
    releases_per_pair: int
    hub: Hub
    round: Round
    verdict: Verdict
    figures: Figures
    geographies: list[str]
    states: list[str]
    details: list[str]
    advice: list[tuple[str, str]]
    families: list[Family]
    targets: list[TargetEntry]
    images: list[ImageEntry]
    attention: list[Cause]
    problems: list[str]
