"""The output of `ami-tracker replay`."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import to_builtins

from services.console.acting.invoke import Result
from services.console.acting.replay import Candidate, Standing
from services.console.render.writer import Writer, moment
from services.kernel.model import Target

SCHEMA = 1

_FIFO = (
    "Subscribers get copies with the same event id. A FIFO topic drops a copy of an event that it "
    "accepted less than five minutes ago (deduplication), although it is shown as published."
)
_REASONS = {
    "not_sent": "not sent, since a version before it was refused or the time was over; try again",
    "not_found": "there is no row",
    "damaged": "the row cannot be decoded, or was edited; the function's log has the problem",
    "not_announced": "it was never an event: its kind was not in Announce of the image",
}


def print_candidates(writer: Writer, candidates: Sequence[Candidate]) -> None:
    """Show the releases before the question."""
    writer.table([("version", "kind", "image", "event"), *map(_row, candidates)])
    writer.sentence(_FIFO)


def _row(candidate: Candidate) -> tuple[str, ...]:
    row, standing = candidate.row, candidate.standing
    if row is None:
        return (str(candidate.version), "-", "-", standing.value)
    release = row.release
    since = {
        Standing.PENDING: release.detected_at,
        Standing.PUBLISHED: row.published_at,
        Standing.CLOSED: row.closed_at,
    }.get(standing)
    event = f"{standing.value} {'since ' if standing is Standing.PENDING else ''}"
    return (
        str(release.version),
        release.kind.value,
        release.observed.image_id,
        event + (moment(since) if since else ""),
    )


def print_results(writer: Writer, results: Sequence[Result]) -> None:
    """Show the results as a table."""
    rows = [(str(r.version), r.outcome.replace("_", " "), _details(r)) for r in results]
    writer.table([("version", "result", "details"), *rows])


def _details(result: Result) -> str:
    if result.outcome == "published":
        unrecorded = "" if result.recorded else "; its row could not be marked"
        return f"message {result.message_id}{unrecorded}"
    if result.outcome == "refused":
        return f"{result.state}: {result.code}: {result.detail}"
    return _REASONS[result.outcome]


def as_json(target: Target, image_name: str, results: Sequence[Result]) -> dict[str, object]:
    """The results for programs."""
    return {
        "schema": SCHEMA,
        **target.fields(),
        "image_name": image_name,
        "results": [to_builtins(result) for result in results],
    }
