"""The output of `ami-tracker history`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from services.console.render.columns import print_columns
from services.console.render.moments import duration, moment
from services.console.render.writer import Writer
from services.history.observed import ImageInTarget
from services.history.releases import Announcement, Entry, History
from services.kernel.wire import timestamp

SCHEMA = 1

_COLUMNS = ("version", "kind", "detected", "current for", "event", "release")


def print_histories(writer: Writer, name: str, found: Sequence[History], *, details: bool) -> None:
    """Print the releases of each target, newest first."""
    for number, history in enumerate(found):
        if number:
            writer.line()
        writer.sentence(f"{name} in {history.seen.target}{_condition(history.seen)}", style="bold")
        if not history.entries:
            writer.line("  no releases")
        elif details:
            _print_details(writer, history.entries)
        else:
            print_columns(writer, [_COLUMNS, *map(_row, history.entries)], "  ")
        if not history.seen.complete:
            writer.line("  … and older releases (--limit)")


def _condition(seen: ImageInTarget) -> str:
    if not seen.active:
        return " (no longer tracked)"
    return f" ({seen.trouble.replace('_', ' ')})" if seen.trouble else ""


def _row(entry: Entry) -> tuple[str, ...]:
    release = entry.release
    return (
        str(release.version),
        release.kind.value,
        moment(release.detected_at),
        duration(entry.seconds) + (" *" if entry.current else ""),
        _EVENTS[entry.announcement[0]],
        entry.label,
    )


_EVENTS = {
    Announcement.ANNOUNCED: "announced",
    Announcement.PENDING: "pending",
    Announcement.CLOSED: "closed",
    Announcement.NOT_ANNOUNCED: "-",
}


def _print_details(writer: Writer, entries: Sequence[Entry]) -> None:
    for entry in entries:
        release = entry.release
        writer.line(f"  version {release.version}: {release.kind.value} {entry.label}")
        for word, text in _details(entry):
            writer.sentence(text, f"    {word:9}  ")


def _details(entry: Entry) -> Iterator[tuple[str, str]]:
    release = entry.release
    yield "image", release.observed.image_id
    if release.observed.ami_name and release.observed.ami_name != entry.label:
        yield "AMI name", release.observed.ami_name
    if release.about.source_time:
        yield "published", f"{timestamp(release.about.source_time)} by the publisher"
    yield "detected", timestamp(release.detected_at)
    yield "event", _event(entry)
    yield "current", _current(entry)
    for change in entry.changes:
        after = "unknown" if change.after is None else change.after
        yield "changed", f"{change.fact} {change.before} → {after}"
    if entry.notes_url:
        yield "notes", entry.notes_url


def _event(entry: Entry) -> str:
    state, at = entry.announcement
    if state is Announcement.NOT_ANNOUNCED:
        return f"not announced, since Announce does not contain {entry.release.kind.value}"
    if state is not Announcement.PENDING:
        return f"{state.value} {timestamp(at)}" if at else state.value
    problem = entry.row.last_problem
    if problem is None:
        return "pending"
    return f"pending; {problem.code} since {timestamp(problem.since)}: {problem.detail}"


def _current(entry: Entry) -> str:
    if entry.until is None:
        return "unknown how long"
    if entry.current:
        return f"for {duration(entry.seconds)}, and now"
    return f"for {duration(entry.seconds)}, until {timestamp(entry.until)}"


def as_json(
    name: str, found: Sequence[History], problems: Sequence[str], now: datetime
) -> dict[str, object]:
    """The histories for programs."""
    return {
        "schema": SCHEMA,
        "ok": not problems,
        "time": timestamp(now),
        "image_name": name,
        "targets": [_target(history) for history in found],
        "unreadable": list(problems),
    }


def _target(history: History) -> dict[str, object]:
    seen = history.seen
    return {
        **seen.target.fields(),
        "active": seen.active,
        "trouble": seen.trouble,
        "complete": seen.complete,
        "releases": [_entry(entry) for entry in history.entries],
    }


def _entry(entry: Entry) -> dict[str, object]:
    release, row = entry.release, entry.row
    about, problem = release.about, row.last_problem
    state, at = entry.announcement
    return {
        "version": release.version,
        "kind": release.kind.value,
        "release": about.release,
        "ami_name": release.observed.ami_name,
        "image_id": release.observed.image_id,
        "previous_image_id": release.previous_image_id,
        "join_key": about.join_key,
        "event_id": release.event_id,
        "source_time": _time(about.source_time),
        "detected_at": timestamp(release.detected_at),
        "event": state.value,
        "event_at": _time(at),
        "last_problem": problem_as_json(problem.code, problem.detail, problem.since)
        if problem
        else None,
        "current": entry.current,
        "current_until": _time(entry.until),
        "current_seconds": entry.seconds,
        "changed": [
            {"fact": each.fact, "before": each.before, "after": each.after}
            for each in entry.changes
        ],
        "notes_url": entry.notes_url,
    }


def problem_as_json(code: str, detail: str, since: datetime) -> dict[str, object]:
    """Why a topic did not accept a release, for programs."""
    return {"code": code, "detail": detail, "since": timestamp(since)}


def _time(time: datetime | None) -> str | None:
    return timestamp(time) if time else None
