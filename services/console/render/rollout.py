"""The output of `ami-tracker rollout`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial

from services.console.render.moments import duration, moment
from services.console.render.writer import Writer, counted
from services.history.observed import ImageInTarget
from services.history.rollouts import Outcome, Place, Rollout, Rollouts, Standing
from services.kernel.model import Target
from services.kernel.wire import timestamp

SCHEMA = 1
_MAX_UNJOINED = 100

_OUTCOMES = {
    Outcome.COMPLETE: "complete",
    Outcome.SUPERSEDED: "superseded",
    Outcome.ROLLED_BACK: "rolled back",
    Outcome.INCOMPLETE: "incomplete",
    Outcome.NOT_JOINED: "cannot be joined",
    Outcome.NOT_TRACKED: "no longer tracked",
}
_NOT_JOINED = (
    "The releases of different regions have no key in common, so it is unknown which of them are "
    "the same release. Release.Pattern of the image can read a key from the AMI names."
)
_MINIMUM = (
    "at least: the first region had this release at its first lookup, after an edit or after a "
    "rollback, so the roll-out began earlier"
)
_POSSESSION = (Standing.HAS, Standing.HAD, Standing.ROLLED_BACK)


class _Names:
    """The names of targets: the region, with the account if there are several."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._several = len({target.account_id for target in targets}) > 1

    def of(self, target: Target) -> str:
        return f"{target.region} ({target.account_id})" if self._several else target.region

    def all(self, places: Iterable[Place]) -> str:
        return ", ".join(self.of(place.target) for place in places)


def print_rollouts(
    writer: Writer, name: str, image: Sequence[ImageInTarget], found: Rollouts, now: datetime
) -> None:
    """Print the roll-outs, newest first."""
    names = _Names(seen.target for seen in image)
    tracked = sum(seen.active for seen in image)
    writer.sentence(f"{name}: {counted(tracked, 'region')}, newest roll-out first", style="bold")
    if not found.found:
        writer.line("no roll-outs")
    for rollout in found.found:
        writer.line()
        _print(writer, rollout, names, now)
    if found.more:
        writer.line()
        writer.line("… and older roll-outs (--last)")
    if found.unjoined:
        writer.line()
        places = ", ".join(sorted({names.of(each.target) for each in found.unjoined}))
        count = counted(len(found.unjoined), "release")
        writer.sentence(f"{count} without a key cannot be joined: {places}")


def _print(writer: Writer, rollout: Rollout, names: _Names, now: datetime) -> None:
    have, total = rollout.count(*_POSSESSION), len(rollout.places)
    writer.sentence(f"{rollout.label}: {_OUTCOMES[rollout.outcome]}, {have} of {total}")
    for word, text in _lines(rollout, names, now):
        writer.sentence(text, f"  {word:11}  ")


def _lines(rollout: Rollout, names: _Names, now: datetime) -> Iterator[tuple[str, str]]:
    yield "first", f"{moment(rollout.first)}{'' if rollout.exact else ' or before'}"
    if rollout.ended:
        yield "ended", moment(rollout.ended)
    if times := _times(rollout, names):
        yield "took", times if rollout.exact else f"{times} ({_MINIMUM})"
    yield from _others(rollout, names, now)
    if rollout.notes_url:
        yield "notes", rollout.notes_url
    if rollout.outcome is Outcome.NOT_JOINED:
        yield "note", _NOT_JOINED


def _others(rollout: Rollout, names: _Names, now: datetime) -> Iterator[tuple[str, str]]:
    """The targets without a duration, by the reason."""
    seconds = rollout.lag(now)
    lag = "" if seconds is None else f" (for {duration(seconds)})"
    for place, targets in _grouped(rollout, lambda place: place.kind if _untimed(place) else None):
        yield "no duration", f"{place.kind}: {names.all(targets)}"
    for standing, word, end in (
        (Standing.ROLLED_BACK, "rolled back", ""),
        (Standing.LATER, "later only", ""),
        (Standing.LACKS, "missing", lag),
    ):
        found = [place for place in rollout.places if place.standing is standing]
        if found and not (standing is Standing.LACKS and rollout.outcome is Outcome.NOT_JOINED):
            yield word, names.all(found) + end
    for standing, word in ((Standing.UNKNOWN, "unknown"), (Standing.HAS, "fails now")):
        for place, targets in _grouped(rollout, partial(_trouble, standing)):
            yield word, f"{(place.trouble or '').replace('_', ' ')}: {names.all(targets)}"


def _untimed(place: Place) -> bool:
    return place.standing in _POSSESSION and place.took is None


def _trouble(standing: Standing, place: Place) -> str | None:
    return place.trouble if place.standing is standing else None


def _grouped(
    rollout: Rollout, key: Callable[[Place], str | None]
) -> Iterator[tuple[Place, list[Place]]]:
    """The targets with equal keys, each group with its first; those without a key are left out."""
    groups: dict[str, list[Place]] = defaultdict(list)
    for place in rollout.places:
        found = key(place)
        if found is not None:
            groups[found].append(place)
    return ((places[0], places) for places in groups.values())


def _times(rollout: Rollout, names: _Names) -> str:
    """The targets by the time that the roll-out took to them."""
    groups: dict[str, list[Place]] = defaultdict(list)
    timed = [(place.took, place) for place in rollout.places if place.took is not None]
    for took, place in sorted(timed, key=lambda each: (each[0], each[1].target.region)):
        groups[duration(took) if took else "first"].append(place)
    return "; ".join(f"{time}: {names.all(places)}" for time, places in groups.items())


def as_json(
    name: str,
    found: Rollouts,
    problems: Sequence[str],
    now: datetime,
    *,
    lag_hours: float,
    lagging: bool,
) -> dict[str, object]:
    """The roll-outs for programs."""
    return {
        "schema": SCHEMA,
        "ok": not problems and not lagging,
        "time": timestamp(now),
        "image_name": name,
        "lag_hours": lag_hours,
        "lagging": lagging,
        "rollouts": [_rollout(rollout, now) for rollout in found.found],
        "more": found.more,
        "unjoined": [
            {
                **release.target.fields(),
                "version": release.version,
                "image_id": release.observed.image_id,
            }
            for release in found.unjoined[:_MAX_UNJOINED]
        ],
        "unreadable": list(problems),
    }


def _rollout(rollout: Rollout, now: datetime) -> dict[str, object]:
    return {
        "join_key": rollout.join_key,
        "release": rollout.label,
        "outcome": rollout.outcome.value,
        "first_seen_at": timestamp(rollout.first),
        "began_before": not rollout.exact,
        "ended_at": timestamp(rollout.ended) if rollout.ended else None,
        "lag_seconds": rollout.lag(now),
        "notes_url": rollout.notes_url,
        "counts": {standing.value: rollout.count(standing) for standing in Standing},
        "targets": [_place(place) for place in rollout.places],
    }


def _place(place: Place) -> dict[str, object]:
    return {
        **place.target.fields(),
        "standing": place.standing.value,
        "version": place.version,
        "kind": place.kind.value if place.kind else None,
        "detected_at": timestamp(place.at) if place.at else None,
        "took_seconds": place.took,
        "later_at": timestamp(place.later_at) if place.later_at else None,
        "trouble": place.trouble,
    }
