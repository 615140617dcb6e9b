"""What `ami-tracker redrive` does, after click has read its options."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import click

from services.console.acting.confirm import confirmed
from services.console.acting.dead_letters import (
    INVISIBLE_SECONDS,
    DeadLetterQueue,
    NotMovableError,
    Progress,
)
from services.console.acting.hub import calls, open_session
from services.console.acting.writers import accept_every_character, waiting, writer
from services.console.exit_codes import EXIT_WRONG
from services.console.lookup.options import AwsOptions
from services.console.lookup.problems import UsageProblem
from services.console.render.redrive import (
    moved_as_json,
    print_messages,
    print_moved,
    print_notes,
    print_purged,
    purged_as_json,
    shown_as_json,
)
from services.console.render.writer import counted

_POLL_SECONDS = 1.0
_MOST_POLLS = 900

Permitted = Callable[[str], AbstractContextManager[None]]
"""Explains why the calls inside the block fail; the argument is the permission they need."""


@dataclass(frozen=True, slots=True)
class RedriveOptions:
    """Everything that the command was called with."""

    queue: str
    move: bool
    purge: bool
    limit: int
    yes: bool
    output: str
    aws: AwsOptions


def run(options: RedriveOptions) -> int:
    """Show, move or purge the dead letters, and return the exit code."""
    accept_every_character()
    if options.move and options.purge:
        message = "use only one of --move and --purge"
        raise UsageProblem(message)
    hub = open_session(options.aws)

    permitted = partial(
        calls, resource=f"queue {options.queue}", region=hub.region, option="--queue"
    )
    with permitted("sqs:GetQueueUrl"):
        queue = DeadLetterQueue(hub.session.client("sqs"), options.queue)
    if options.move:
        return _move(options, queue, permitted)
    if options.purge:
        return _purge(options, queue, permitted)
    return _show(options, queue, permitted)


def _show(options: RedriveOptions, queue: DeadLetterQueue, permitted: Permitted) -> int:
    with permitted("sqs:ReceiveMessage"), waiting("reading"):
        letters = queue.messages(options.limit)
    complete = len(letters) < options.limit
    if options.output == "json":
        _print(shown_as_json(queue.name, letters, complete=complete))
    else:
        print_messages(writer(), queue.name, letters)
    print_notes(writer(err=True), letters, complete=complete)
    return EXIT_WRONG if letters else 0


def _move(options: RedriveOptions, queue: DeadLetterQueue, permitted: Permitted) -> int:
    with permitted("sqs:GetQueueAttributes"):
        counts = queue.counts()
    done = Progress("COMPLETED", 0, 0)
    if counts.visible:
        question = (
            f"Move about {counted(counts.visible, 'message')} of {queue.name} back to the queue "
            "that they came from?"
        )
        if not confirmed(question, yes=options.yes):
            click.echo("nothing was moved", err=True)
            return EXIT_WRONG
        done = _moved(queue, counts.arn, permitted)
    if counts.invisible:
        click.echo(
            f"about {counted(counts.invisible, 'message')} of {queue.name} cannot be moved yet, "
            f"since they were received or shown in the last {INVISIBLE_SECONDS} seconds; try again",
            err=True,
        )
    if options.output == "json":
        _print(moved_as_json(queue.name, done))
    else:
        print_moved(writer(), queue.name, done)
    return 0 if done.status == "COMPLETED" and not counts.invisible else EXIT_WRONG


def _moved(queue: DeadLetterQueue, arn: str, permitted: Permitted) -> Progress:
    try:
        with permitted("sqs:StartMessageMoveTask"):
            queue.start_move(arn)
    except NotMovableError as error:
        message = (
            f"{queue.name} is not the dead-letter queue of a queue, so its messages cannot be "
            "moved back; those of the schedules are not needed, since the next round and the next "
            "sweep do the same: use --purge"
        )
        raise UsageProblem(message) from error
    with permitted("sqs:ListMessageMoveTasks"):
        return finished(lambda: queue.progress(arn), queue.name)


def finished(
    progress: Callable[[], Progress], name: str, sleep: Callable[[float], None] = time.sleep
) -> Progress:
    """The task when it has ended, or after a quarter of an hour; shows the progress until then."""
    task = progress()
    if not task.running:
        return task
    with click.progressbar(
        length=max(1, task.to_move), label=f"moving {name}", file=sys.stderr
    ) as bar:
        for _ in range(_MOST_POLLS):
            sleep(_POLL_SECONDS)
            task = progress()
            bar.update(max(0, task.moved - bar.pos))
            if not task.running:
                break
    return task


def _purge(options: RedriveOptions, queue: DeadLetterQueue, permitted: Permitted) -> int:
    with permitted("sqs:GetQueueAttributes"):
        counts = queue.counts()
    number = counts.visible + counts.invisible
    question = f"Delete about {counted(number, 'message')} of {queue.name}, without a copy?"
    if number:
        if not confirmed(question, yes=options.yes):
            click.echo("nothing was deleted", err=True)
            return EXIT_WRONG
        with permitted("sqs:PurgeQueue"):
            queue.purge()
    if options.output == "json":
        _print(purged_as_json(queue.name, number))
    else:
        print_purged(writer(), queue.name, number)
    return 0


def _print(document: dict[str, object]) -> None:
    click.echo(json.dumps(document, indent=2))
