"""Sessions in target accounts, with the credentials of an assumed role."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from services.kernel.clock import now
from services.kernel.errors import CallFailedError, Failure
from services.kernel.failures import FAULTS, classify, in_hub_region, timed_out
from services.kernel.hub_session import AssumedSession, Client, HubSession
from services.kernel.model import State, Target

if TYPE_CHECKING:
    from types_boto3_sts import STSClient

_RENEW_BEFORE_EXPIRY = timedelta(minutes=5).total_seconds()
_MAX_CLIENTS = 384
"""SSM and EC2 in 170 targets need 340. A client in a packaged function needs 0.1 MiB and 4 ms of
processor time, and 0.1 MiB more after it connects; 0.7 MiB if it reads all roots of the SDK."""
_REFUSAL_CACHE_SECONDS = 0.5
_SESSION_NAME_LIMIT = 64  # sts:AssumeRole, RoleSessionName

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Moment:
    """A time on both clocks, which are both needed to measure an age: see `TargetSessions`."""

    time: datetime
    monotonic: float


@dataclass(frozen=True, slots=True)
class Role:
    """The role to assume in every target account, and the session policy that limits it."""

    name: str
    external_id: str
    session_name: str
    policy: Mapping[str, object]


class TargetSessions:
    """Calls into target accounts.

    There is one assumed session per account, reused until five minutes before it expires, and one
    client per account, region and service. STS is called at the hub region's endpoint: its tokens
    are valid in every region, including opt-in regions; those of the global endpoint are not.

    An age is the longer one of two measurements: setting the system clock back does not affect the
    monotonic clock, and only the system clock includes the time when a function is frozen.
    """

    def __init__(
        self,
        hub: HubSession,
        role: Role,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub = hub
        self._role = role
        self._clock = clock
        self._monotonic = monotonic
        self._sts: STSClient = hub.client("sts")
        self._lock = threading.Lock()
        self._creation_lock = threading.Lock()
        self._account_locks: dict[str, threading.Lock] = {}
        self._sessions: dict[str, tuple[_Moment, AssumedSession]] = {}
        self._refusals: dict[str, tuple[_Moment, Failure]] = {}
        self._clients: dict[tuple[str, str, str], tuple[AssumedSession, Client]] = {}

    def call(self, target: Target, service: str, use: Callable[[Client], T]) -> T:
        """Call `use` with the target's client; expired credentials are renewed once.

        Raises:
            CallFailedError: the call failed after botocore's own retries.
        """
        session = self._session(target.account_id)
        try:
            return self._attempt(session, target, service, use)
        except CallFailedError as error:
            if error.failure.state is not State.CREDENTIALS:
                raise
        self._discard(target.account_id, session)
        return self._attempt(self._session(target.account_id), target, service, use)

    def _attempt(
        self, session: AssumedSession, target: Target, service: str, use: Callable[[Client], T]
    ) -> T:
        try:
            return use(self._client(session, target, service))
        except FAULTS as error:
            raise CallFailedError(self._classified(session, classify(error))) from error

    def _classified(self, session: AssumedSession, failure: Failure) -> Failure:
        """Distinguish a disabled region from invalid credentials, which have the same error codes.

        If the credentials are valid in the hub's region, the target's region is disabled.
        """
        if failure.state is not State.REGION_DISABLED:
            return failure
        try:
            self._hub.member_client("sts", self._hub.region, session).get_caller_identity()
        except FAULTS:
            return Failure(State.CREDENTIALS, failure.code, failure.detail)
        return failure

    def _client(self, session: AssumedSession, target: Target, service: str) -> Client:
        key = (target.account_id, target.region, service)
        client = self._cached_client(key, session)
        if client is None:
            with self._creation_lock:  # only one thread creates the client
                client = self._cached_client(key, session)
                if client is None:
                    client = self._hub.member_client(service, target.region, session)
                    self._cache_client(key, session, client)
        return client

    def _cached_client(self, key: tuple[str, str, str], session: AssumedSession) -> Client | None:
        with self._lock:
            made_with, client = self._clients.get(key, (None, None))
            if made_with is not session:
                return None
            self._clients[key] = self._clients.pop(key)  # mark as recently used
            return client

    def _cache_client(
        self, key: tuple[str, str, str], session: AssumedSession, client: Client
    ) -> None:
        with self._lock:
            self._clients.pop(key, None)
            self._clients[key] = (session, client)
            while len(self._clients) > _MAX_CLIENTS:
                del self._clients[next(iter(self._clients))]

    def _session(self, account_id: str) -> AssumedSession:
        requested = self._moment()
        with self._lock:
            lock = self._account_locks.setdefault(account_id, threading.Lock())
        with lock:  # per account, so a slow account does not delay others
            held = self._sessions.get(account_id)
            if held is None or self._must_be_renewed(*held):
                # The time before the call, so the session's age is never underestimated.
                held = (self._moment(), self._assume_or_raise_cached(account_id, requested))
                self._sessions[account_id] = held
            return held[1]

    def _must_be_renewed(self, assumed: _Moment, session: AssumedSession) -> bool:
        lifetime = (session.expiration - assumed.time).total_seconds()
        return lifetime - self._age(assumed) < _RENEW_BEFORE_EXPIRY

    def _moment(self) -> _Moment:
        return _Moment(self._clock(), self._monotonic())

    def _age(self, moment: _Moment) -> float:
        """The seconds since that moment."""
        by_system = (self._clock() - moment.time).total_seconds()
        return max(by_system, self._monotonic() - moment.monotonic)

    def _assume_or_raise_cached(self, account_id: str, requested: _Moment) -> AssumedSession:
        """A new session, or the error of a call that failed a moment ago.

        An account has a target in each region. Targets that waited while the call for the first one
        failed or timed out would repeat the same failure one after the other. A time-out is reused
        only for callers that waited: a later caller repeats the call on purpose.
        """
        if refused := self._refusals.get(account_id):
            moment, refusal = refused
            waited = moment.monotonic > requested.monotonic
            recent = self._age(moment) < _REFUSAL_CACHE_SECONDS and not timed_out(refusal)
            if waited or recent:
                raise CallFailedError(refusal)
        try:
            return self._assume(account_id)
        except CallFailedError as error:
            self._refusals[account_id] = (self._moment(), error.failure)
            raise

    def _assume(self, account_id: str) -> AssumedSession:
        try:
            answer = self._sts.assume_role(
                RoleArn=f"arn:{self._hub.partition}:iam::{account_id}:role/{self._role.name}",
                RoleSessionName=self._role.session_name[:_SESSION_NAME_LIMIT],
                ExternalId=self._role.external_id,
                Policy=json.dumps(self._role.policy, separators=(",", ":")),
            )["Credentials"]
        except FAULTS as error:
            raise CallFailedError(in_hub_region(classify(error))) from error
        return AssumedSession(
            access_key_id=answer["AccessKeyId"],
            secret_access_key=answer["SecretAccessKey"],
            session_token=answer["SessionToken"],
            expiration=answer["Expiration"],
        )

    def ensure_session(self, account_id: str) -> None:
        """Assume the role in the account if needed, so its failure is not mixed up with a call's.

        Raises:
            CallFailedError: the role cannot be assumed.
        """
        self._session(account_id)

    def _discard(self, account_id: str, session: AssumedSession) -> None:
        with self._lock:  # another thread can have renewed it already
            held = self._sessions.get(account_id)
            if held is not None and held[1] is session:
                del self._sessions[account_id]
