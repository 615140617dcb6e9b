"""The state of each failure of AWS, and whether it breaks the hub."""

from __future__ import annotations

import inspect

import botocore.session
import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from botocore.retries.standard import ThrottledRetryableChecker

from services.kernel.errors import DETAIL_LIMIT, CallFailedError, Failure, HubBrokenError
from services.kernel.failures import STATE_OF_CODE, classify, hub
from services.kernel.model import State

CALLED = {
    "dynamodb": (
        "BatchGetItem",
        "GetItem",
        "Query",
        "Scan",
        "TransactWriteItems",
        "UpdateItem",
    ),
    "ec2": ("DescribeImages",),
    "s3": ("DeleteObjects", "GetObject", "ListObjectsV2", "PutObject"),
    "sns": ("PublishBatch",),
    "sqs": ("SendMessageBatch",),
    "ssm": ("GetParameters",),
    "sts": ("AssumeRole", "GetCallerIdentity"),
}
"""Every operation that the code calls."""

HANDLED_ELSEWHERE = {
    # The rows' adapters handle a failed condition.
    "ConditionalCheckFailedException",
    "TransactionCanceledException",
    # The hub or the code is wrong: `hub()` raises, because the failure belongs to no pair.
    "AWS.SimpleQueueService.NonExistentQueue",
    "IdempotentParameterMismatchException",
    "InvalidAddress",
    "InvalidObjectState",
    "ItemCollectionSizeLimitExceededException",
    "KmsDisabled",
    "KmsInvalidKeyUsage",
    "KmsInvalidState",
    "KmsNotFound",
    "KmsOptInRequired",
    "NoSuchBucket",
    "NoSuchKey",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "UnsupportedOperation",
    # Uploads in parts, appends and customer-provided keys, which the code does not use.
    "EncryptionTypeMismatch",
    "InvalidRequest",
    "InvalidWriteOffset",
    "TooManyParts",
    # A batch that is built wrongly is a bug of the code, so it stays `unclassified`.
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "InvalidBatchEntryId",
    "TooManyEntriesInBatchRequest",
}

THROTTLING_ONLY_IN_BOTOCORE = {
    "TransactionInProgressException",  # the same token is still in progress: temporary
}


def answered(code: str | None, status: int = 400, message: str | None = "why") -> ClientError:
    """Build an error response of AWS as botocore raises it."""
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "Operation")  # type: ignore[arg-type] # AWS may send nulls


def modelled() -> list[tuple[str, str]]:
    """Yield the operation and code of each error that a service model declares."""
    session = botocore.session.get_session()
    return [
        (f"{service}:{operation}", shape.metadata.get("error", {}).get("code", shape.name))
        for service, operations in CALLED.items()
        for operation in operations
        for shape in session.get_service_model(service).operation_model(operation).error_shapes
    ]


# --- the codes


def test_every_modelled_error_is_classified() -> None:
    """An upgrade with a new error fails here; add the error to `_CODES`."""
    known = STATE_OF_CODE.keys() | HANDLED_ELSEWHERE

    assert [(where, code) for where, code in modelled() if code not in known] == []


def test_models_contain_known_errors() -> None:
    """The models contain known errors in each protocol."""
    expected = {
        ("dynamodb:UpdateItem", "ConditionalCheckFailedException"),  # JSON
        ("sns:PublishBatch", "AuthorizationError"),  # query: the code is not the shape's name
        ("sqs:SendMessageBatch", "RequestThrottled"),
        ("ssm:GetParameters", "InvalidKeyId"),
        ("sts:AssumeRole", "MalformedPolicyDocument"),
    }

    assert expected <= set(modelled())


def test_no_code_is_listed_twice() -> None:
    """A code that is handled elsewhere is not also a state of a pair."""
    assert STATE_OF_CODE.keys() & HANDLED_ELSEWHERE == set()


def test_botocores_throttling_codes_are_throttled() -> None:
    """The retries and the state use the same definition of throttling."""
    # Private, and no public list exists; absent from the stubs too.
    codes = set(vars(ThrottledRetryableChecker)["_THROTTLED_ERROR_CODES"])
    ours = {code for code, state in STATE_OF_CODE.items() if state is State.THROTTLED}

    assert codes - ours == THROTTLING_ONLY_IN_BOTOCORE
    assert STATE_OF_CODE.keys() >= THROTTLING_ONLY_IN_BOTOCORE


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("ThrottlingException", State.THROTTLED),
        ("RequestLimitExceeded", State.THROTTLED),
        ("KMS.ThrottlingException", State.THROTTLED),
        ("InternalError", State.TRANSIENT),
        ("ServiceUnavailable", State.TRANSIENT),
        ("TransactionInProgressException", State.TRANSIENT),
        ("ExpiredToken", State.CREDENTIALS),
        ("ExpiredTokenException", State.CREDENTIALS),
        ("SignatureDoesNotMatch", State.CREDENTIALS),
        ("OptInRequired", State.REGION_DISABLED),
        ("AuthFailure", State.REGION_DISABLED),
        ("UnrecognizedClientException", State.REGION_DISABLED),
        ("InvalidClientTokenId", State.REGION_DISABLED),
        ("AccessDenied", State.ACCESS_DENIED),
        ("AccessDeniedException", State.ACCESS_DENIED),
        ("UnauthorizedOperation", State.ACCESS_DENIED),
        ("AuthorizationError", State.ACCESS_DENIED),
        ("KMSDisabled", State.ACCESS_DENIED),
        ("EndpointDisabled", State.ACCESS_DENIED),
        ("NotFound", State.NOT_FOUND),
        ("InvalidAMIID.NotFound", State.NOT_FOUND),
        ("ParameterNotFound", State.NOT_FOUND),
        ("InvalidParameterValue", State.BAD_LOOKUP),
        ("ParameterValueInvalid", State.BAD_LOOKUP),
        ("ValidationException", State.BAD_LOOKUP),
        ("PackedPolicyTooLarge", State.BAD_LOOKUP),
        ("ConditionalCheckFailedException", State.UNCLASSIFIED),
        ("SomethingNew", State.UNCLASSIFIED),
    ],
)
def test_code_decides(code: str, state: State) -> None:
    """The service's own code decides the state, whatever the status is."""
    assert classify(answered(code)) == Failure(state, code, "why")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (400, State.UNCLASSIFIED),
        (404, State.UNCLASSIFIED),
        (429, State.THROTTLED),
        (499, State.UNCLASSIFIED),
        (500, State.TRANSIENT),
        (503, State.TRANSIENT),
        (509, State.THROTTLED),
        (599, State.TRANSIENT),
    ],
)
def test_status_decides_over_an_unknown_code(status: int, state: State) -> None:
    """Unknown 5xx are temporary, unknown 4xx are not: AWS adds codes without notice."""
    assert classify(answered("SomethingNew", status)).state == state


SIGNATURES = [
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
]
TOKENS = [
    "ExpiredNextToken",
    "ExpiredNextTokenException",
    "ExpiredPaginationToken",
    "InvalidNextToken",
    "InvalidNextTokenException",
    "InvalidPaginationToken",
    "InvalidPaginationTokenException",
]


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("code", SIGNATURES)
def test_a_rejected_signature_is_a_credentials_failure(code: str, status: int) -> None:
    """Query and JSON services spell the code differently; a retry has a new signature."""
    found = classify(answered(code, status, "Signature expired: 20261128T071000Z is now earlier"))
    assert (found.state, found.retryable) == (State.CREDENTIALS, True)
    with pytest.raises(CallFailedError), hub("table images"):
        raise answered(code, status)


@pytest.mark.parametrize("code", TOKENS)
def test_a_rejected_pagination_token_is_transient(code: str) -> None:
    """The next attempt starts at the first page."""
    assert classify(answered(code)).state is State.TRANSIENT
    with pytest.raises(CallFailedError), hub("table images"):
        raise answered(code)


NO_NAMESPACE = 'No access to "/aws/" namespace: aws/service/bottlerocket is not a valid namespace'


@pytest.mark.parametrize("padding", ["", "x" * 10 * DETAIL_LIMIT], ids=["short", "long"])
def test_a_missing_namespace_is_not_found(padding: str) -> None:
    """SSM reports it as a denial; the whole text decides, even if its end is not displayed."""
    found = classify(answered("AccessDeniedException", message=padding + NO_NAMESPACE))
    assert (found.state, found.code) == (State.NOT_FOUND, "AccessDeniedException")
    assert len(found.detail) <= DETAIL_LIMIT
    assert classify(answered("ThrottlingException", message=NO_NAMESPACE)).state is State.THROTTLED


def test_known_code_takes_precedence_over_its_status() -> None:
    """Some services deny access with a 5xx, so the code takes precedence."""
    assert classify(answered("AccessDenied", 503)).state == State.ACCESS_DENIED


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answered(None, message=None), Failure(State.UNCLASSIFIED, "Unknown", "")),
        (answered("", 503, ""), Failure(State.TRANSIENT, "Unknown", "")),
        (ClientError({}, "Operation"), Failure(State.UNCLASSIFIED, "Unknown", "")),
    ],
    ids=["nulls", "empty", "nothing"],
)
def test_answer_without_code_or_message_is_classified(
    error: ClientError, expected: Failure
) -> None:
    """Services may respond with `"message": null`, and proxies with an empty body."""
    assert classify(error) == expected


def test_foreign_text_is_capped_and_printable() -> None:
    """A failure is written to a row, so it has no control characters and little text."""
    found = classify(answered("Co\nde", message="a\x1b[31m\n" + "x" * 10_000))

    assert found.code == "Co de"
    assert found.detail.startswith("a [31m xxx")
    assert len(found.detail) == DETAIL_LIMIT


# --- botocore's own exceptions

TRANSIENT = {
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "ConnectionError",
    "EndpointConnectionError",
    "HTTPClientError",
    "PaginationError",
    "ProxyConnectionError",
    "ReadTimeoutError",
    "ResponseStreamingError",
    "SSLError",
}
CREDENTIALS = {"CredentialRetrievalError", "NoCredentialsError"}
BAD_LOOKUP = {"InvalidRegionError", "ParamValidationError", "UnknownRegionError"}


def botocore_errors() -> list[type[BotoCoreError]]:
    """Yield every exception class of botocore that is not a response of AWS."""
    members = inspect.getmembers(exceptions, inspect.isclass)
    return [kind for _, kind in members if issubclass(kind, BotoCoreError)]


def expected_state(name: str) -> State:
    """Return the expected state of botocore's exception; the default is an unknown bug."""
    if name in TRANSIENT:
        return State.TRANSIENT
    if name in CREDENTIALS:
        return State.CREDENTIALS
    return State.BAD_LOOKUP if name in BAD_LOOKUP else State.UNCLASSIFIED


@pytest.mark.parametrize("kind", botocore_errors())
def test_every_botocore_exception_is_classified(kind: type[BotoCoreError]) -> None:
    """Network faults are temporary, missing credentials may appear, and the rest is permanent."""
    error = kind.__new__(kind)  # their constructors require other arguments
    error.args = ("why",)
    found = classify(error)

    assert (found.state, found.code) == (expected_state(kind.__name__), kind.__name__)


def test_named_botocore_exceptions_exist() -> None:
    """No name in the expectations is misspelled or outdated."""
    names = {kind.__name__ for kind in botocore_errors()}

    assert names >= TRANSIENT | CREDENTIALS | BAD_LOOKUP


def test_answer_that_cannot_be_parsed_is_transient() -> None:
    """A proxy's HTML page instead of a response of AWS is temporary."""
    expected = Failure(State.TRANSIENT, "ResponseParserError", "invalid XML received")

    assert classify(ResponseParserError("invalid XML received")) == expected


# --- our own resources


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "SomethingNew",
    ],
)
def test_permanent_failure_of_the_hub_is_broken(code: str) -> None:
    """A redelivery cannot repair a missing table, so the invocation fails with its name."""
    sentence = f"^table images cannot be used: {code}: why$"

    with pytest.raises(HubBrokenError, match=sentence) as caught, hub("table images"):
        raise answered(code)

    assert isinstance(caught.value.__cause__, ClientError)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (answered("ProvisionedThroughputExceededException"), State.THROTTLED),
        (answered("KmsThrottled"), State.THROTTLED),
        (answered("InternalServerError", 500), State.TRANSIENT),
        (answered("ExpiredTokenException"), State.CREDENTIALS),
        (answered("ValidationException"), State.BAD_LOOKUP),
        (exceptions.EndpointConnectionError(endpoint_url="x"), State.TRANSIENT),
        (ResponseParserError("invalid XML received"), State.TRANSIENT),
    ],
    ids=["throttled table", "throttled key", "5xx", "expired", "one row", "no connection", "none"],
)
def test_temporary_failure_of_the_hub_is_not_broken(error: Exception, state: State) -> None:
    """Temporary faults of the table, and one damaged row, are left to a redelivery."""
    with pytest.raises(CallFailedError) as caught, hub("table images"):
        raise error

    assert caught.value.failure.state == state
    assert error is caught.value.__cause__


@pytest.mark.parametrize(
    "code", ["UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "OptInRequired"]
)
def test_rejected_credentials_in_the_home_region_are_not_a_disabled_region(code: str) -> None:
    """The hub's region is enabled, so a redelivery retries with renewed credentials."""
    with pytest.raises(CallFailedError) as caught, hub("table images"):
        raise answered(code)

    assert (caught.value.failure.state, caught.value.failure.code) == (State.CREDENTIALS, code)


def test_hub_in_a_disabled_region_is_broken() -> None:
    """A code for a disabled region breaks the hub."""
    with pytest.raises(HubBrokenError), hub("table images"):
        raise answered("RegionDisabledException")


def test_hub_changes_no_other_error() -> None:
    """A bug is raised unchanged, and a successful call returns."""
    with hub("table images"):
        pass
    with pytest.raises(ZeroDivisionError), hub("table images"):
        raise ZeroDivisionError
