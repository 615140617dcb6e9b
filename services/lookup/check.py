"""Checks the requested images of one target: read, look up, decide, commit, in this order.

Rows are read before the source is asked, so an answer can only be committed over the version that
was known before it: that is what makes redelivery and overlap harmless.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol, assert_never

from services.kernel.errors import CallFailedError, Failure, State, failure
from services.kernel.failures import timed_out
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
from services.lookup.decide import Changed, Confirmed, decide, looks_withdrawn
from services.lookup.observations import Commit
from services.lookup.report import DROPPED, LATE, Outcome
from services.lookup.resolve import (
    Ami,
    as_asked,
    launchable,
    newest,
    parameter_image_id,
    with_image_id,
)

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
    ) -> Iterator[tuple[str, str | Failure | None]]:
        """Each parameter's value, asked for as it is taken."""
        ...

    def matching(
        self, target: Target, lookups: Sequence[FilterLookup]
    ) -> Iterator[tuple[FilterLookup, list[Ami] | Failure]]:
        """The images that pass each lookup, asked for as they are taken."""
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
        self._filters_first: set[Target] = set()

    def check(
        self,
        target: Target,
        requests: Sequence[Request],
        deadline: Deadline,
        *,
        again: bool = False,
    ) -> dict[Request, Outcome]:
        """How each request ended; what the deadline cuts off is to be tried again.

        `again` says that the target timed out in this batch: it is asked in the same order.

        Raises:
            HubBrokenError: our own table cannot be used.
            CallFailedError: our own table is busy.
        """
        pairs, outcomes = self._live(target, requests)
        rounds = {r.image_name: r.round for r in requests}
        settled = dict.fromkeys(pairs, LATE)
        if not again:
            self._decide_order(target, pairs.values())
        answers = self._answers(target, pairs)
        # Each answer is settled before the next is asked for: what a slow target still gives in
        # time counts, and its messages need not come back.
        while not deadline.passed() and (found := next(answers, None)) is not None:
            name, answer = found
            settled[name] = self._settle_alone(pairs[name], answer, rounds[name])
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

    def _answers(self, target: Target, pairs: Mapping[str, Pair]) -> Iterator[tuple[str, Answer]]:
        """Each pair's answer, with the call behind it made when the answer is taken."""
        if not pairs:
            return
        try:
            self._facts.enter(target)
        except CallFailedError as error:
            yield from dict.fromkeys(pairs, error.failure).items()
            return
        walks = [self._by_parameter(target, pairs), self._by_filters(target, pairs)]
        if target in self._filters_first:
            walks.reverse()
        for walk in walks:
            yield from walk

    def _decide_order(self, target: Target, pairs: Iterable[Pair]) -> None:
        """Ask EC2 first where SSM did not answer the last time.

        A time-out ends the visit, so an SSM that hangs would keep EC2 from being asked every time.
        """
        by_parameter = (pair for pair in pairs if isinstance(pair.lookup, ParameterLookup))
        if any(pair.state == State.TRANSIENT for pair in by_parameter):
            self._filters_first.add(target)
        else:
            self._filters_first.discard(target)

    def _by_parameter(
        self, target: Target, pairs: Mapping[str, Pair]
    ) -> Iterator[tuple[str, Answer]]:
        """What is unchanged at once; what changed when one call has told which images are seen."""
        names = defaultdict(list)
        for name, pair in pairs.items():
            if isinstance(pair.lookup, ParameterLookup):
                names[pair.lookup.parameter_path].append(name)
        changed: dict[str, str] = {}
        for path, value in self._facts.parameters(target, list(names)):
            for name in names[path]:
                answer = _named_image(pairs[name], path, value)
                if isinstance(answer, str):
                    changed[name] = answer
                else:
                    yield name, answer
        visible = self._facts.images(target, list(changed.values())) if changed else {}
        for name, image_id in changed.items():
            seen = visible[image_id]
            yield name, seen if isinstance(seen, Failure) else launchable(image_id, seen)

    def _by_filters(
        self, target: Target, pairs: Mapping[str, Pair]
    ) -> Iterator[tuple[str, Answer]]:
        names = defaultdict(list)
        for name, pair in pairs.items():
            if isinstance(pair.lookup, FilterLookup):
                names[pair.lookup].append(name)
        for lookup, found in self._facts.matching(target, list(names)):
            for name in names[lookup]:
                yield name, self._newest(pairs[name], lookup, found)

    def _newest(self, pair: Pair, lookup: FilterLookup, found: list[Ami] | Failure) -> Answer:
        if isinstance(found, Failure):
            return found
        moment = timestamp(self._clock())
        answer = newest(as_asked(lookup, found), lookup.exclude_names, moment)
        if isinstance(answer, Failure) or not looks_withdrawn(pair, answer):
            return answer
        # DescribeImages is eventually consistent: one list may lack an image that is still there.
        # Asked for by its id, beside the same filters, it is either shown or really gone.
        asked = with_image_id(lookup, pair.known.image_id) if pair.known else None
        for _, again in self._facts.matching(pair.target, [asked]) if asked else ():
            if isinstance(again, Failure):
                return again
            answer = newest(as_asked(lookup, [*found, *again]), lookup.exclude_names, moment)
        return answer

    # --- what an answer does to its pair

    def _settle_alone(self, pair: Pair, answer: Answer, round_: str) -> Outcome:
        """How the pair ended; a row that cannot be written now costs no other pair anything."""
        try:
            return self._settle(pair, answer, round_)
        except CallFailedError as error:
            self._log.warning("row not written", extra={**_where(pair), "problem": str(error)})
            return Outcome(error.failure.state, again=True)

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
        return Outcome(problem.state, again=problem.retryable, timed_out=timed_out(problem))

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
        """Add to the round's counters: pairs that have an answer, and pairs in a state but ok."""
        checked: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for request, outcome in outcomes.items():
            if outcome.state is not None:
                checked[request.round] += not outcome.again
                failed[request.round] += outcome.state is not State.OK
        for round_ in checked:
            try:
                self._rows.count(target, round_, checked[round_], failed[round_])
            except CallFailedError as error:
                self._log.warning("round not counted", extra={"problem": str(error)})


def _meant(request: Request, pair: Pair | Failure | None) -> bool:
    """Whether the row still is what the message was made from."""
    if not isinstance(pair, Pair):
        return False
    return pair.active and pair.lookup_digest == lookup_digest(request.lookup)


def _named_image(pair: Pair, path: str, value: str | Failure | None) -> Answer | str:
    """The pair's answer, or the id of an image that it does not know yet."""
    if value is None:
        return failure(State.NOT_FOUND, "ParameterNotFound", f"there is no parameter {path} here")
    named = value if isinstance(value, Failure) else parameter_image_id(value)
    if pair.known is not None and pair.known.image_id == named:
        return pair.known
    return named


def _where(pair: Pair) -> dict[str, str]:
    return {
        "image_name": pair.image_name,
        "region": pair.target.region,
        "account_id": pair.target.account_id,
    }
