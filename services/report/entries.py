"""The entry of a release on the page, from its rows in several targets: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from services.history.observed import label_of, link
from services.kernel.model import Fact, Release
from services.report.labels import short_label
from services.report.minutes import minute, minutes
from services.report.page_data import ReleaseEntry
from services.report.tracked import Group, Row, Tracked

H = TypeVar("H", bound=Hashable)

WITH_IDS = 2
"""The number of an image's newest releases with all ids; more do not fit into the page."""
_OF_TARGETS = frozenset({"deprecation_time", "source_image_id"})
"""Facts that differ in each region, or that change later."""


def entries(image: Tracked, year: int) -> list[ReleaseEntry]:
    """The releases of an image, newest first."""
    return [_entry(image, group, place, year) for place, group in enumerate(image.groups)]


def _entry(image: Tracked, group: Group, place: int, year: int) -> ReleaseEntry:
    releases = [row.release for row in group.rows]
    label = _most_common(map(label_of, releases))
    kind = _most_common(each.kind.value for each in releases)
    at = minute(group.earliest.detected_at)
    entry = ReleaseEntry(
        key=label,
        short=short_label(label, year),
        ami=_most_common(each.observed.ami_name or "" for each in releases),
        kind=kind,
        at=at,
        exact=group.exact,
        state=cast("Any", image.state_of(group)),
        lag=_by_position(image, {row.position: _lag(row, at) for row in group.rows}),
        until=_by_position(image, {row.position: _until(row, at) for row in group.rows}),
    )
    kinds = {str(r.position): k for r in group.rows if (k := r.release.kind.value) != kind}
    optional: dict[str, object] = {
        "src": minutes(min((t for r in releases if (t := r.about.source_time)), default=None)),
        "notes": _notes(releases),
        "kinds": kinds or None,
        "ids": _ids(image, group, everywhere=place < WITH_IDS),
        **_facts(releases, everything=place < WITH_IDS),
    }
    more = {name: value for name, value in optional.items() if value is not None}
    return cast("ReleaseEntry", {**entry, **more})


def _lag(row: Row, at: int) -> int:
    return minute(row.release.detected_at) - at


def _until(row: Row, at: int) -> int | None:
    return minute(row.until) - at if row.until else None


def _by_position(image: Tracked, values: Mapping[int, int | None]) -> list[int | None]:
    return [values.get(position) for position in range(len(image.seen))]


def _notes(releases: Sequence[Release]) -> str | None:
    """The release notes, if they are a safe link: that of most targets."""
    urls = [url for each in releases if (url := link(each.about.notes_url))]
    secure = [url for url in urls if url.startswith("https://")]
    return _most_common(secure) if secure else None


def _ids(image: Tracked, group: Group, *, everywhere: bool) -> str | None:
    """The ids of all targets, or of those where the release is current."""
    found = {
        row.position: row.release.observed.image_id.removeprefix("ami-")
        for row in group.rows
        if everywhere or row.entry.current
    }
    if not found:
        return None
    return ",".join(found.get(position, "") for position in range(len(image.seen)))


def _facts(releases: Sequence[Release], *, everything: bool) -> dict[str, dict[str, Fact] | None]:
    """The facts and the previous values; of older releases, only the facts that changed."""
    facts = _common(each.about.facts for each in releases)
    was = _common(each.about.changed for each in releases)
    was = {name: value for name, value in was.items() if facts.get(name, value) != value}
    shown = {name: value for name, value in facts.items() if everything or name in was}
    return {"facts": shown or None, "was": was or None}


def _common(found: Iterable[Mapping[str, Fact]]) -> dict[str, Fact]:
    """The values that more than half of the targets have, of those that have the fact."""
    counts = Counter(
        (name, type(value), value)
        for each in found
        for name, value in each.items()
        if name not in _OF_TARGETS
    )
    totals: Counter[str] = Counter()
    for (name, _, _), count in counts.items():
        totals[name] += count
    common = {n: value for (n, _, value), count in counts.items() if 2 * count > totals[n]}
    return {name: common[name] for name in sorted(common)}


def _most_common(values: Iterable[H]) -> H:
    """The most frequent value; of several, the first in the order of their texts."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], str(value)))
