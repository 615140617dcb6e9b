"""Random overviews with odd rows and hostile texts, for properties of the report page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st

from services.history.observed import ImageInTarget
from services.history.overview import Overview
from services.history.rows import PendingKey, RegionRows, Rows, Snapshot
from services.kernel.model import Kind, Observation, Pair, ParameterLookup, State, Target, Window
from services.kernel.records import ImageRow
from services.kernel.release_records import LastProblem, ReleaseRow
from services.kernel.round_records import Note, RoundRow
from services.kernel.wire import timestamp
from support.builders.releases import ACCOUNT, MOMENT, a_release

_REGIONS = ("eu-west-1", "us-east-1", "xx-new-1")
TARGETS = [Target(ACCOUNT, region) for region in _REGIONS] + [Target("222233334444", "us-east-1")]
NAMES = ("web-arm64", "web-x86_64", "</script>")
_HOSTILE = (
    "</script><script>alert(1)</script>",
    "\u202e\u0000\ud7ff'\"&<!--",
    "x" * 700,
    "ключ-🙂",
    "release",
    "",
)
_TEXTS = st.one_of(st.sampled_from(_HOSTILE), st.text(max_size=20))
_KEYS = st.one_of(
    st.sampled_from(["release:1", "release:20261124", "release:1", "name:x", None]),
    st.sampled_from(_HOSTILE).map("name:{}".format),
)
_STATES = st.sampled_from([State.OK, State.OK, State.OK, State.OK, *State, None])
_FACTS = st.dictionaries(
    st.sampled_from(["agent", "ena", "__proto__", "owner_id", "deprecation_time"]),
    st.one_of(st.booleans(), st.integers(-2, 2**53), _TEXTS),
    max_size=3,
)
_HOURS = st.one_of(st.integers(-30, 2000), st.floats(-30, 2000, allow_nan=False))


@st.composite
def _rows(draw: st.DrawFn, name: str, target: Target) -> tuple[ReleaseRow, ...]:
    """Draw the releases of a pair, newest first; some cannot be read."""
    hours = sorted(draw(st.lists(_HOURS, max_size=3)), reverse=True)
    found = []
    for version, age in enumerate(hours, start=draw(st.integers(1, 3))):
        release = a_release(
            target,
            version,
            draw(_KEYS),
            draw(st.sampled_from([Kind.RELEASE, *Kind])),
            hours=age,
            created=draw(st.sampled_from([None, "2026-11-20T00:00:00Z", "2026-11-20", "?"])),
            facts=draw(_FACTS),
            changed=draw(_FACTS),
            notes_url=draw(st.one_of(_TEXTS.map("https://example.org/{}".format), _TEXTS)),
            name=name,
        )
        problem = LastProblem("NotFound", draw(_TEXTS), MOMENT)
        pending = draw(st.booleans())
        if draw(st.integers(0, 5)):
            found.append(ReleaseRow(release, pending, last_problem=problem if pending else None))
    return tuple(reversed(found))


@st.composite
def _pairs(
    draw: st.DrawFn, name: str, number: int, target: Target
) -> tuple[ImageRow, ImageInTarget]:
    """Draw the image row and what was read of its releases."""
    rows = draw(_rows(name, target))
    last = rows[0].release if rows else None
    version = draw(st.sampled_from([last.version, last.version + 1] if last else [0, 1]))
    known = last.observed if last else Observation("ami-00000000000000000") if version else None
    hours = draw(st.sampled_from([None, -5000, -1, 1]))
    if known and hours:
        known = replace(known, deprecation_time=MOMENT - timedelta(hours=hours))
    state = draw(_STATES)
    pair = Pair(
        target,
        name,
        draw(st.sampled_from([True, True, True, False])),
        ParameterLookup(draw(_TEXTS)),
        "digest",
        version=version,
        known=known,
        confirmed_digest=draw(st.sampled_from(["digest", None])),
        state=state,
        code=draw(st.sampled_from(["Withdrawn", "AccessDenied", None])) if state else None,
        since=draw(st.sampled_from([timestamp(MOMENT), "2030-01-01T00:00:00Z", "odd", None])),
        number=draw(st.sampled_from([number, None])),
        family=draw(st.sampled_from(["eks", "eks", None, _HOSTILE[0]])),
    )
    problems = draw(st.sampled_from([(), (), ("row 1 cannot be decoded",)]))
    changed = last.detected_at if last else None
    seen = ImageInTarget(target, pair, rows, stale=draw(st.booleans()), problems=problems)
    return ImageRow(pair, draw(_TEXTS), changed), seen


@st.composite
def _rounds(draw: st.DrawFn, target: Target) -> RoundRow | None:
    numbers = st.frozensets(st.integers(1, len(NAMES)))
    time = timestamp(MOMENT - timedelta(minutes=draw(st.sampled_from([5, 5, 46, 3000, -60]))))
    round_id = draw(st.sampled_from([time, None]))
    sets = (draw(numbers), draw(numbers), draw(numbers))
    row = RoundRow(target, Window(round_id, round_id, *sets))
    return draw(st.sampled_from([row, row, row, None]))


@st.composite
def overviews(draw: st.DrawFn) -> Overview:
    """Draw an overview; some pairs were not read, and some images are tracked nowhere."""
    pairs: list[tuple[ImageRow, ImageInTarget]] = [
        draw(_pairs(name, number, target))
        for number, name in enumerate(NAMES, start=1)
        for target in TARGETS
        if draw(st.integers(0, 4))
    ]
    images: dict[str, list[ImageInTarget]] = {}
    for row, seen in pairs:
        if row.pair.active and draw(st.integers(0, 9)):
            images.setdefault(row.pair.image_name, []).append(seen)
    pending = [
        PendingKey(row.pair.target, row.pair.image_name, draw(st.integers(1, 4)))
        for row, _ in pairs
        if not draw(st.integers(0, 3))
    ]
    unreadable = draw(st.sampled_from([(), (), (_HOSTILE[0],)]))
    regions = tuple(
        RegionRows(
            region,
            Rows(tuple(r for r, _ in pairs if r.pair.target.region == region), unreadable),
            Rows(tuple(r for t in TARGETS if t.region == region and (r := draw(_rounds(t))))),
        )
        for region in _REGIONS
    )
    note = Note(frozenset(_REGIONS), interval_minutes=draw(st.sampled_from([None, 15])))
    snapshot = Snapshot(MOMENT, note, regions, Rows(tuple(pending)))
    found = {name: tuple(seen) for name, seen in images.items()}
    problems = [problem for each in found.values() for s in each for problem in s.problems]
    return Overview(snapshot, found, tuple(problems))
