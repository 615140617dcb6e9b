"""Classification: what each failure of AWS, known or not, means to a pair or to the hub."""

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
    "sns": ("PublishBatch",),
    "sqs": ("SendMessageBatch",),
    "ssm": ("GetParameters",),
    "sts": ("AssumeRole", "GetCallerIdentity"),
}
"""Every operation that the code calls."""

HANDLED_ELSEWHERE = {
    # The rows' adapters decide what a failed condition means.
    "ConditionalCheckFailedException",
    "TransactionCanceledException",
    # The hub is set up wrongly or the code is: `hub()` raises, since no pair is to blame.
    "AWS.SimpleQueueService.NonExistentQueue",
    "IdempotentParameterMismatchException",
    "InvalidAddress",
    "ItemCollectionSizeLimitExceededException",
    "KmsDisabled",
    "KmsInvalidKeyUsage",
    "KmsInvalidState",
    "KmsNotFound",
    "KmsOptInRequired",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "UnsupportedOperation",
    # A batch that is built wrongly is a bug of ours, to be seen as such: `unclassified`.
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "InvalidBatchEntryId",
    "TooManyEntriesInBatchRequest",
}

THROTTLING_TO_BOTOCORE_ALONE = {
    "TransactionInProgressException",  # the same token is still in progress: it passes by itself
}


def answered(code: str | None, status: int = 400, message: str | None = "why") -> ClientError:
    """An error answer of AWS as botocore raises it."""
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "Operation")  # type: ignore[arg-type] # nulls do arrive


def modelled() -> list[tuple[str, str]]:
    """The operation and code of each error that a service model declares."""
    session = botocore.session.get_session()
    return [
        (f"{service}:{operation}", shape.metadata.get("error", {}).get("code", shape.name))
        for service, operations in CALLED.items()
        for operation in operations
        for shape in session.get_service_model(service).operation_model(operation).error_shapes
    ]


# --- the codes


def test_every_modelled_error_is_classified() -> None:
    """An upgrade that brings an error nobody has judged fails here; judge it in `_CODES`."""
    known = STATE_OF_CODE.keys() | HANDLED_ELSEWHERE

    assert [(where, code) for where, code in modelled() if code not in known] == []


def test_models_are_really_walked() -> None:
    """The walk meets what we know to be modelled, in each protocol."""
    expected = {
        ("dynamodb:UpdateItem", "ConditionalCheckFailedException"),  # JSON
        ("sns:PublishBatch", "AuthorizationError"),  # query: the code is not the shape's name
        ("sqs:SendMessageBatch", "RequestThrottled"),
        ("ssm:GetParameters", "InvalidKeyId"),
        ("sts:AssumeRole", "MalformedPolicyDocument"),
    }

    assert expected <= set(modelled())


def test_no_code_is_listed_twice() -> None:
    """What is handled elsewhere is not also a state of a pair."""
    assert STATE_OF_CODE.keys() & HANDLED_ELSEWHERE == set()


def test_what_botocore_throttles_we_call_throttled() -> None:
    """The retrying and the state agree on what throttling is."""
    # Private, and no public list exists; absent from the stubs too.
    codes = set(vars(ThrottledRetryableChecker)["_THROTTLED_ERROR_CODES"])
    ours = {code for code, state in STATE_OF_CODE.items() if state is State.THROTTLED}

    assert codes - ours == THROTTLING_TO_BOTOCORE_ALONE
    assert STATE_OF_CODE.keys() >= THROTTLING_TO_BOTOCORE_ALONE


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
    """The service's own code says what the failure is, at whatever status it comes."""
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
    """Unknown 5xx pass, unknown 4xx do not: AWS adds codes without notice."""
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
def test_a_refused_signature_is_a_matter_of_credentials(code: str, status: int) -> None:
    """In the spelling of the query services and of the JSON services: the next one is new."""
    found = classify(answered(code, status, "Signature expired: 20261128T071000Z is now earlier"))
    assert (found.state, found.retryable) == (State.CREDENTIALS, True)
    with pytest.raises(CallFailedError), hub("table images"):
        raise answered(code, status)


@pytest.mark.parametrize("code", TOKENS)
def test_a_refused_pagination_token_is_transient(code: str) -> None:
    """The next try begins at the first page."""
    assert classify(answered(code)).state is State.TRANSIENT
    with pytest.raises(CallFailedError), hub("table images"):
        raise answered(code)


NO_NAMESPACE = 'No access to "/aws/" namespace: aws/service/bottlerocket is not a valid namespace'


@pytest.mark.parametrize("padding", ["", "x" * 10 * DETAIL_LIMIT], ids=["short", "long"])
def test_a_namespace_that_is_not_there_is_not_found(padding: str) -> None:
    """SSM words it as a denial; the whole text decides, also where its end is not displayed."""
    found = classify(answered("AccessDeniedException", message=padding + NO_NAMESPACE))
    assert (found.state, found.code) == (State.NOT_FOUND, "AccessDeniedException")
    assert len(found.detail) <= DETAIL_LIMIT
    assert classify(answered("ThrottlingException", message=NO_NAMESPACE)).state is State.THROTTLED


def test_known_code_outranks_its_status() -> None:
    """Some services refuse access with a 5xx: the code is the better witness."""
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
    """Services do answer with `"message": null`, and middle boxes with nothing at all."""
    assert classify(error) == expected


def test_foreign_text_is_capped_and_printable() -> None:
    """A failure is written to a row: it holds no control characters and little text."""
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
    """Every exception class of botocore that is not an answer of AWS."""
    members = inspect.getmembers(exceptions, inspect.isclass)
    return [kind for _, kind in members if issubclass(kind, BotoCoreError)]


def expected_state(name: str) -> State:
    """The state that we want for one of botocore's exceptions; all others are our own bugs."""
    if name in TRANSIENT:
        return State.TRANSIENT
    if name in CREDENTIALS:
        return State.CREDENTIALS
    return State.BAD_LOOKUP if name in BAD_LOOKUP else State.UNCLASSIFIED


@pytest.mark.parametrize("kind", botocore_errors())
def test_every_botocore_exception_is_classified(kind: type[BotoCoreError]) -> None:
    """Faults of the network pass, missing credentials may come, the rest stays."""
    error = kind.__new__(kind)  # their constructors all ask for something else
    error.args = ("why",)
    found = classify(error)

    assert (found.state, found.code) == (expected_state(kind.__name__), kind.__name__)


def test_named_botocore_exceptions_exist() -> None:
    """No expectation above is spelt wrongly or out of date."""
    names = {kind.__name__ for kind in botocore_errors()}

    assert names >= TRANSIENT | CREDENTIALS | BAD_LOOKUP


def test_answer_that_cannot_be_parsed_is_transient() -> None:
    """A proxy's HTML page instead of an answer of AWS is tried again later."""
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
def test_hub_that_refuses_for_good_is_broken(code: str) -> None:
    """No delivery can mend a table that is gone: the invocation fails by the resource's name."""
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
def test_hub_that_is_busy_is_not_broken(error: Exception, state: State) -> None:
    """Passing faults of our own table, and one damaged row, are left to another delivery."""
    with pytest.raises(CallFailedError) as caught, hub("table images"):
        raise error

    assert caught.value.failure.state == state
    assert error is caught.value.__cause__


@pytest.mark.parametrize(
    "code", ["UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "OptInRequired"]
)
def test_refused_credentials_at_home_are_not_a_disabled_region(code: str) -> None:
    """The hub's region is enabled, so another delivery tries again with renewed credentials."""
    with pytest.raises(CallFailedError) as caught, hub("table images"):
        raise answered(code)

    assert (caught.value.failure.state, caught.value.failure.code) == (State.CREDENTIALS, code)


def test_hub_in_a_disabled_region_is_broken() -> None:
    """That code has one meaning."""
    with pytest.raises(HubBrokenError), hub("table images"):
        raise answered("RegionDisabledException")


def test_hub_leaves_everything_else_alone() -> None:
    """A bug stays a bug, and a call that works goes through."""
    with hub("table images"):
        pass
    with pytest.raises(ZeroDivisionError), hub("table images"):
        raise ZeroDivisionError
