"""Works off a batch of messages: target by target, in threads, within the time there is."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from services.kernel.aws import MAX_THREADS
from services.kernel.errors import CallFailedError, HubBrokenError, MalformedError, State
from services.kernel.model import Request, Target
from services.kernel.observe import Log
from services.kernel.runtime import Deadline
from services.kernel.wire import decode_request
from services.lookup.check import Checker, MarkBudget
from services.lookup.report import LATE, Outcome, Report


@dataclass(frozen=True, slots=True)
class Message:
    """One queue message as it was delivered."""

    message_id: str
    body: object
    receives: int = 1


Group = Mapping[Request, Sequence[Message]]
"""The distinct requests of one target, each with the messages that asked for it."""


class Worker:
    """Finds the current image of each requested pair and commits what changed."""

    def __init__(
        self,
        checker: Checker,
        log: Log,
        shuffle: Callable[[list[Target]], None] = random.shuffle,
    ) -> None:
        self._checker = checker
        self._log = log
        self._shuffle = shuffle

    def work(self, messages: Sequence[Message], deadline: Deadline) -> Report:
        """What became of each message; what the deadline cuts off counts as failed.

        Raises:
            HubBrokenError: our own table cannot be used.
        """
        report = Report()
        groups = self._groups(messages, report)
        budget = MarkBudget()
        pool = ThreadPoolExecutor(max_workers=min(MAX_THREADS, max(1, len(groups))))
        try:
            # In any order: targets that hang must not hold up the same others batch after batch.
            targets = list(groups)
            self._shuffle(targets)
            running = {
                pool.submit(
                    self._checker.check, target, _receives(groups[target]), deadline, budget
                ): target
                for target in targets
            }
            wait(running, timeout=deadline.seconds_to_answer())
            for future, target in running.items():
                self._collect(target, groups[target], future, report)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return report

    def _groups(self, messages: Sequence[Message], report: Report) -> dict[Target, Group]:
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
        self,
        target: Target,
        group: Group,
        future: Future[dict[Request, Outcome]],
        report: Report,
    ) -> None:
        outcomes = self._outcomes(target, group, future)
        for request, messages in group.items():
            outcome = outcomes[request]
            report.add(target, outcome)
            if outcome.again:
                report.failed_messages.extend(message.message_id for message in messages)

    def _outcomes(
        self, target: Target, group: Group, future: Future[dict[Request, Outcome]]
    ) -> Mapping[Request, Outcome]:
        where = {"region": target.region, "account_id": target.account_id}
        if not future.done():
            self._log.error("target not finished in time", extra=where)
            return dict.fromkeys(group, LATE)
        try:
            return future.result()
        except HubBrokenError:
            raise
        except CallFailedError as error:
            self._log.warning("table busy", extra={**where, "problem": str(error)})
            return dict.fromkeys(group, Outcome(error.failure.state, again=True))
        except Exception:  # noqa: BLE001 - the boundary of a group: a bug in one target must not cost the others
            self._log.exception("target failed unexpectedly", extra=where)
            return dict.fromkeys(group, Outcome(State.TRANSIENT, again=True))


def _receives(group: Group) -> dict[Request, int]:
    """How often each request was received: by that of its messages that came most often."""
    return {request: max(m.receives for m in messages) for request, messages in group.items()}
