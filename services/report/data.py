"""The data of the report page, from everything that was read of a deployment: pure.

The same rows give the same data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.history.overview import Overview
from services.history.status import status
from services.kernel.model import Target
from services.kernel.wire import timestamp
from services.report.causes import Known, causes
from services.report.commands import Commands
from services.report.figures import figures, last_round, verdict
from services.report.images import image_entry, images_of, target_order
from services.report.indexes import Places
from services.report.page_data import STATES, Family, Hub, PageData, TargetEntry
from services.report.places import GEOGRAPHIES, geography_of, place_of


def page_data(overview: Overview, *, hub: Hub, lag_hours: float) -> PageData:
    """The data of the page.

    A target lags if the newest release of an image has been in other targets for more than
    `lag_hours`.
    """
    snapshot = overview.snapshot
    found = status(snapshot)
    images = images_of(overview, found.findings, lag_hours)
    targets = sorted({each.target for each in found.findings}, key=target_order)
    known = Known(
        {each.name: place for place, each in enumerate(images)},
        {target: place for place, target in enumerate(targets)},
    )
    pairs = [pair for image in images for pair in image.pairs]
    attention = causes(found.attention, pairs, known, Commands(hub["table"]))
    families, details, advice = Places[str](), Places[str](), Places[tuple[str, str]]()
    entries = [
        image_entry(each, snapshot.moment, families, known.targets, (details, advice))
        for each in images
    ]
    geographies = _geographies(targets)
    return PageData(
        schema=1,
        made_at=timestamp(snapshot.moment),
        lag_hours=lag_hours,
        releases_per_pair=_releases_per_pair(overview),
        hub=hub,
        round=last_round(found),
        verdict=verdict(attention, overview, found.findings),
        figures=figures(overview, found.findings, [each.tracked for each in images]),
        geographies=geographies,
        states=list(STATES),
        details=details.all(),
        advice=advice.all(),
        families=[Family(name=name) for name in families.all()],
        targets=[_target(target, geographies) for target in targets],
        images=entries,
        attention=attention,
        problems=[*found.unreadable, *overview.problems],
    )


def _geographies(targets: Iterable[Target]) -> list[str]:
    used = {geography_of(target.region) for target in targets}
    return [each for each in GEOGRAPHIES if each in used]


def _target(target: Target, geographies: Sequence[str]) -> TargetEntry:
    return TargetEntry(
        region=target.region,
        place=place_of(target.region),
        geo=geographies.index(geography_of(target.region)),
        account=target.account_id,
    )


def _releases_per_pair(overview: Overview) -> int:
    read = (len(seen.releases) for image in overview.images.values() for seen in image)
    return max(read, default=0)
