"""Classifies botocore's exceptions."""

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
"""The exceptions of botocore for a failed call; `ResponseParserError` has its own base class."""

TIME_OUTS = (ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError)
"""No response, usually after a long wait; it is no evidence about the request."""

_TEMPORARY = (HTTPClientError, BotoConnectionError, PaginationError, ResponseParserError)

# The error codes of the operations that are called, by state. Sources: the service
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
    # A pagination token belongs to one series of pages; the next attempt starts a new series.
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
    # A signature is refused if the clock is wrong, as after a freeze; the next attempt signs again.
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
    # A topic whose key or endpoint is disabled counts as denied: an operator has to correct it.
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
"""In a denial by SSM: the region has no public parameters below this path."""

_TOO_MANY_REQUESTS = frozenset({429, 509})
_SERVER_ERROR = 500


def classify(error: Exception) -> Failure:
    """The failure for a botocore exception.

    Unknown 4xx codes are `unclassified` (permanent, with a class of their own in the metrics);
    unknown 5xx codes are transient, since AWS adds codes without notice.
    """
    if isinstance(error, ClientError):
        return _classify_answer(error)
    code = type(error).__name__
    if isinstance(error, (ParamValidationError, InvalidRegionError, UnknownRegionError)):
        return Failure.of(State.BAD_LOOKUP, code, str(error))
    if isinstance(error, (NoCredentialsError, CredentialRetrievalError)):
        return Failure.of(State.CREDENTIALS, code, str(error))
    if isinstance(error, TIME_OUTS):  # also a subclass: see `timed_out`
        code = next(kind.__name__ for kind in TIME_OUTS if isinstance(error, kind))
        return Failure.of(State.TRANSIENT, code, str(error))
    if isinstance(error, _TEMPORARY):
        return Failure.of(State.TRANSIENT, code, str(error))
    return Failure.of(State.UNCLASSIFIED, code, str(error))


_TIME_OUT_CODES = frozenset(kind.__name__ for kind in TIME_OUTS)


def timed_out(failure: Failure) -> bool:
    """Whether there was no response, so another call to the target would wait as long."""
    return failure.code in _TIME_OUT_CODES


_PAGES = re.compile(r"(Pagination|Next)Token|PaginationError|ResponseParserError")


def of_one_call(failure: Failure) -> bool:
    """Whether a temporary failure concerns one series of pages or one response only.

    The same request can cause it in each delivery, so it must not stop the target's other calls.
    """
    return failure.state is State.TRANSIENT and _PAGES.search(failure.code) is not None


def _classify_answer(error: ClientError) -> Failure:
    problem = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = problem.get("Code") or "Unknown"
    message = problem.get("Message") or ""
    state = STATE_OF_CODE.get(code)
    # Checked on the whole text, which `Failure.of` caps.
    if state is State.ACCESS_DENIED and _NO_NAMESPACE in message:
        state = State.NOT_FOUND
    if state is None and status in _TOO_MANY_REQUESTS:
        state = State.THROTTLED
    elif state is None and status >= _SERVER_ERROR:
        state = State.TRANSIENT
    return Failure.of(state or State.UNCLASSIFIED, code, message)


def in_hub_region(failure: Failure) -> Failure:
    """The failure of a call in the hub's region, which is always enabled.

    Refused credentials have the same error codes as a disabled region.
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
    """Raise `HubBrokenError` for permanent failures of the hub's table or queue.

    Throttling, temporary failures and refused credentials raise `CallFailedError`: a redelivery
    retries them. So does a request that the service rejects as invalid, whose cause is a damaged
    row and not the hub.

    Raises:
        HubBrokenError: the resource does not exist, or its use is denied.
        CallFailedError: it is busy, or rejects this request.
    """
    try:
        yield
    except FAULTS as error:
        found = in_hub_region(classify(error))
        if found.retryable or found.state is State.BAD_LOOKUP:
            raise CallFailedError(found) from error
        raise HubBrokenError(resource, found) from error
