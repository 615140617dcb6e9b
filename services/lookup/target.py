"""Checks the requested images of one target: read, look up, decide, commit, in this order.

Rows are read before the source is asked, so an answer can only be committed over the version that
was known before it: that is what makes redelivery and overlap harmless.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar, assert_never

from services.kernel.clock import now, timestamp
from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, Failure, HubBrokenError, State, failure
from services.kernel.failures import of_one_call, timed_out
from services.kernel.model import (
    FilterLookup,
    Observation,
    Pair,
    ParameterLookup,
    Release,
    Request,
    Target,
)
from services.kernel.observability import Log, noting
from services.kernel.wire import lookup_digest
from services.lookup.decide import Changed, Confirmed, decide, edited
from services.lookup.observations import Commit
from services.lookup.report import DROPPED, LATE, OVERTAKEN, UNREADABLE, Outcome
from services.lookup.resolve import (
    NO_IMAGE,
    Ami,
    candidates,
    current,
    launchable,
    newest,
    parameter_image_id,
    with_image_id,
)

Answer = Observation | Failure
T = TypeVar("T")
MAX_UNFINISHED_MARKS = 100
_UNFINISHED = {
    State.LATE: failure(State.LATE, "NotFinished", "not finished before the deadline, twice"),
    State.OVERTAKEN: failure(
        State.OVERTAKEN, "RowChanged", "the row changed while the image was looked up, twice"
    ),
}


class Rows(Protocol):
    """What the worker needs of the table; `Observations` over DynamoDB, a fake in tests."""

    def read(
        self, target: Target, names: Sequence[str], *, consistent: bool = False
    ) -> dict[str, Pair | Failure]:
        """The pairs that have a row."""
        ...

    def history(self, pair: Pair) -> tuple[Release, ...]:
        """The pair's last releases, oldest first."""
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

    def heal(self, pair: Pair) -> Release | None:
        """Bring an image row that is behind its releases to the last one of them."""
        ...

    def answered(self, target: Target, numbers: Collection[int]) -> None:
        """Note which pairs had a final outcome."""
        ...


class Facts(Protocol):
    """What the worker asks of a target; `Sources` over SSM and EC2, a fake in tests."""

    def enter(self, target: Target) -> None:
        """Assume the target's role."""
        ...

    def parameters(
        self,
        target: Target,
        paths: Sequence[str],
        denied: Collection[str] = (),
        *,
        images_allowed: bool = False,
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
        requests: Mapping[Request, int],
        deadline: Deadline,
        budget: MarkBudget | None = None,
        *,
        again: bool = False,
    ) -> dict[Request, Outcome]:
        """How each request ended; one that is not finished at the deadline is to be tried again.

        `requests` says how often each was received; `budget` is shared by the targets of a batch.

        `again` says that the target timed out in this batch: it is asked in the same order.

        Raises:
            HubBrokenError: our own table cannot be used.
            CallFailedError: our own table is busy.
        """
        with noting(round=max(request.round for request in requests)):
            return self._check(target, requests, deadline, budget or MarkBudget(), again=again)

    def _check(
        self,
        target: Target,
        requests: Mapping[Request, int],
        deadline: Deadline,
        budget: MarkBudget,
        *,
        again: bool,
    ) -> dict[Request, Outcome]:
        pairs, outcomes = self._live(target, list(requests))
        rounds = {r.image_name: r.round for r in requests}
        settled = dict.fromkeys(pairs, LATE)
        if not again:
            self._decide_order(target, pairs.values())
        answers = self._answers(target, pairs)
        # Each answer is settled before the next is asked for: what a slow target still gives in
        # time counts, and its messages need not come back.
        while not deadline.passed() and (found := next(answers, None)) is not None:
            name, answer = found
            with noting(round=rounds[name]):
                settled[name] = self._settle_alone(pairs[name], answer, rounds[name])
        outcomes |= {r: settled[r.image_name] for r in requests if r not in outcomes}
        self._note_answered(target, pairs, outcomes)
        # A batch can hold several messages of a pair, of which only some were received before.
        again_late = {
            request.image_name
            for request, received in requests.items()
            if received > 1 and outcomes[request] in {LATE, OVERTAKEN}
        }
        self._note_unfinished(target, pairs, settled, again_late, budget)
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
                    self._log.error("row malformed", extra={"problem": broken.detail})
                    outcomes[request] = UNREADABLE
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
        seen = self._facts.images(target, ids) if (ids := _to_see_first(pairs)) else {}
        if refused := _refuses_target(seen.values()):
            yield from dict.fromkeys(pairs, refused).items()
            return
        walks = [self._by_parameter(target, pairs, seen), self._by_filters(target, pairs)]
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
        self,
        target: Target,
        pairs: Mapping[str, Pair],
        seen: Mapping[str, Ami | Failure | None],
    ) -> Iterator[tuple[str, Answer]]:
        """What is unchanged and `seen` at once; the rest when one more call has shown its images.

        DescribeImages is eventually consistent, so a known image that it does not show is asked for
        a second time, together with the images that are new.
        """
        names = defaultdict(list)
        for name, pair in pairs.items():
            if isinstance(pair.lookup, ParameterLookup):
                names[pair.lookup.parameter_path].append(name)
        denied = {p for p, of in names.items() if any(_was_denied(pairs[name]) for name in of)}
        unseen: dict[str, str] = {}
        values = self._facts.parameters(target, list(names), denied, images_allowed=bool(seen))
        for path, value in values:
            for name in names[path]:
                answer = self._read(pairs[name], lambda: _named_image(path, value, seen))  # noqa: B023 - called at once
                if isinstance(answer, str):
                    unseen[name] = answer
                else:
                    yield name, answer
        visible = self._facts.images(target, list(unseen.values())) if unseen else {}
        for name, image_id in unseen.items():
            pair, image = pairs[name], visible[image_id]
            yield name, self._read(pair, lambda: _shown(pair, image_id, image))  # noqa: B023 - called at once

    def _by_filters(
        self, target: Target, pairs: Mapping[str, Pair]
    ) -> Iterator[tuple[str, Answer]]:
        names = defaultdict(list)
        for name, pair in pairs.items():
            if isinstance(pair.lookup, FilterLookup):
                names[pair.lookup].append(name)
        for lookup, found in self._facts.matching(target, list(names)):
            for name in names[lookup]:
                pair = pairs[name]
                yield name, self._read(pair, lambda: self._newest(pair, lookup, found))  # noqa: B023 - called at once

    def _read(self, pair: Pair, read: Callable[[], T]) -> T | Failure:
        """What an answer says about a pair; an unexpected one does not affect other pairs."""
        try:
            return read()
        except Exception as error:  # noqa: BLE001 - the boundary of a pair
            self._log.exception("pair failed unexpectedly", extra=_where(pair))
            return failure(State.TRANSIENT, type(error).__name__, "the answer cannot be read")

    def _newest(self, pair: Pair, lookup: FilterLookup, found: list[Ami] | Failure) -> Answer:
        if isinstance(found, Failure):
            return found
        moment = timestamp(self._clock())
        shown = candidates(lookup, found)
        if pair.known is None or edited(pair):
            return newest(shown, (), moment)
        if answer := current(shown, pair.known, moment):
            return answer
        # DescribeImages is eventually consistent: one list may lack an image that is still there.
        # Asked for by its id, with the same filters, it is either shown or really gone.
        asked = with_image_id(lookup, pair.known.image_id)
        for _, again in self._facts.matching(pair.target, [asked]) if asked else ():
            if isinstance(again, Failure):
                return again
            shown += candidates(lookup, again)
        return current(shown, pair.known, moment) or newest(shown, (), moment)

    # --- what an answer does to its pair

    def _settle_alone(self, pair: Pair, answer: Answer, round_: str) -> Outcome:
        """How the pair ended; whatever is wrong with its rows does not affect other pairs."""
        try:
            return self._settle(pair, answer, round_)
        except HubBrokenError:
            raise
        except CallFailedError as error:
            self._log.warning("row not written", extra={**_where(pair), "problem": str(error)})
            return Outcome(error.failure.state, again=True)
        except Exception:  # noqa: BLE001 - the boundary of a pair
            self._log.exception("pair failed unexpectedly", extra=_where(pair))
            return Outcome(State.TRANSIENT, again=True)

    def _settle(self, pair: Pair, answer: Answer, round_: str) -> Outcome:
        if isinstance(answer, Failure):
            return self._fail(pair, answer)
        changed = pair.known is None or answer.image_id != pair.known.image_id
        past = self._rows.history(pair) if changed and pair.version else ()
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
        if (pair.state, pair.code) != (problem.state, problem.code):
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
                return OVERTAKEN
            case Commit.BEHIND:
                return self._heal(pair)
            case never:
                assert_never(never)

    def _heal(self, pair: Pair) -> Outcome:
        """Repair an image row that is behind its releases; the message comes back and finds it."""
        last = self._rows.heal(pair)
        if last is None:
            problem = f"release row {pair.version + 1} exists, but cannot be decoded"
            self._log.error("row malformed", extra={**_where(pair), "problem": problem})
            return UNREADABLE
        versions = {"version": pair.version, "last_release": last.version}
        self._log.warning("image row was behind its releases", extra={**_where(pair), **versions})
        return OVERTAKEN

    # --- what is noted once for the whole target

    def _note_answered(
        self, target: Target, pairs: Mapping[str, Pair], outcomes: Mapping[Request, Outcome]
    ) -> None:
        final = {request.image_name for request, outcome in outcomes.items() if outcome.final}
        numbers = {number for name in final if (number := pairs[name].number)}
        if not numbers:
            return
        try:
            self._rows.answered(target, numbers)
        except CallFailedError as error:
            extra = {**target.fields(), "problem": str(error)}
            self._log.warning("answers not noted", extra=extra)

    def _note_unfinished(
        self,
        target: Target,
        pairs: Mapping[str, Pair],
        settled: Mapping[str, Outcome],
        before: Collection[str],
        budget: MarkBudget,
    ) -> None:
        """Log what comes back, and show in its row what came back before."""
        unfinished = {name: o.state for name, o in settled.items() if o in {LATE, OVERTAKEN}}
        if not unfinished:
            return
        counts = Counter(str(state) for state in unfinished.values())
        self._log.warning("lookups not finished", extra={**target.fields(), **counts})
        for name, state in unfinished.items():
            if state and name in before and pairs[name].state != state and budget.take():
                self._mark_unfinished(pairs[name], state)

    def _mark_unfinished(self, pair: Pair, state: State) -> None:
        try:
            self._rows.mark(pair, _UNFINISHED[state], self._clock())
        except CallFailedError as error:
            self._log.warning("row not written", extra={**_where(pair), "problem": str(error)})


class MarkBudget:
    """How many rows a batch may still mark as unfinished: time is short then."""

    def __init__(self, marks: int = MAX_UNFINISHED_MARKS) -> None:
        self._left = marks
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether another row may be marked."""
        with self._lock:
            self._left -= 1
            return self._left >= 0


def _meant(request: Request, pair: Pair | Failure | None) -> bool:
    """Whether the row still is what the message was made from."""
    if not isinstance(pair, Pair):
        return False
    return pair.active and pair.lookup_digest == lookup_digest(request.lookup)


def _to_see_first(pairs: Mapping[str, Pair]) -> Sequence[str]:
    """The known images behind parameters; any id where all pairs are denied, to ask EC2 first."""
    by_parameter = [each for each in pairs.values() if isinstance(each.lookup, ParameterLookup)]
    known = sorted({each.known.image_id for each in by_parameter if each.known})
    all_denied = bool(by_parameter) and all(map(_was_denied, pairs.values()))
    return known or ([NO_IMAGE] if all_denied else [])


def _was_denied(pair: Pair) -> bool:
    return pair.state == State.ACCESS_DENIED


def _refuses_target(answers: Iterable[object]) -> Failure | None:
    """The answer of EC2 that every pair of the target shares, since each needs DescribeImages."""
    lasting = {State.ACCESS_DENIED, State.REGION_DISABLED}
    failures = (each for each in answers if isinstance(each, Failure) and not of_one_call(each))
    return next((each for each in failures if each.retryable or each.state in lasting), None)


def _named_image(
    path: str, value: str | Failure | None, seen: Mapping[str, Ami | Failure | None]
) -> Answer | str:
    """The pair's answer, or the id of an image that EC2 has not shown yet."""
    if value is None:
        return failure(State.NOT_FOUND, "ParameterNotFound", f"there is no parameter {path} here")
    named = value if isinstance(value, Failure) else parameter_image_id(value)
    if isinstance(named, Failure):
        return named
    shown = seen.get(named)
    if isinstance(shown, Failure):
        return shown
    answer = launchable(named, shown)
    return named if isinstance(answer, Failure) else answer


def _shown(pair: Pair, image_id: str, visible: Ami | Failure | None) -> Answer:
    """The pair's answer, once EC2 was asked about the image that its parameter names."""
    if isinstance(visible, Failure):
        return visible
    known = pair.known is not None and pair.known.image_id == image_id
    return launchable(image_id, visible, known=known)


def _where(pair: Pair) -> dict[str, str]:
    return {
        "image_name": pair.image_name,
        **pair.target.fields(),
    }
