"""The output of `ami-tracker pending`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from services.console.render.columns import print_columns
from services.console.render.history import problem_as_json
from services.console.render.moments import duration, moment
from services.console.render.writer import Writer, counted
from services.history.pending import LIMIT_SECONDS, PendingRelease, Waiting
from services.kernel.model import Target
from services.kernel.wire import timestamp

SCHEMA = 1

_COLUMNS = ("version", "kind", "detected", "pending for", "why", "image")


def print_pending(writer: Writer, found: Sequence[PendingRelease], *, complete: bool) -> None:
    """Print the pending releases of each target, and what its topic answered."""
    if not found:
        writer.line("nothing is pending")
    by_target: dict[Target, list[PendingRelease]] = defaultdict(list)
    for each in found:
        by_target[each.row.release.target].append(each)
    for number, (target, releases) in enumerate(by_target.items()):
        if number:
            writer.line()
        late = sum(each.late for each in releases)
        begin = f"{target}: {counted(len(releases), 'pending release')}"
        limit = f", {late:,} for more than {LIMIT_SECONDS // 60} minutes" if late else ""
        writer.sentence(begin + limit, style="bold")
        print_columns(writer, [_COLUMNS, *map(_row, releases)], "  ")
        for problem in _problems(releases):
            writer.sentence(problem, "  ")
    if not complete:
        writer.line()
        writer.sentence("There are more pending releases, which can be older (--limit).")


def _row(each: PendingRelease) -> tuple[str, ...]:
    release = each.row.release
    return (
        str(release.version),
        release.kind.value,
        moment(release.detected_at),
        duration(each.seconds),
        _why(each),
        release.image_name,
    )


def _why(each: PendingRelease) -> str:
    if each.waiting is Waiting.HELD_BACK:
        return f"after {each.behind}"
    return "refused" if each.waiting is Waiting.REFUSED else "not tried"


def _problems(releases: Sequence[PendingRelease]) -> list[str]:
    """What the topic answered, each text once with the earliest time."""
    since: dict[str, datetime] = {}
    for each in releases:
        problem = each.row.last_problem
        if problem is not None:
            text = f"{problem.code}: {problem.detail}"
            since[text] = min(problem.since, since.get(text, problem.since))
    return [f"refused since {timestamp(time)}: {text}" for text, time in since.items()]


def as_json(
    found: Sequence[PendingRelease], problems: Sequence[str], now: datetime, *, complete: bool
) -> dict[str, object]:
    """The pending releases for programs."""
    return {
        "schema": SCHEMA,
        "ok": not problems and not any(each.late for each in found),
        "time": timestamp(now),
        "limit_seconds": LIMIT_SECONDS,
        "complete": complete,
        "pending": [_pending(each) for each in found],
        "unreadable": list(problems),
    }


def _pending(each: PendingRelease) -> dict[str, object]:
    release, problem = each.row.release, each.row.last_problem
    return {
        **release.target.fields(),
        "image_name": release.image_name,
        "version": release.version,
        "kind": release.kind.value,
        "image_id": release.observed.image_id,
        "event_id": release.event_id,
        "detected_at": timestamp(release.detected_at),
        "pending_seconds": each.seconds,
        "late": each.late,
        "why": each.waiting.value,
        "held_back_by": each.behind,
        "last_problem": problem_as_json(problem.code, problem.detail, problem.since)
        if problem
        else None,
    }
