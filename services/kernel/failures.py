"""What an AWS failure means to us: botocore's exceptions, classified."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    PaginationError,
    ParamValidationError,
    ReadTimeoutError,
    UnknownRegionError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

from services.kernel.errors import CallFailedError, Failure, HubBrokenError
from services.kernel.model import State

FAULTS = (ClientError, BotoCoreError, ResponseParserError)
"""All that botocore raises of a failed call; an answer it cannot parse has a root of its own."""

TIME_OUTS = (ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError)
"""No answer at all, after a long wait as a rule: it says nothing about the request."""

_PASSING = (HTTPClientError, BotoConnectionError, PaginationError, ResponseParserError)

# The failure codes of the operations that we call, by what they ask of us. Sources: the service
# models of the locked botocore, its throttling list, and the error tables of the EC2, SSM, STS,
# SNS and KMS API references. tests/unit/kernel/test_failures.py fails when a model gains another.
# fmt: off
_CODES: dict[State, tuple[str, ...]] = {
    State.THROTTLED: (
        "BandwidthLimitExceeded", "EC2ThrottledException", "KMS.ThrottlingException",
        "KMSThrottling", "KMSThrottlingException", "KmsThrottled", "LimitExceededException",
        "OverLimit",
        "PriorRequestNotComplete", "ProvisionedThroughputExceededException",
        "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "SlowDown",
        "Throttled", "ThrottledException", "Throttling", "ThrottlingError", "ThrottlingException",
        "TooManyRequests", "TooManyRequestsException",
    ),
    # A pagination token belongs to one walk over the pages: the next try begins a new one.
    State.TRANSIENT: (
        "ExpiredNextToken", "ExpiredNextTokenException", "ExpiredPaginationToken",
        "ExpiredPaginationTokenException", "IDPCommunicationError", "InternalError",
        "InternalException", "InternalFailure", "InternalServerError", "InternalServerException",
        "InternalServiceError", "InternalServiceException", "InvalidNextToken",
        "InvalidNextTokenException", "InvalidPaginationToken", "InvalidPaginationTokenException",
        "ReplicatedWriteConflictException", "RequestTimeout", "RequestTimeoutException",
        "ServiceUnavailable", "ServiceUnavailableException", "TransactionConflict",
        "TransactionConflictException", "TransactionInProgressException", "Unavailable",
    ),
    # A signature is refused while a clock is off, as after a function was frozen: the next is new.
    State.CREDENTIALS: (
        "ExpiredToken", "ExpiredTokenException", "IncompleteSignature",
        "IncompleteSignatureException", "InvalidIdentityToken", "InvalidSignature",
        "InvalidSignatureException", "MissingAuthenticationToken",
        "MissingAuthenticationTokenException", "RequestExpired", "RequestExpiredException",
        "RequestInTheFuture", "RequestTimeTooSkewed", "SignatureDoesNotMatch",
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
        "PackedPolicyTooLargeException", "ParameterValueInvalid", "UnknownParameter",
        "ValidationError",
        "ValidationException",
    ),
}
# fmt: on
STATE_OF_CODE = {code: state for state, codes in _CODES.items() for code in codes}

_NO_NAMESPACE = "is not a valid namespace"
"""How SSM says, in a denial, that a region has no parameters below a path of AWS's own."""

_TOO_MANY_REQUESTS = frozenset({429, 509})
_SERVER_ERROR = 500


def classify(error: Exception) -> Failure:
    """The failure that a botocore exception amounts to.

    Unknown 4xx codes are `unclassified` (permanent, with a metric of their own); unknown 5xx are
    transient, since AWS adds codes without notice.
    """
    if isinstance(error, ClientError):
        return _classify_answer(error)
    code = type(error).__name__
    if isinstance(error, (ParamValidationError, InvalidRegionError, UnknownRegionError)):
        return Failure.of(State.BAD_LOOKUP, code, str(error))
    if isinstance(error, (NoCredentialsError, CredentialRetrievalError)):
        return Failure.of(State.CREDENTIALS, code, str(error))
    if isinstance(error, TIME_OUTS):  # a kind of these by whatever name: see `timed_out`
        code = next(kind.__name__ for kind in TIME_OUTS if isinstance(error, kind))
        return Failure.of(State.TRANSIENT, code, str(error))
    if isinstance(error, _PASSING):
        return Failure.of(State.TRANSIENT, code, str(error))
    return Failure.of(State.UNCLASSIFIED, code, str(error))


_TIME_OUT_CODES = frozenset(kind.__name__ for kind in TIME_OUTS)


def timed_out(failure: Failure) -> bool:
    """Whether there was no answer, so that asking the same target again costs as long a wait."""
    return failure.code in _TIME_OUT_CODES


_WALK = re.compile(r"(Pagination|Next)Token|PaginationError|ResponseParserError")


def of_one_call(failure: Failure) -> bool:
    """Whether a passing failure is of one walk over pages, or of one answer: other calls succeed.

    Its cause can be what is asked for, in each delivery, so it must not end the target's turn.
    """
    return failure.state is State.TRANSIENT and _WALK.search(failure.code) is not None


def _classify_answer(error: ClientError) -> Failure:
    problem = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = problem.get("Code") or "Unknown"
    message = problem.get("Message") or ""
    state = STATE_OF_CODE.get(code)
    # Decided on the whole text: `failure` caps it for display.
    if state is State.ACCESS_DENIED and _NO_NAMESPACE in message:
        state = State.NOT_FOUND
    if state is None and status in _TOO_MANY_REQUESTS:
        state = State.THROTTLED
    elif state is None and status >= _SERVER_ERROR:
        state = State.TRANSIENT
    return Failure.of(state or State.UNCLASSIFIED, code, message)


def in_hub_region(failure: Failure) -> Failure:
    """The failure of a call in the hub's own region, which is enabled.

    Credentials that are refused there have the same codes as a disabled region.
    """
    if failure.state is State.REGION_DISABLED and failure.code != "RegionDisabledException":
        return Failure(State.CREDENTIALS, failure.code, failure.detail)
    return failure


@contextmanager
def condition_may_fail() -> Iterator[None]:
    """Ignore a failed condition: a newer write won."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


@contextmanager
def hub(resource: str) -> Iterator[None]:
    """Turn what our own table or queue refuses for good into `HubBrokenError`.

    Throttling, passing faults and refused credentials go on as `CallFailedError`: another delivery
    tries again. So does a request that the service calls invalid: one damaged row is at fault then,
    not the hub.

    Raises:
        HubBrokenError: the resource is gone, or we may not use it.
        CallFailedError: it is busy, or refuses this one request.
    """
    try:
        yield
    except FAULTS as error:
        found = in_hub_region(classify(error))
        if found.retryable or found.state is State.BAD_LOOKUP:
            raise CallFailedError(found) from error
        raise HubBrokenError(resource, found) from error
