"""Everything about one result of `ami-tracker lookup`, as text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from services.console.render.writer import counted
from services.kernel.model import FilterLookup, OrderBy
from services.kernel.wire import timestamp
from services.lookup.decide import Changed
from services.lookup.explain import FilterExplanation, ParameterExplanation
from services.lookup.resolve import deprecated

if TYPE_CHECKING:
    from services.console.lookup.report import Result
    from services.console.lookup.trial import Trial
    from services.console.render.writer import Writer
    from services.lookup.explain import Candidate

_EXCLUDED = 5
_ORDERS = {
    OrderBy.DATE: "creation date, then name",
    OrderBy.RELEASE: "release, then creation date",
}


def print_details(writer: Writer, result: Result, moment: datetime, top: int) -> None:
    """Print a result: the image, why it was chosen, facts, warnings, and commands."""
    trial = result.trial
    writer.sentence(f"{trial.image.name} in {trial.target}", style="bold")
    writer.table(_properties(trial), "  ")
    match trial.explanation:
        case ParameterExplanation() as found:
            _section(writer, "Why")
            writer.sentence(_parameter(found), "  ")
        case FilterExplanation() as found:
            _print_filters(writer, found, moment, top)
    if trial.pair.known:
        _section(writer, f"Known image {trial.pair.known.image_id}")
        writer.sentence(_known(trial), "  ")
    if trial.about.facts:
        _section(writer, "Facts")
        writer.table([(name, str(fact)) for name, fact in trial.about.facts.items()], "  ")
    for sentence in result.warnings:
        writer.sentence(f"warning: {sentence}", style="yellow")
    for sentence in result.hints:
        writer.sentence(f"hint: {sentence}")
    _print_commands(writer, result)


def _section(writer: Writer, title: str) -> None:
    writer.line(f"{title}:")


def _properties(trial: Trial) -> Iterator[tuple[str, str]]:
    seen, failure = trial.observed, trial.failure
    if failure is not None:
        yield "error", f"{failure.state}: {failure.code}: {failure.detail}"
    if seen is not None:
        yield "AMI id", seen.image_id
        yield "AMI name", seen.ami_name or "-"
        yield "created", seen.creation_date or "-"
    if trial.about.release:
        yield "release", trial.about.release
    if trial.about.notes_url:
        yield "notes", trial.about.notes_url


def _parameter(found: ParameterExplanation) -> str:
    if found.value is None:
        return f"the parameter {found.path} does not exist here"
    about = [f"version {found.value.version}"] if found.value.version is not None else []
    if found.value.modified:
        about.append(f"changed {timestamp(found.value.modified)}")
    begin = f"the parameter {found.path} ({', '.join(about)})"
    if found.image_id is None:
        return f"{begin} does not name an image"
    state = found.image.state if found.image else "not visible"
    return f"{begin} names {found.image_id}, which is {state} here"


def _print_filters(writer: Writer, found: FilterExplanation, moment: datetime, top: int) -> None:
    count = len(found.candidates)
    writer.sentence(
        f"Why: {counted(count, 'candidate')} by {_ORDERS[found.order_by]}, the newest first; "
        f"{len(found.excluded):,} excluded by name; {counted(found.pages, 'page')}"
    )
    for candidate in found.candidates[:top]:
        _print_candidate(writer, candidate, moment)
    chosen = next((each for each in found.candidates[top:] if each.chosen), None)
    if count > top:
        writer.line(f"    … and {count - top:,} more (--top)")
    if chosen:
        _print_candidate(writer, chosen, moment)
    for excluded in found.excluded[:_EXCLUDED]:
        name = excluded.image.name or excluded.image.image_id
        writer.sentence(f"excluded by {excluded.pattern}: {name}", "    ")
    if len(found.excluded) > _EXCLUDED:
        writer.line(f"    … and {len(found.excluded) - _EXCLUDED:,} more excluded")


def _print_candidate(writer: Writer, candidate: Candidate, moment: datetime) -> None:
    image = candidate.image
    mark = "*" if candidate.chosen else " "
    verdict = [candidate.verdict.value]
    if deprecated(image, moment) and "deprecated" not in candidate.verdict:
        verdict.append("deprecated")
    if candidate.release:
        verdict.append(f"release {candidate.release}")
    writer.line(
        f"  {mark} {image.image_id:21}  {image.creation_date[:10]:10}  {', '.join(verdict)}"
    )
    writer.line(f"      {image.name or '-'}")


def _known(trial: Trial) -> str:
    match trial.decision:
        case None:
            return "the lookup failed, so the image stays"
        case Changed(release):
            return (
                f"changes to {release.observed.image_id}; kind: {release.kind} "
                f"(without the history in the table{_order(trial)})"
            )
        case _:
            return "stays: the lookup still selects it"


def _order(trial: Trial) -> str:
    if isinstance(trial.image.lookup, FilterLookup):
        return ""
    known, seen = trial.pair.known, trial.observed
    dated = known and known.creation_date and seen and seen.creation_date
    return "" if dated else ", and without both creation dates"


def _print_commands(writer: Writer, result: Result) -> None:
    if not result.commands:
        return
    writer.line("The same with the AWS CLI:")
    for command in result.commands:
        writer.line(f"  {command.text}")
        if command.differs:
            writer.sentence(f"({command.differs})", "  ")
