"""Processes a batch of messages: by target, in threads, before the deadline.

A target that accepts connections but does not respond uses a thread for a read time-out. So each
target gets one attempt first; targets that time out get another one after all others.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, HubBrokenError, MalformedError
from services.kernel.hub_session import MAX_THREADS
from services.kernel.model import Request, State, Target
from services.kernel.observability import Log, log_fields
from services.kernel.wire import decode_request
from services.lookup.report import LATE, TIMED_OUT, BatchReport, Outcome
from services.lookup.target import MarkBudget, TargetLookup
from services.lookup.waits import RecentWaits

_ATTEMPTS = 3
"""Attempts at a target that times out: as many as botocore makes for other failures."""
_SECONDS_FOR_ANOTHER = 15.0  # a connect and a read time-out, and the rows
_LOOK_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Message:
    """One delivered queue message."""

    message_id: str
    body: object
    receives: int = 1


Group = Mapping[Request, Sequence[Message]]
"""The distinct requests of one target, each with its messages."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt at some requests of a target, running or waiting for a thread."""

    requests: Mapping[Request, int]
    future: Future[dict[Request, Outcome]]

    @property
    def timed_out(self) -> dict[Request, int]:
        """The requests that timed out, with their receive counts."""
        if not self._succeeded():
            return {}
        outcomes = self.future.result()
        return {r: receives for r, receives in self.requests.items() if outcomes[r].timed_out}

    @property
    def over(self) -> bool:
        """Whether the attempt has a result or an error."""
        return self.future.done() and not self.future.cancelled()

    def _succeeded(self) -> bool:
        return self.over and self.future.exception() is None


@dataclass(slots=True)
class _Batch:
    """The attempts at each target, and those that are running."""

    attempts: dict[Target, list[_Attempt]] = field(default_factory=dict)
    running: dict[Future[dict[Request, Outcome]], Target] = field(default_factory=dict)

    def add(self, target: Target, begun: _Attempt) -> None:
        """Record an attempt."""
        self.attempts.setdefault(target, []).append(begun)
        self.running[begun.future] = target

    def wait(self, seconds: float) -> list[Target]:
        """The targets whose attempt ended within that time, in the order of the attempts."""
        done, _ = wait(self.running, timeout=seconds)
        return [self.running.pop(future) for future in list(self.running) if future in done]


class Worker:
    """Finds the current image of each requested pair and commits changes."""

    def __init__(
        self,
        target_lookup: TargetLookup,
        log: Log,
        shuffle: Callable[[list[Target]], None] = random.shuffle,
        waits: RecentWaits | None = None,
    ) -> None:
        self._target_lookup = target_lookup
        self._log = log
        self._shuffle = shuffle
        self._waits = waits or RecentWaits()

    def work(self, messages: Sequence[Message], deadline: Deadline) -> BatchReport:
        """Process the messages; those not finished at the deadline count as failed.

        Raises:
            HubBrokenError: the hub's table cannot be used.
        """
        report = BatchReport()
        groups = self._groups(messages, report)
        attempts = self._check(groups, deadline)
        for target, group in groups.items():
            self._collect(target, group, attempts[target], report)
        return report

    def _check(
        self, groups: Mapping[Target, Group], deadline: Deadline
    ) -> Mapping[Target, Sequence[_Attempt]]:
        """The attempts at each target until all had ended or the deadline passed."""
        batch, budget = _Batch(), MarkBudget()
        pool = ThreadPoolExecutor(max_workers=min(MAX_THREADS, max(1, len(groups))))
        try:
            for target in self._turns(groups):
                requests = _receives(groups[target])
                future = pool.submit(
                    self._target_lookup.look_up, target, requests, deadline, budget
                )
                batch.add(target, _Attempt(requests, future))
            while batch.running and (left := deadline.seconds_to_answer()) > 0:
                for target in batch.wait(min(left, _LOOK_EVERY_SECONDS)):
                    timed_out = batch.attempts[target][-1].timed_out
                    self._waits.note(target, waited=bool(timed_out))
                    if timed_out and len(batch.attempts[target]) < _ATTEMPTS:
                        future = pool.submit(self._check_again, target, timed_out, deadline, budget)
                        batch.add(target, _Attempt(timed_out, future))
        finally:
            for target in batch.running.values():
                held_a_thread = batch.attempts[target][-1].future.running()
                self._waits.note(target, waited=held_a_thread or len(batch.attempts[target]) > 1)
            pool.shutdown(wait=False, cancel_futures=True)
        return batch.attempts

    def _turns(self, groups: Mapping[Target, Group]) -> list[Target]:
        """The targets in random order, with those that timed out recently at the end.

        In a fixed order, targets that do not respond would always delay the same other targets.
        """
        targets = list(groups)
        self._shuffle(targets)
        return self._waits.last(targets)

    def _check_again(
        self,
        target: Target,
        requests: Mapping[Request, int],
        deadline: Deadline,
        budget: MarkBudget,
    ) -> dict[Request, Outcome]:
        """Another attempt, if there is enough time left when it starts."""
        if deadline.seconds_left() < _SECONDS_FOR_ANOTHER:
            return dict.fromkeys(requests, TIMED_OUT)
        return self._target_lookup.look_up(target, requests, deadline, budget, again=True)

    def _groups(self, messages: Sequence[Message], report: BatchReport) -> dict[Target, Group]:
        groups: dict[Target, dict[Request, list[Message]]] = defaultdict(lambda: defaultdict(list))
        for message in messages:
            try:
                request = decode_request(message.body)
            except MalformedError as error:
                self._log.error("message malformed", extra={"problem": str(error)})
                report.malformed += 1
                report.failed_messages.append(message.message_id)
            else:
                groups[request.target][request].append(message)
        return dict(groups)

    def _collect(
        self, target: Target, group: Group, attempts: Sequence[_Attempt], report: BatchReport
    ) -> None:
        with log_fields(round=max(request.round for request in group)):
            outcomes = self._outcomes(target, group, attempts)
        for request, messages in group.items():
            outcome = outcomes[request]
            report.add(target, outcome)
            if outcome.again:
                report.failed_messages.extend(message.message_id for message in messages)

    def _outcomes(
        self, target: Target, group: Group, attempts: Sequence[_Attempt]
    ) -> Mapping[Request, Outcome]:
        """The outcome of each request, from the last attempt that ended."""
        found: dict[Request, Outcome] = {}
        for each in attempts:
            if each.over:
                found |= self._result(target, each)
        if not found:
            self._log.error("target not finished in time", extra=target.fields())
        return dict.fromkeys(group, LATE) | found

    def _result(self, target: Target, ended: _Attempt) -> Mapping[Request, Outcome]:
        try:
            return ended.future.result()
        except HubBrokenError:
            raise
        except CallFailedError as error:
            self._log.warning("table busy", extra={**target.fields(), "problem": str(error)})
            return dict.fromkeys(ended.requests, Outcome(error.failure.state, again=True))
        except Exception:  # noqa: BLE001 - a bug in one target must not affect the others
            self._log.exception("target failed unexpectedly", extra=target.fields())
            return dict.fromkeys(ended.requests, Outcome(State.TRANSIENT, again=True))


def _receives(group: Group) -> dict[Request, int]:
    """The receive count of each request: the highest of its messages."""
    return {request: max(m.receives for m in messages) for request, messages in group.items()}
