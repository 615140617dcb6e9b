"""Calls into targets in visits: after a time-out, a target gets no more calls in its visit.

Otherwise, a target that accepts connections but does not respond would cost a read time-out per
attempt and service, and use a thread that other targets need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from services.kernel.errors import CallFailedError, Failure
from services.kernel.failures import timed_out
from services.kernel.hub_session import Client
from services.kernel.model import Target
from services.kernel.retry import time_outs_are_final

T = TypeVar("T")


class Sessions(Protocol):
    """Calls into targets: `TargetSessions` with the roles, or another kind of credentials."""

    def ensure_session(self, account_id: str) -> None:
        """Get credentials for the account."""
        ...

    def call(self, target: Target, service: str, use: Callable[[Client], T]) -> T:
        """Call `use` with the target's client of a service."""
        ...


@dataclass(slots=True)
class _Visit:
    """One visit of a target; a later visit replaces it, even if a thread of it still waits."""

    time_out: Failure | None = None


class Visits:
    """`Sessions` with at most one time-out per visit of a target."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._visits: dict[Target, _Visit] = {}

    def ensure_session(self, target: Target) -> None:
        """Begin a visit: assume the target's role.

        Raises:
            CallFailedError: it cannot be assumed.
        """
        self._visits[target] = _Visit()
        with time_outs_are_final():
            self._sessions.ensure_session(target.account_id)

    def call(self, target: Target, service: str, use: Callable[[Client], T]) -> T:
        """Call `use` with the target's client of a service.

        Raises:
            CallFailedError: the call failed, or a call of this visit timed out before.
        """
        visit = self._visits.setdefault(target, _Visit())
        if visit.time_out:
            raise CallFailedError(visit.time_out)
        try:
            with time_outs_are_final():
                return self._sessions.call(target, service, use)
        except CallFailedError as error:
            if timed_out(error.failure):
                visit.time_out = error.failure
            raise
