"""A lookup's results for people and programs: each trial with warnings, advice and commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from services.console.lookup.access import Access
from services.console.lookup.advice import advice
from services.console.lookup.aws_cli import (
    Command,
    filter_command,
    image_command,
    list_command,
    parameter_command,
)
from services.console.lookup.first_pages import PageSource
from services.console.lookup.reasons import reasons
from services.console.lookup.run import in_threads
from services.console.lookup.trial import Trial
from services.console.lookup.warnings import differences, warnings
from services.kernel.model import FilterLookup, ParameterLookup, State
from services.lookup.explain import FilterExplanation, ParameterExplanation, Verdict

MAX_SEARCHES = 5
"""Images for which the reason is searched: filters need several calls, and many hints are noise."""


@dataclass(frozen=True, slots=True)
class Result:
    """A trial, and what people do next."""

    trial: Trial
    warnings: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All results; `differences` has the regions of each AMI name, if an image has several."""

    results: Sequence[Result]
    access: Access
    moment: datetime
    differences: Mapping[str, Mapping[str, Sequence[str]]]

    @property
    def complete(self) -> bool:
        """Whether every lookup found an image."""
        return all(result.trial.failure is None for result in self.results)


def report(
    trials: Sequence[Trial],
    access: Access,
    pages: PageSource,
    known_paths: Callable[[], Iterable[str]],
    moment: datetime,
) -> Report:
    """The report of the trials; calls EC2 about the first images that were not found."""
    paths = _existing(trials, known_paths)
    searched = _to_search(trials)
    searched = _to_search(trials)
    found = in_threads([partial(reasons, trial, pages, paths) for trial in searched], "searching")
    of_trial = dict(zip(map(id, searched), found, strict=True))
    results = [
        Result(
            trial=trial,
            warnings=tuple(warnings(trial, moment)),
            hints=(*_advice(trial, access), *of_trial.get(id(trial), ())),
            commands=tuple(_commands(trial, moment)),
        )
        for trial in trials
    ]
    return Report(results, access, moment, differences(trials))


def _existing(trials: Sequence[Trial], known_paths: Callable[[], Iterable[str]]) -> frozenset[str]:
    """The known parameters that can be suggested; they are read only if they are needed."""
    missing = {
        lookup.parameter_path
        for trial in trials
        if _is_unknown(trial) and isinstance(lookup := trial.image.lookup, ParameterLookup)
    }
    return frozenset(known_paths()) - missing if missing else frozenset()


def _to_search(trials: Sequence[Trial]) -> list[Trial]:
    """The first trial of each of the first images that were not found, by filters or parameter."""
    first: dict[str, Trial] = {}
    for trial in filter(_is_unknown, trials):
        first.setdefault(trial.image.name, trial)
    by_filters = [each for each in first.values() if isinstance(each.image.lookup, FilterLookup)]
    others = [each for each in first.values() if isinstance(each.image.lookup, ParameterLookup)]
    return [*by_filters[:MAX_SEARCHES], *others[:MAX_SEARCHES]]


def _advice(trial: Trial, access: Access) -> Iterator[str]:
    sentence = advice(trial.failure, trial.target, access) if trial.failure else None
    if sentence:
        yield sentence


def _commands(trial: Trial, moment: datetime) -> Iterator[Command]:
    match trial.image.lookup, trial.explanation:
        case ParameterLookup() as lookup, explanation:
            yield parameter_command(lookup, trial.target)
            if isinstance(explanation, ParameterExplanation) and explanation.image_id:
                yield image_command(explanation.image_id, trial.target)
            if _is_unknown(trial) and not lookup.parameter_path.startswith("arn:"):
                yield list_command(lookup.parameter_path, trial.target)
        case FilterLookup() as lookup, explanation:
            deprecated = _all_deprecated(explanation)
            command = filter_command(lookup, trial.target, moment, all_deprecated=deprecated)
            ignores = "it does not consider the known image" if trial.pair.known else ""
            yield replace(command, differs="; ".join(filter(None, (command.differs, ignores))))


def _is_unknown(trial: Trial) -> bool:
    return trial.failure is not None and trial.failure.state is State.NOT_FOUND


def _all_deprecated(explanation: object) -> bool:
    return isinstance(explanation, FilterExplanation) and any(
        each.verdict is Verdict.NEWEST_DEPRECATED for each in explanation.candidates
    )
