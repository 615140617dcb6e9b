"""Looks up the requested images of one target: read rows, find images, settle, in this order.

Rows are read before the calls to SSM and EC2, and a commit requires the version that was read. So
redelivery and concurrent lookups are harmless.

Pairs whose rows the table had no capacity to write are settled again after all others.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from services.kernel.clock import now
from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, Failure
from services.kernel.model import (
    Lookup,
    Pair,
    Request,
    State,
    Target,
)
from services.kernel.observability import Log, log_fields
from services.kernel.pace import WritePace
from services.kernel.wire import lookup_digest
from services.lookup.find import Finder, ImageSource
from services.lookup.report import DROPPED, LATE, OVERTAKEN, UNREADABLE, Outcome
from services.lookup.responses import Finding
from services.lookup.settle import Settler, SettlingRows

T = TypeVar("T")

MAX_UNFINISHED_MARKS = 100
_ATTEMPTS = 3  # each with those of botocore
_UNFINISHED = {
    State.LATE: Failure.of(State.LATE, "NotFinished", "not finished before the deadline, twice"),
    State.OVERTAKEN: Failure.of(
        State.OVERTAKEN, "RowChanged", "the row changed while the image was looked up, twice"
    ),
}


class PairRows(SettlingRows, Protocol):
    """The part of the table that lookups use; `Observations` with DynamoDB, a fake in tests."""

    def requested(self, target: Target, lookups: Mapping[str, Lookup]) -> dict[str, Pair | Failure]:
        """The pairs whose row has this lookup, in a read that can lack recent writes."""
        ...

    def read(self, target: Target, names: Sequence[str]) -> dict[str, Pair | Failure]:
        """The pairs that have a row, with all recent writes."""
        ...

    def answered(self, target: Target, numbers: Collection[int]) -> None:
        """Record the pairs that had a final outcome."""
        ...


class TargetLookup:
    """Looks up pairs and commits changes, one target at a time."""

    def __init__(
        self,
        rows: PairRows,
        source: ImageSource,
        log: Log,
        clock: Callable[[], datetime] = now,
        pace: WritePace | None = None,
    ) -> None:
        self._rows = rows
        self._pace = pace or WritePace()
        self._finder = Finder(source, log, clock)
        self._settler = Settler(rows, log, clock, self._pace)
        self._log = log
        self._clock = clock

    def look_up(
        self,
        target: Target,
        requests: Mapping[Request, int],
        deadline: Deadline,
        budget: MarkBudget | None = None,
        *,
        again: bool = False,
    ) -> dict[Request, Outcome]:
        """The outcome of each request; requests not finished at the deadline are redelivered.

        `requests` has the receive count of each; the targets of a batch share `budget`.

        `again` is true if the target timed out in this batch: the order of its calls is kept.

        Raises:
            HubBrokenError: the hub's table cannot be used.
            CallFailedError: the hub's table is busy.
        """
        with log_fields(round=max(request.round for request in requests)):
            return self._look_up(target, requests, deadline, budget or MarkBudget(), again=again)

    def _look_up(
        self,
        target: Target,
        requests: Mapping[Request, int],
        deadline: Deadline,
        budget: MarkBudget,
        *,
        again: bool,
    ) -> dict[Request, Outcome]:
        pairs, outcomes = self._current(target, list(requests), deadline)
        latest = {r.image_name: r for r in sorted(requests, key=lambda r: r.round)}
        settled = dict.fromkeys(pairs, LATE)
        if not again:
            self._finder.decide_order(target, pairs.values())
        answers = self._finder.find(target, pairs)
        busy: deque[tuple[str, Finding]] = deque()
        # Each result is settled before the next call, so results of a slow target before the
        # deadline are kept and their messages are not redelivered.
        while not deadline.passed() and (found := next(answers, None)) is not None:
            name, finding = found
            with log_fields(round=latest[name].round):
                settled[name] = self._settler.settle(pairs[name], finding, latest[name])
            if settled[name].busy:
                busy.append(found)
        settled |= self._settle_busy(target, pairs, latest, busy, deadline)
        outcomes |= {r: settled[r.image_name] for r in requests if r not in outcomes}
        self._note_answered(target, pairs, outcomes, deadline)
        # A batch can have several messages of a pair, and some of them can be redeliveries.
        again_late = {
            request.image_name
            for request, received in requests.items()
            if received > 1 and outcomes[request] in {LATE, OVERTAKEN}
        }
        self._note_unfinished(target, pairs, settled, again_late, budget)
        return outcomes

    def _settle_busy(
        self,
        target: Target,
        pairs: Mapping[str, Pair],
        latest: Mapping[str, Request],
        busy: deque[tuple[str, Finding]],
        deadline: Deadline,
    ) -> dict[str, Outcome]:
        """The outcomes of pairs whose rows could not be written before, at the pace of the table.

        They wait here, since each redelivery takes the visibility timeout and counts as a receive.
        """
        settled: dict[str, Outcome] = {}
        while busy and not deadline.passed():
            begun = self._pace.turn(target.region, deadline.seconds_left())
            if begun is None:
                break
            name, finding = busy.popleft()
            with log_fields(round=latest[name].round):
                settled[name] = self._settler.settle(pairs[name], finding, latest[name], begun)
            if settled[name].busy:
                busy.append((name, finding))
        if busy:
            extra = {**target.fields(), State.THROTTLED: len(busy)}
            self._log.warning("rows not written", extra=extra)
        return settled

    def _current(
        self, target: Target, requests: Sequence[Request], deadline: Deadline
    ) -> tuple[dict[str, Pair], dict[Request, Outcome]]:
        """The pairs to look up, and the outcomes of requests without a lookup."""
        lookups = {r.image_name: r.lookup for r in requests}
        found = self._patiently(target, deadline, lambda: self._rows.requested(target, lookups))
        doubtful = [r.image_name for r in requests if not _is_current(r, found.get(r.image_name))]
        if doubtful:  # the first read can lack recent writes
            found |= self._patiently(target, deadline, lambda: self._rows.read(target, doubtful))
        pairs: dict[str, Pair] = {}
        outcomes: dict[Request, Outcome] = {}
        for request in requests:
            match found.get(request.image_name):
                case Failure() as broken:
                    self._log.error("row malformed", extra={"problem": broken.detail})
                    outcomes[request] = UNREADABLE
                case Pair() as pair if _is_current(request, pair):
                    pairs[request.image_name] = pair
                case _:
                    outcomes[request] = DROPPED
        return pairs, outcomes

    # --- records of the whole target

    def _note_answered(
        self,
        target: Target,
        pairs: Mapping[str, Pair],
        outcomes: Mapping[Request, Outcome],
        deadline: Deadline,
    ) -> None:
        final = {request.image_name for request, outcome in outcomes.items() if outcome.final}
        numbers = {number for name in final if (number := pairs[name].number)}
        if not numbers:
            return
        try:
            self._patiently(target, deadline, lambda: self._rows.answered(target, numbers))
        except CallFailedError as error:
            extra = {**target.fields(), "problem": str(error)}
            self._log.warning("answers not recorded", extra=extra)

    def _patiently(self, target: Target, deadline: Deadline, call: Callable[[], T]) -> T:
        """Call `call`, in a few attempts if the table has no capacity.

        It concerns the whole target, so a failure would send back each of its messages, or make its
        pairs stale.

        Raises:
            CallFailedError: the table failed, or has no capacity.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return call()
            except CallFailedError as error:
                if error.failure.state is not State.THROTTLED:
                    raise
            if self._pace.turn(target.region, deadline.seconds_left()) is None:
                break
        return call()

    def _note_unfinished(
        self,
        target: Target,
        pairs: Mapping[str, Pair],
        settled: Mapping[str, Outcome],
        before: Collection[str],
        budget: MarkBudget,
    ) -> None:
        """Log unfinished pairs, and mark those whose message was received before."""
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
            self._log.warning("row not written", extra={**pair.fields(), "problem": str(error)})


class MarkBudget:
    """The number of rows that a batch can mark as unfinished near its deadline."""

    def __init__(self, marks: int = MAX_UNFINISHED_MARKS) -> None:
        self._left = marks
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether another row can be marked."""
        with self._lock:
            self._left -= 1
            return self._left >= 0


def _is_current(request: Request, pair: Pair | Failure | None) -> bool:
    """Whether the row still has the configuration of the message."""
    if not isinstance(pair, Pair):
        return False
    return pair.active and pair.lookup_digest == lookup_digest(request.lookup)
