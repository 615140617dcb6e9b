"""What `ami-tracker replay` does, after click has read its options."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import click

from services.console.acting.confirm import confirmed
from services.console.acting.hub import Hub, calls, open_session
from services.console.acting.invoke import Invoker, Result, lambda_invoker
from services.console.acting.replay import MAX_VERSIONS, Candidate, chosen, replayed
from services.console.acting.writers import accept_every_character, waiting, writer
from services.console.exit_codes import EXIT_WRONG
from services.console.lookup.options import AwsOptions
from services.console.lookup.problems import UsageProblem
from services.console.render.replay import as_json, print_candidates, print_results
from services.history.reader import HistoryReader
from services.kernel.model import Target
from services.kernel.wire import ACCOUNT_ID, IMAGE_NAME, REGION


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """Everything that the command was called with; `target_account` is None for the caller's."""

    image_name: str
    target_region: str
    target_account: str | None
    versions: tuple[int, ...]
    last: bool
    yes: bool
    table: str
    function: str
    output: str
    aws: AwsOptions


def run(options: ReplayOptions) -> int:
    """Show the releases, ask, replay them, print the results, and return the exit code."""
    accept_every_character()
    _check(options)
    hub = open_session(options.aws)
    target = Target(options.target_account or hub.account_id, options.target_region)
    candidates = _candidates(options, hub, target)
    print_candidates(writer(err=True), candidates)
    results = _replayed(options, hub, target, candidates)
    if results is None:
        click.echo("nothing was sent", err=True)
        return EXIT_WRONG
    if options.output == "json":
        click.echo(json.dumps(as_json(target, options.image_name, results), indent=2))
    else:
        print_results(writer(), results)
    return 0 if all(result.outcome == "published" for result in results) else EXIT_WRONG


def _check(options: ReplayOptions) -> None:
    for option, value, pattern in (
        ("NAME", options.image_name, IMAGE_NAME),
        ("--target-region", options.target_region, REGION),
        ("--target-account", options.target_account, ACCOUNT_ID),
    ):
        if value is not None and not re.match(pattern, value):
            message = f"{option} {value!r} is not valid"
            raise UsageProblem(message)
    if options.last == bool(options.versions):
        message = "use either --version, which can be repeated, or --last"
        raise UsageProblem(message)
    if len(set(options.versions)) > MAX_VERSIONS:
        message = f"there are more than {MAX_VERSIONS} versions; use several commands"
        raise UsageProblem(message)


def _candidates(options: ReplayOptions, hub: Hub, target: Target) -> list[Candidate]:
    reader = HistoryReader(hub.session.client("dynamodb"), options.table)
    action = "dynamodb:Query" if options.last else "dynamodb:BatchGetItem"
    with calls(action, f"table {options.table}", hub.region, "--table"):
        return chosen(reader, target, options.image_name, options.versions)


def _replayed(
    options: ReplayOptions, hub: Hub, target: Target, candidates: list[Candidate]
) -> list[Result] | None:
    invoke = lambda_invoker(hub.session.client_without_retries("lambda"), options.function)
    agree: Callable[[str], bool] = partial(confirmed, yes=options.yes)
    guarded = _explained(invoke, options, hub)
    return replayed(candidates, target, options.image_name, agree, guarded)


def _explained(invoke: Invoker, options: ReplayOptions, hub: Hub) -> Invoker:
    def guarded(event: bytes) -> tuple[bytes, bool]:
        resource = f"function {options.function}"
        with (
            calls("lambda:InvokeFunction", resource, hub.region, "--function"),
            waiting("publishing"),
        ):
            return invoke(event)

    return guarded
