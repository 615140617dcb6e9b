"""The output of `ami-tracker redrive`."""

from __future__ import annotations

from collections.abc import Sequence

from services.console.acting.dead_letters import INVISIBLE_SECONDS, DeadLetter, Progress
from services.console.render.writer import Writer, counted, moment
from services.kernel.wire import timestamp

SCHEMA = 1

_COLUMNS = ("image", "region", "account", "round", "received", "sent", "problem")
_LEAST_PROBLEM = 20
"""The least width of the last column."""
_LOOKUPS = (
    "The log of the lookup function says why a lookup failed. The next round looks up these pairs "
    "again, so --purge loses nothing, and --move only repeats them sooner."
)
_INVISIBLE = (
    f"The messages are invisible to other readers for {INVISIBLE_SECONDS} seconds, and --move "
    "leaves them in the queue during that time."
)


def print_messages(writer: Writer, queue: str, letters: Sequence[DeadLetter]) -> None:
    """Show the messages as a table."""
    if not letters:
        writer.line(f"{queue} has no messages")
        return
    rows = [_COLUMNS, *map(_row, letters)]
    width = sum(2 + max(len(row[n]) for row in rows) for n in range(len(_COLUMNS) - 1))
    if width + _LEAST_PROBLEM <= writer.width:
        writer.table(rows)
        return
    for row in rows[1:]:
        _print_block(writer, row)


def _row(letter: DeadLetter) -> tuple[str, ...]:
    request = letter.request
    named = ("-", "-", "-", "-")
    if request is not None:
        target = request.target
        named = (request.image_name, target.region, target.account_id, request.round)
    return (*named, str(letter.received), moment(letter.sent_at), letter.problem or "-")


def _print_block(writer: Writer, row: Sequence[str]) -> None:
    """Show a message on some lines, since the terminal is too narrow for the table."""
    name, region, account_id, asked, received, sent, problem = row
    title = "not a lookup request"
    if name != "-":
        title = f"{name} in {region} of account {account_id}, round {asked}"
    writer.sentence(title)
    writer.sentence(f"received {counted(int(received), 'time')}, sent {sent}", "  ")
    if problem != "-":
        writer.sentence(problem, "  ")


def print_notes(writer: Writer, letters: Sequence[DeadLetter], *, complete: bool) -> None:
    """Say what the list leaves out, and what to do."""
    if not letters:
        return
    if not complete:
        writer.sentence("There may be more messages; --limit shows up to 1,000.")
    if any(letter.request for letter in letters):
        writer.sentence(_LOOKUPS)
    writer.sentence(_INVISIBLE)


def shown_as_json(
    queue: str, letters: Sequence[DeadLetter], *, complete: bool
) -> dict[str, object]:
    """The messages for programs; `complete` is false if there may be more."""
    messages = [_as_json(letter) for letter in letters]
    return {"schema": SCHEMA, "queue": queue, "complete": complete, "messages": messages}


def _as_json(letter: DeadLetter) -> dict[str, object]:
    request = letter.request
    named: dict[str, object] = {"body": letter.body}
    if request is not None:
        named = {
            **request.target.fields(),
            "image_name": request.image_name,
            "round": request.round,
        }
    return {
        "message_id": letter.message_id,
        "received": letter.received,
        "sent_at": timestamp(letter.sent_at),
        "problem": letter.problem,
        **named,
    }


def print_moved(writer: Writer, queue: str, task: Progress) -> None:
    """Show the result of a move."""
    counts = f"{task.moved:,} of {counted(task.to_move, 'message')} of {queue} moved back"
    if task.status == "COMPLETED":
        writer.line(counts)
        return
    reason = f": {task.failure}" if task.failure else ""
    writer.sentence(f"{counts}; the task is {task.status}{reason}")


def moved_as_json(queue: str, task: Progress) -> dict[str, object]:
    """The result of a move for programs."""
    return {
        "schema": SCHEMA,
        "queue": queue,
        "status": task.status,
        "moved": task.moved,
        "to_move": task.to_move,
        "failure": task.failure,
    }


def print_purged(writer: Writer, queue: str, number: int) -> None:
    """Show the result of a purge."""
    if number:
        messages = counted(number, "message")
        writer.line(f"about {messages} of {queue} deleted; this takes SQS up to a minute")
    else:
        writer.line(f"{queue} has no messages")


def purged_as_json(queue: str, number: int) -> dict[str, object]:
    """The result of a purge for programs."""
    return {"schema": SCHEMA, "queue": queue, "purged": number}
