"""Small overviews, from what was read of each image, for tests of the report page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from services.history.observed import ImageInTarget
from services.history.overview import Overview, overview
from services.history.rows import PendingKey, RegionRows, Rows, Snapshot
from services.kernel.model import State, Target, Window
from services.kernel.records import ImageRow
from services.kernel.round_records import Note, RoundRow
from services.kernel.wire import timestamp
from services.report.data import page_data
from services.report.page_data import Cause, Hub, ImageEntry, PageData
from support.builders.releases import MOMENT, NAME

HUB = Hub(table="ami-tracker", region="us-east-1", account="111122223333")


def named(name: str, *seen: ImageInTarget, family: str | None = "test") -> list[ImageInTarget]:
    """Give an image, which the builders call by a fixed name, its own name and family."""
    return [_named(each, name, family) for each in seen]


def _named(seen: ImageInTarget, name: str, family: str | None) -> ImageInTarget:
    pair = replace(seen.pair, image_name=name, family=family) if seen.pair else None
    rows = (replace(row, release=replace(row.release, image_name=name)) for row in seen.releases)
    return replace(seen, pair=pair, releases=tuple(rows))


def an_overview(
    *images: Iterable[ImageInTarget],
    details: Mapping[State, tuple[str, str]] | None = None,
    pending: Iterable[PendingKey] = (),
    rounds: Collection[Target] | None = None,
    minutes: float = 5,
) -> Overview:
    """Build an overview of images, in which each target had a round some minutes ago.

    `details` are the code and the detail of pairs with a state. `rounds` limits the targets that
    had a round.
    """
    seen = [each for image in images for each in image]
    rows = [_row(each, details or {}) for each in seen]
    targets = sorted({each.target for each in seen}, key=lambda each: (each.region, each))
    begin = timestamp(MOMENT - timedelta(minutes=minutes))
    snapshot = Snapshot(
        MOMENT,
        Note(frozenset(target.region for target in targets), interval_minutes=15),
        tuple(
            RegionRows(
                region,
                Rows(tuple(row for row in rows if row.pair.target.region == region)),
                Rows(
                    tuple(
                        RoundRow(target, Window(begin, begin))
                        for target in targets
                        if target.region == region and (rounds is None or target in rounds)
                    )
                ),
            )
            for region in sorted({target.region for target in targets})
        ),
        Rows(tuple(pending)),
    )
    return overview(snapshot, [(_name_of(each), each) for each in seen])


def _name_of(seen: ImageInTarget) -> str:
    return seen.pair.image_name if seen.pair else NAME


def _row(seen: ImageInTarget, details: Mapping[State, tuple[str, str]]) -> ImageRow:
    pair = seen.pair
    assert pair is not None
    code, detail = details.get(pair.state or State.OK, (None, None))
    since = timestamp(MOMENT - timedelta(hours=2))
    changed = seen.releases[0].release.detected_at if seen.releases else None
    row = replace(pair, code=code, since=since, confirmed_digest=pair.lookup_digest)
    return ImageRow(row, detail, changed)


# --- the page of an overview


def a_page(*images: Iterable[ImageInTarget], lag_hours: float = 72) -> PageData:
    """Build the data of the page of these images."""
    return page_data(an_overview(*images), hub=HUB, lag_hours=lag_hours)


def states_of(page: PageData, image: ImageEntry) -> dict[str, str]:
    """The state of each target of an image that is not ok, by region."""
    return {
        page["targets"][image["targets"][int(position)]]["region"]: page["states"][state[0]]
        for position, state in image["state"].items()
    }


def by_region(page: PageData, image: ImageEntry, values: list[int | None]) -> dict[str, int | None]:
    """A list of values for the targets of an image, by region."""
    regions = [page["targets"][target]["region"] for target in image["targets"]]
    return dict(zip(regions, values, strict=True))


def cause_of(page: PageData, state: str) -> Cause:
    """The only cause of a state."""
    (found,) = [each for each in page["attention"] if each["state"] == state]
    return found
