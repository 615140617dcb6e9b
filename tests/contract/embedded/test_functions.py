"""`lambda:Invoke` calls functions of this process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from services.embedded.aws.server import EmbeddedAws
from services.kernel.hub_session import HubSession


def invoke(home: HubSession, name: str, event: object) -> tuple[object, str | None]:
    """Invoke a function and return its response, and the kind of its error."""
    answer = home.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    assert answer["StatusCode"] == 200
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


@pytest.mark.parametrize(
    "name", ["echo", "arn:aws:lambda:us-east-1:123456789012:function:echo", "echo:live"]
)
def test_a_function_is_invoked_by_name_and_by_arn(
    aws: EmbeddedAws, home: HubSession, name: str
) -> None:
    """The event and the response are JSON, and the call is recorded."""
    mark = aws.mark()

    with aws.function("echo", lambda event: {"got": event}):
        assert invoke(home, name, {"a": [1]}) == ({"got": {"a": [1]}}, None)

    assert [(c.service, c.operation) for c in aws.calls(mark)] == [("lambda", "Invoke")]


def test_the_error_of_a_function_is_its_response(aws: EmbeddedAws, home: HubSession) -> None:
    """As in Lambda, the response has the type and the message of the exception."""

    def fail(event: Any) -> object:  # noqa: ANN401 - any JSON value
        raise ValueError(event)

    with aws.function("fail", fail):
        expected = {"errorMessage": "why", "errorType": "ValueError"}
        assert invoke(home, "fail", "why") == (expected, "Unhandled")


def test_a_function_can_call_the_embedded_aws(aws: EmbeddedAws, home: HubSession) -> None:
    """No lock is held while it runs."""

    def account(_: object) -> object:
        return home.client("sts").get_caller_identity()["Account"]

    with aws.function("account", account):
        assert invoke(home, "account", None) == ("123456789012", None)


def test_unknown_functions_and_faults(aws: EmbeddedAws, home: HubSession) -> None:
    """A function that was removed does not exist; a denied call has its code."""
    with aws.function("echo", lambda event: event):
        denied = aws.fault(service="lambda", code="AccessDeniedException", status=403)
        with denied, pytest.raises(ClientError, match="AccessDeniedException"):
            invoke(home, "echo", 1)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        invoke(home, "echo", 1)
