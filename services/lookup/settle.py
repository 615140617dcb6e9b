"""Settles the result of a lookup: decides what changed for its pair, and commits it.

A row is written when the pace of its region allows it; until then its pair is busy.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, assert_never

from services.kernel.clock import now
from services.kernel.errors import CallFailedError, Failure, HubBrokenError
from services.kernel.failures import timed_out
from services.kernel.model import Observation, Pair, Release, Request, State
from services.kernel.observability import Log
from services.kernel.pace import WritePace
from services.kernel.wire import timestamp
from services.lookup.commits import Commit
from services.lookup.decide import Changed, Confirmed, decide
from services.lookup.facts import described
from services.lookup.report import BUSY, DROPPED, OVERTAKEN, UNREADABLE, Outcome
from services.lookup.responses import Finding


class SettlingRows(Protocol):
    """The part of the table that `Settler` uses."""

    def history(self, pair: Pair) -> tuple[Release, ...]:
        """The pair's last releases, oldest first."""
        ...

    def commit(self, pair: Pair, release: Release) -> Commit:
        """Write a release, on condition that the pair's row is unchanged."""
        ...

    def confirm(self, pair: Pair, seen: Observation | None = None) -> None:
        """Record that an edited lookup finds the known image, as it was `seen`."""
        ...

    def refresh(self, pair: Pair, seen: Observation) -> None:
        """Record that the known image has another deprecation time."""
        ...

    def mark(
        self, pair: Pair, problem: Failure | None, moment: datetime, seen: Observation | None = None
    ) -> None:
        """Write the pair's state, and the deprecation time of the image that was `seen`."""
        ...

    def heal(self, pair: Pair) -> Release | None:
        """Update an image row that is behind its releases to the last one."""
        ...


class _NoTurnError(Exception):
    """The pace does not allow a write now."""


class _Turn:
    """The turn of one pair to write its row: taken when it needs one, or given by the caller."""

    def __init__(self, pace: WritePace, region: str, begun: float | None) -> None:
        self._pace = pace
        self._region = region
        self._begun = begun

    def take(self) -> None:
        """Take the turn, before the reads that only a write needs.

        Raises:
            _NoTurnError: the pace does not allow a write now.
        """
        if self._begun is None:
            self._begun = self._pace.turn(self._region)
        if self._begun is None:
            raise _NoTurnError

    def used(self, *, throttled: bool) -> None:
        """Record how the writes of the pair ended, if there were any."""
        if self._begun is not None and throttled:
            self._pace.slow_down(self._region, self._begun)
        elif self._begun is not None:
            self._pace.speed_up(self._region)


class Settler:
    """Writes the result of a lookup to the pair's rows."""

    def __init__(
        self,
        rows: SettlingRows,
        log: Log,
        clock: Callable[[], datetime] = now,
        pace: WritePace | None = None,
    ) -> None:
        self._rows = rows
        self._log = log
        self._clock = clock
        self._pace = pace or WritePace()

    def settle(
        self, pair: Pair, finding: Finding, request: Request, begun: float | None = None
    ) -> Outcome:
        """The outcome of the pair; an error in its rows does not affect other pairs.

        `begun` is when the caller's turn to write began. Without one, a pair whose row has to be
        written is busy if the pace does not allow it now.
        """
        turn = _Turn(self._pace, pair.target.region, begun)
        try:
            outcome = self._settled(pair, finding, request, turn)
        except HubBrokenError:
            raise
        except _NoTurnError:
            return BUSY
        except CallFailedError as error:
            if error.failure.state is State.THROTTLED:
                turn.used(throttled=True)
                return BUSY
            self._log.warning("row not written", extra={**pair.fields(), "problem": str(error)})
            return Outcome(error.failure.state, again=True)
        except Exception:  # noqa: BLE001 - the boundary of a pair
            self._log.exception("pair failed unexpectedly", extra=pair.fields())
            return Outcome(State.TRANSIENT, again=True)
        turn.used(throttled=False)
        return outcome

    def _settled(self, pair: Pair, finding: Finding, request: Request, turn: _Turn) -> Outcome:
        answer = finding.answer
        if isinstance(answer, Failure):
            return self._fail(pair, answer, turn)
        past: tuple[Release, ...] = ()
        about = None
        if pair.known is None or answer.image_id != pair.known.image_id:
            turn.take()
            past = self._rows.history(pair) if pair.version else ()
            last = next((each for each in past if each.version == pair.version), None)
            about = described(pair, finding, request.release, last)
        decision = decide(
            pair,
            answer,
            past,
            detected_at=self._clock(),
            round_id=request.round,
            about=about,
        )
        if isinstance(decision, Changed):
            return self._commit(pair, decision.release)
        self._keep(pair, finding, turn, confirmed=isinstance(decision, Confirmed))
        return Outcome(State.OK)

    def _keep(self, pair: Pair, finding: Finding, turn: _Turn, *, confirmed: bool) -> None:
        """Write what changed although the image is the same, usually nothing."""
        image = finding.image()
        seen = image.observation() if image else None
        if confirmed:
            turn.take()
            self._rows.confirm(pair, seen)
        if pair.state != State.OK:
            turn.take()
            self._rows.mark(pair, None, self._clock(), seen)
            self._log.info("lookup recovered", extra={**pair.fields(), "was": pair.state})
        elif seen and not confirmed and _deprecation_differs(seen, pair.known):
            turn.take()
            self._rows.refresh(pair, seen)

    def _fail(self, pair: Pair, problem: Failure, turn: _Turn) -> Outcome:
        if (pair.state, pair.code) != (problem.state, problem.code):
            turn.take()
            self._rows.mark(pair, problem, self._clock())
            self._log.warning(
                "lookup failed",
                extra={
                    **pair.fields(),
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
                        **pair.fields(),
                        "kind": release.kind,
                        "version": release.version,
                        "image_id": release.observed.image_id,
                        "event_id": release.event_id,
                        "previous_image_id": release.previous_image_id,
                        "release": release.about.release,
                    },
                )
                return Outcome(State.OK, kind=release.kind)
            case Commit.DROPPED:
                return DROPPED
            case Commit.OVERTAKEN:
                return OVERTAKEN
            case Commit.BEHIND:
                return self._repair(pair)
            case never:
                assert_never(never)

    def _repair(self, pair: Pair) -> Outcome:
        """Repair an image row that is behind its releases; the message is redelivered."""
        last = self._rows.heal(pair)
        if last is None:
            problem = f"release row {pair.version + 1} exists, but cannot be decoded"
            self._log.error("row malformed", extra={**pair.fields(), "problem": problem})
            return UNREADABLE
        versions = {"version": pair.version, "last_release": last.version}
        self._log.warning("image row was behind its releases", extra={**pair.fields(), **versions})
        return OVERTAKEN


def _deprecation_differs(seen: Observation, known: Observation | None) -> bool:
    if known is not None and seen.deprecation_time == known.deprecation_time:
        return False
    return _deprecation(seen) != _deprecation(known)


def _deprecation(image: Observation | None) -> str | None:
    """The deprecation time as a row has it, so a part that rows do not keep is no change."""
    moment = image.deprecation_time if image else None
    return timestamp(moment) if moment else None
