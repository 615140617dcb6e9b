"""Calls into targets with the caller's own credentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from services.kernel.errors import CallFailedError, Failure
from services.kernel.failures import FAULTS, classify
from services.kernel.hub_session import Client, HubSession
from services.kernel.model import State, Target

T = TypeVar("T")


class OwnSessions:
    """The caller's credentials in every region, in place of `TargetSessions`."""

    def __init__(self, hub: HubSession) -> None:
        self._hub = hub

    def ensure_session(self, account_id: str) -> None:
        """Do nothing: the caller has a session already."""

    def call(self, target: Target, service: str, use: Callable[[Client], T]) -> T:
        """Call `use` with a client in the target's region.

        Raises:
            CallFailedError: the call failed after botocore's own retries.
        """
        try:
            return use(self._hub.client(service, target.region))
        except FAULTS as error:
            raise CallFailedError(self._classified(classify(error))) from error

    def _classified(self, failure: Failure) -> Failure:
        """Distinguish a disabled region from invalid credentials, which have the same error codes.

        If the credentials are valid in the hub's region, the target's region is disabled.
        """
        if failure.state is not State.REGION_DISABLED:
            return failure
        try:
            self._hub.client("sts").get_caller_identity()
        except FAULTS:
            return Failure(State.CREDENTIALS, failure.code, failure.detail)
        return failure
