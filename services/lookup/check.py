"""Checks the requested images of one target: read, look up, decide, commit, in this order.

Rows are read before the source is asked, so an answer can only be committed over the version that
was known before it: that is what makes redelivery and overlap harmless.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, assert_never

from services.kernel.errors import CallFailedError, Failure, State, failure
from services.kernel.model import (
    FilterLookup,
    Observation,
    Pair,
    ParameterLookup,
    Release,
    Request,
    Target,
)
from services.kernel.observe import Log
from services.kernel.runtime import Deadline, now, timestamp
from services.kernel.wire import lookup_digest
from services.lookup.decide import Changed, Confirmed, decide
from services.lookup.observations import Commit
from services.lookup.report import DROPPED, LATE, Outcome
from services.lookup.resolve import Ami, launchable, newest, parameter_image_id

Answer = Observation | Failure


class Rows(Protocol):
    """What the worker needs of the table; `Observations` over DynamoDB, a fake in tests."""

    def read(
        self, target: Target, names: Sequence[str], *, consistent: bool = False
    ) -> dict[str, Pair | Failure]:
        """The pairs that have a row."""
        ...

    def history(self, pair: Pair) -> frozenset[str]:
        """The image ids of the pair's releases."""
        ...

    def commit(self, pair: Pair, release: Release) -> Commit:
        """Write a release over the version that was read."""
        ...

    def confirm(self, pair: Pair) -> None:
        """Note that an edited lookup gives the known image."""
        ...

    def mark(self, pair: Pair, problem: Failure | None, moment: datetime) -> None:
        """Write the pair's state."""
        ...

    def count(self, target: Target, round_: str, checked: int, failed: int) -> None:
        """Add to the counters of the target's round."""
        ...


class Facts(Protocol):
    """What the worker asks of a target; `Sources` over SSM and EC2, a fake in tests."""

    def enter(self, target: Target) -> None:
        """Assume the target's role."""
        ...

    def parameters(
        self, target: Target, paths: Sequence[str]
    ) -> Mapping[str, str | Failure | None]:
        """Each parameter's value."""
        ...

    def matching(
        self, target: Target, lookups: Sequence[FilterLookup]
    ) -> Mapping[FilterLookup, list[Ami] | Failure]:
        """The images that pass each lookup."""
        ...

    def images(
        self, target: Target, image_ids: Sequence[str]
    ) -> Mapping[str, Ami | Failure | None]:
        """Each image as the target sees it."""
        ...


class Checker:
    """Looks pairs up and commits what changed, one target at a time."""

    def __init__(
        self,
        rows: Rows,
        facts: Facts,
        log: Log,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._rows = rows
        self._facts = facts
        self._log = log
        self._clock = clock

    def check(
        self, target: Target, requests: Sequence[Request], deadline: Deadline
    ) -> dict[Request, Outcome]:
        """How each request ended; what the deadline cuts off is to be tried again.

        Raises:
            HubBrokenError: our own table cannot be used.
            CallFailedError: our own table is busy.
        """
        pairs, outcomes = self._live(target, requests)
        answers = self._look_up(target, pairs) if pairs else {}
        rounds = {r.image_name: r.round for r in requests}
        settled = {
            name: LATE if deadline.passed() else self._settle(pair, answers[name], rounds[name])
            for name, pair in pairs.items()
        }
        outcomes |= {r: settled[r.image_name] for r in requests if r not in outcomes}
        self._count(target, outcomes)
        return outcomes

    def _live(
        self, target: Target, requests: Sequence[Request]
    ) -> tuple[dict[str, Pair], dict[Request, Outcome]]:
        """The pairs to look up, and the requests that are settled without."""
        found = self._rows.read(target, [r.image_name for r in requests])
        doubtful = [r.image_name for r in requests if not _meant(r, found.get(r.image_name))]
        if doubtful:  # a row that was written a moment ago may be missing from the first read
            found |= self._rows.read(target, doubtful, consistent=True)
        pairs: dict[str, Pair] = {}
        outcomes: dict[Request, Outcome] = {}
        for request in requests:
            match found.get(request.image_name):
                case Failure() as broken:
                    outcomes[request] = Outcome(broken.state, again=True)
                case Pair() as pair if _meant(request, pair):
                    pairs[request.image_name] = pair
                case _:
                    outcomes[request] = DROPPED
        return pairs, outcomes

    def _look_up(self, target: Target, pairs: Mapping[str, Pair]) -> dict[str, Answer]:
        try:
            self._facts.enter(target)
        except CallFailedError as error:
            return dict.fromkeys(pairs, error.failure)
        by_parameter = {n: p for n, p in pairs.items() if isinstance(p.lookup, ParameterLookup)}
        by_filters = {n: p for n, p in pairs.items() if isinstance(p.lookup, FilterLookup)}
        return {**self._by_parameter(target, by_parameter), **self._by_filters(target, by_filters)}

    def _by_parameter(self, target: Target, pairs: Mapping[str, Pair]) -> dict[str, Answer]:
        paths = {
            n: p.lookup.parameter_path
            for n, p in pairs.items()
            if isinstance(p.lookup, ParameterLookup)
        }
        values = self._facts.parameters(target, list(paths.values())) if paths else {}
        named = {name: _named_image(path, values[path]) for name, path in paths.items()}
        unseen = [i for n, i in named.items() if isinstance(i, str) and not _knows(pairs[n], i)]
        visible = self._facts.images(target, unseen) if unseen else {}
        return {name: _current(pairs[name], found, visible) for name, found in named.items()}

    def _by_filters(self, target: Target, pairs: Mapping[str, Pair]) -> dict[str, Answer]:
        lookups = {n: p.lookup for n, p in pairs.items() if isinstance(p.lookup, FilterLookup)}
        found = self._facts.matching(target, list(lookups.values())) if lookups else {}
        moment = timestamp(self._clock())
        return {name: _newest(found[lookup], lookup, moment) for name, lookup in lookups.items()}

    # --- what an answer does to its pair

    def _settle(self, pair: Pair, answer: Answer, round_: str) -> Outcome:
        if isinstance(answer, Failure):
            return self._fail(pair, answer)
        changed = pair.known is None or answer.image_id != pair.known.image_id
        past = self._rows.history(pair) if changed and pair.version else frozenset()
        detected_at = timestamp(self._clock())
        decision = decide(pair, answer, past, detected_at=detected_at, round_=round_)
        if isinstance(decision, Changed):
            return self._commit(pair, decision.release)
        if isinstance(decision, Confirmed):
            self._rows.confirm(pair)
        if pair.state != State.OK:
            self._rows.mark(pair, None, self._clock())
            self._log.info("pair answers again", extra={**_where(pair), "was": pair.state})
        return Outcome(State.OK)

    def _fail(self, pair: Pair, problem: Failure) -> Outcome:
        if pair.state != problem.state:
            self._rows.mark(pair, problem, self._clock())
            self._log.warning(
                "pair has no fresh answer",
                extra={
                    **_where(pair),
                    "state": problem.state,
                    "code": problem.code,
                    "detail": problem.detail,
                },
            )
        return Outcome(problem.state, again=problem.retryable)

    def _commit(self, pair: Pair, release: Release) -> Outcome:
        match self._rows.commit(pair, release):
            case Commit.DONE:
                self._log.info(
                    "release committed",
                    extra={
                        **_where(pair),
                        "kind": release.kind,
                        "version": release.version,
                        "image_id": release.observed.image_id,
                        "event_id": release.event_id,
                        "previous_image_id": release.previous_image_id,
                    },
                )
                return Outcome(State.OK, kind=release.kind)
            case Commit.DROPPED:
                return DROPPED
            case Commit.OVERTAKEN:
                return Outcome(State.TRANSIENT, again=True)
            case never:
                assert_never(never)

    def _count(self, target: Target, outcomes: Mapping[Request, Outcome]) -> None:
        checked: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for request, outcome in outcomes.items():
            if outcome.state is not None:
                checked[request.round] += 1
                failed[request.round] += outcome.state is not State.OK
        for round_ in checked:
            self._rows.count(target, round_, checked[round_], failed[round_])


def _meant(request: Request, pair: Pair | Failure | None) -> bool:
    """Whether the row still is what the message was made from."""
    if not isinstance(pair, Pair):
        return False
    return pair.active and pair.lookup_digest == lookup_digest(request.lookup)


def _named_image(path: str, value: str | Failure | None) -> str | Failure:
    if value is None:
        return failure(State.NOT_FOUND, "ParameterNotFound", f"there is no parameter {path} here")
    return value if isinstance(value, Failure) else parameter_image_id(value)


def _knows(pair: Pair, image_id: str) -> bool:
    return pair.known is not None and pair.known.image_id == image_id


def _current(
    pair: Pair, named: str | Failure, visible: Mapping[str, Ami | Failure | None]
) -> Answer:
    if isinstance(named, Failure):
        return named
    if pair.known is not None and pair.known.image_id == named:
        return pair.known
    seen = visible[named]
    return seen if isinstance(seen, Failure) else launchable(named, seen)


def _newest(found: list[Ami] | Failure, lookup: FilterLookup, moment: str) -> Answer:
    return found if isinstance(found, Failure) else newest(found, lookup.exclude_names, moment)


def _where(pair: Pair) -> dict[str, str]:
    return {
        "image_name": pair.image_name,
        "region": pair.target.region,
        "account_id": pair.target.account_id,
    }
