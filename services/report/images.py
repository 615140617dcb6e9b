"""The images of the page with their pairs: pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from services.history.conditions import Finding
from services.history.observed import ImageInTarget
from services.history.overview import Overview
from services.kernel.model import Target
from services.report.entries import entries
from services.report.indexes import Places
from services.report.labels import source_of
from services.report.minutes import minute, minutes
from services.report.page_data import STATES, ImageEntry
from services.report.pair_states import PairState, compared, pair_state
from services.report.places import GEOGRAPHIES, geography_of
from services.report.tracked import Tracked, tracked

H = TypeVar("H", bound=Hashable)

NO_FAMILY = "other images"
"""The family of images whose rows have none."""
_SOON = timedelta(days=90)
"""How long before its deprecation time a current image has it on the page."""
_NOT_READ = "the releases of the pair were not read"


@dataclass(frozen=True, slots=True)
class ImageOnPage:
    """An image: its family, its lookup, and its pairs in the order of its targets."""

    family: str
    source: str
    tracked: Tracked
    pairs: tuple[PairState, ...]

    @property
    def name(self) -> str:
        """The name of the image."""
        return self.tracked.name

    @property
    def targets(self) -> list[Target]:
        """The targets of the image."""
        return [pair.finding.target for pair in self.pairs]


def images_of(
    overview: Overview, findings: Iterable[Finding], lag_hours: float
) -> list[ImageOnPage]:
    """The images of all tracked pairs, by family and name."""
    pairs: dict[str, list[Finding]] = defaultdict(list)
    for each in findings:
        pairs[each.image_name].append(each)
    found = [_image(overview, name, pairs[name], lag_hours) for name in pairs]
    return sorted(found, key=lambda image: (image.family, image.name))


def target_order(target: Target) -> tuple[int, str, str]:
    """By geography, region and account."""
    return GEOGRAPHIES.index(geography_of(target.region)), target.region, target.account_id


def _image(
    overview: Overview, name: str, findings: Sequence[Finding], lag_hours: float
) -> ImageOnPage:
    moment = overview.snapshot.moment
    ordered = sorted(findings, key=lambda each: target_order(each.target))
    read = {seen.target: seen for seen in overview.images.get(name, ())}
    image = tracked(name, [read.get(each.target) or _not_read(each) for each in ordered], moment)
    states = compared(image, moment, lag_hours)
    return ImageOnPage(
        _most_common(each.row.pair.family or NO_FAMILY for each in ordered),
        _most_common(source_of(each.row.pair.lookup) for each in ordered),
        image,
        tuple(pair_state(each, states.get(n), image) for n, each in enumerate(ordered)),
    )


def _not_read(finding: Finding) -> ImageInTarget:
    """A pair of which the releases are missing: it is unknown in roll-outs."""
    pair = finding.row.pair
    return ImageInTarget(pair.target, pair, complete=False, problems=(_NOT_READ,))


def image_entry(
    image: ImageOnPage,
    moment: datetime,
    families: Places[str],
    targets: Mapping[Target, int],
    texts: tuple[Places[str], Places[tuple[str, str]]],
) -> ImageEntry:
    """The entry of an image; `texts` are the details and the advice of all pairs."""
    entry = ImageEntry(
        name=image.name,
        family=families.of(image.family),
        source=image.source,
        targets=[targets[target] for target in image.targets],
        state={
            str(position): _state(pair, *texts)
            for position, pair in enumerate(image.pairs)
            if pair.state != "ok"
        },
        current=image.tracked.current,
        releases=entries(image.tracked, moment.year),
    )
    if deprecation := _deprecation(image, moment):
        entry["deprecation"] = deprecation
    return entry


def _state(
    pair: PairState, details: Places[str], advice: Places[tuple[str, str]]
) -> tuple[int, int | None, str | None, int | None, int | None]:
    detail = details.of(pair.detail) if pair.detail else None
    text = (pair.advice.reason, pair.advice.todo)
    return STATES.index(pair.state), minutes(pair.since), pair.code, detail, advice.of(text)


def _deprecation(image: ImageOnPage, moment: datetime) -> dict[str, int]:
    """The deprecation times that have passed or are near."""
    known = {n: pair.finding.row.pair.known for n, pair in enumerate(image.pairs)}
    return {
        str(position): minute(each.deprecation_time)
        for position, each in known.items()
        if each and each.deprecation_time and each.deprecation_time - moment < _SOON
    }


def _most_common(values: Iterable[H]) -> H:
    """The most frequent value; of several, the first in the order of their texts."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], str(value)))
