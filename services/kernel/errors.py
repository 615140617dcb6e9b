"""Our errors, and what an AWS failure means to us.

AmiTrackerError
├── SettingsError      environment variables are missing or wrong
├── MalformedError     a message, row or catalogue is not in the agreed form
├── CallFailedError    AWS refused or did not answer a call into a target
├── HubBrokenError     our own table or queue cannot be used
├── OutOfTimeError     a run stopped before its function's time was over, with work left
├── RefusedError       the catalogue would remove too much
└── UnsentError        messages stayed unsent after every retry
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    ParamValidationError,
    UnknownRegionError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

DETAIL_LIMIT = 300
"""Characters of a foreign error text that we keep: enough to act on, short enough for a row."""


class State(StrEnum):
    """How a pair stands: `ok`, or the class of the failure that keeps it from a fresh answer."""

    OK = "ok"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    CREDENTIALS = "credentials"
    REGION_DISABLED = "region_disabled"
    ACCESS_DENIED = "access_denied"
    NOT_FOUND = "not_found"
    BAD_VALUE = "bad_value"
    BAD_LOOKUP = "bad_lookup"
    NOT_LAUNCHABLE = "not_launchable"
    UNCLASSIFIED = "unclassified"


RETRYABLE = frozenset({State.THROTTLED, State.TRANSIENT, State.CREDENTIALS})
"""What another delivery of the same message may mend; everything else is a state to be shown."""

# The failure codes of the operations that we call, by what they ask of us. Sources: the service
# models of the locked botocore, its throttling list, and the fault tables of the EC2, SSM, STS, SNS
# and KMS API references. tests/unit/kernel/test_errors.py fails when a model gains an unlisted one.
# fmt: off
_CODES: dict[State, tuple[str, ...]] = {
    State.THROTTLED: (
        "BandwidthLimitExceeded", "EC2ThrottledException", "KMSThrottling",
        "KMSThrottlingException", "KmsThrottled", "LimitExceededException", "OverLimit",
        "PriorRequestNotComplete", "ProvisionedThroughputExceededException",
        "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "SlowDown",
        "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
    ),
    State.TRANSIENT: (
        "IDPCommunicationError", "InternalError", "InternalFailure", "InternalServerError",
        "ReplicatedWriteConflictException", "RequestTimeout", "RequestTimeoutException",
        "ServiceUnavailable", "TransactionConflict", "TransactionConflictException",
        "TransactionInProgressException", "Unavailable",
    ),
    State.CREDENTIALS: (
        "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidIdentityToken",
        "MissingAuthenticationToken", "RequestExpired", "SignatureDoesNotMatch",
    ),
    State.REGION_DISABLED: (
        "AuthFailure", "InvalidClientTokenId", "InvalidToken", "KMSOptInRequired",
        "OptInRequired", "RegionDisabledException", "SubscriptionRequiredException",
        "UnrecognizedClientException",
    ),
    # A topic whose key or endpoint is broken is denied too: an operator has to give it back.
    State.ACCESS_DENIED: (
        "AccessDenied", "AccessDeniedException", "AuthorizationError",
        "AuthorizationErrorException", "EndpointDisabled", "EndpointDisabledException",
        "InvalidSecurity", "InvalidSecurityException", "KMS.AccessDeniedException",
        "KMSAccessDenied", "KMSAccessDeniedException", "KMSDisabled", "KMSDisabledException",
        "KMSInvalidState", "KMSInvalidStateException", "KMSNotFound", "KMSNotFoundException",
        "KmsAccessDenied", "PlatformApplicationDisabled",
        "PlatformApplicationDisabledException", "UnauthorizedOperation",
    ),
    State.NOT_FOUND: (
        "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "NotFound", "NotFoundException",
        "ParameterNotFound", "ParameterVersionNotFound",
    ),
    State.BAD_LOOKUP: (
        "FilterLimitExceeded", "InvalidAMIID.Malformed", "InvalidFilter", "InvalidKeyId",
        "InvalidParameter", "InvalidParameterCombination", "InvalidParameterException",
        "InvalidParameterValue", "InvalidParameterValueException", "MalformedPolicyDocument",
        "MalformedPolicyDocumentException", "PackedPolicyTooLarge",
        "PackedPolicyTooLargeException", "UnknownParameter", "ValidationError",
        "ValidationException",
    ),
}
# fmt: on
STATE_OF_CODE = {code: state for state, codes in _CODES.items() for code in codes}

_TOO_MANY_REQUESTS = frozenset({429, 509})
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no fresh answer: its class, the service's own code, and a capped sentence."""

    state: State
    code: str
    detail: str

    @property
    def retryable(self) -> bool:
        """Whether another delivery of the same message may mend it."""
        return self.state in RETRYABLE


class AmiTrackerError(Exception):
    """The root of every error that this project raises on purpose."""


class SettingsError(AmiTrackerError):
    """The environment lacks settings or holds unusable ones; every problem is named at once."""

    def __init__(self, service: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{service} cannot start: {'; '.join(self.problems)}")


class MalformedError(AmiTrackerError):
    """Something written is not in the agreed form, so reading it again cannot help."""

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(f"{what} is malformed: {problem[:DETAIL_LIMIT]}")


class CallFailedError(AmiTrackerError):
    """A call into a target failed; `failure` says how."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{failure.state}: {failure.code}: {failure.detail}")


class HubBrokenError(AmiTrackerError):
    """Our own table or queue refuses us, so nothing can be done for anybody."""

    def __init__(self, resource: str, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{resource} cannot be used: {failure.code}: {failure.detail}")


class OutOfTimeError(AmiTrackerError):
    """A run stopped cleanly before its time was over; `left` names what it did not reach."""

    def __init__(self, what: str, left: Sequence[str]) -> None:
        self.left = tuple(left)
        super().__init__(
            f"{what} ran out of time with {len(self.left)} region(s) left: "
            f"{', '.join(self.left)}; the next round begins there"
        )


class RefusedError(AmiTrackerError):
    """The catalogue would remove too many pairs at once; the named targets are unchanged."""

    def __init__(self, refusals: Sequence[str]) -> None:
        self.refusals = tuple(refusals)
        super().__init__(
            f"refused to remove so many images at once: {'; '.join(self.refusals)}. "
            "These targets keep their last configuration. If the removal is meant, "
            "set MAX_REMOVED_PERCENT=100 for one round"
        )


class UnsentError(AmiTrackerError):
    """Messages that the queue kept refusing; `count` pairs were not enqueued."""

    def __init__(self, count: int, codes: Sequence[str]) -> None:
        self.count = count
        super().__init__(f"{count} message(s) stayed unsent after every retry: {', '.join(codes)}")


def classify(error: Exception) -> Failure:
    """The failure that a botocore exception amounts to.

    Unknown 4xx codes are `unclassified` (permanent, with a metric of their own); unknown 5xx are
    transient, since AWS adds codes without notice.
    """
    if isinstance(error, ClientError):
        return _classify_answer(error)
    code = type(error).__name__
    if isinstance(error, (ParamValidationError, InvalidRegionError, UnknownRegionError)):
        return failure(State.BAD_LOOKUP, code, str(error))
    if isinstance(error, (NoCredentialsError, CredentialRetrievalError)):
        return failure(State.CREDENTIALS, code, str(error))
    if isinstance(error, (HTTPClientError, BotoConnectionError)):
        return failure(State.TRANSIENT, code, str(error))
    return failure(State.UNCLASSIFIED, code, str(error))


def _classify_answer(error: ClientError) -> Failure:
    problem = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = problem.get("Code", "Unknown")
    state = STATE_OF_CODE.get(code)
    if state is None and status in _TOO_MANY_REQUESTS:
        state = State.THROTTLED
    elif state is None and status >= _SERVER_ERROR:
        state = State.TRANSIENT
    return failure(state or State.UNCLASSIFIED, code, problem.get("Message", ""))


def failure(state: State, code: str, detail: str) -> Failure:
    """A `Failure` whose foreign text is capped and free of control characters."""
    printable = "".join(c if c.isprintable() else " " for c in detail[:DETAIL_LIMIT])
    return Failure(state, code[:DETAIL_LIMIT], printable)


@contextmanager
def hub(resource: str) -> Iterator[None]:
    """Turn what our own table or queue refuses for good into `HubBrokenError`.

    Throttling and passing faults go on as `CallFailedError`: another delivery may mend them.

    Raises:
        HubBrokenError: the resource is gone, or we may not use it.
        CallFailedError: it is busy.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        found = classify(error)
        if found.retryable:
            raise CallFailedError(found) from error
        raise HubBrokenError(resource, found) from error
