"""Why a call of a command into the hub's account failed."""

from __future__ import annotations

import pytest
from botocore.exceptions import ReadTimeoutError

from services.console.acting.hub import calls
from services.console.lookup.problems import AwsProblem


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("dynamodb:Query", "dynamodb:Query on table t got no answer; try again"),
        ("dynamodb:BatchGetItem", "dynamodb:BatchGetItem on table t got no answer; try again"),
        (
            "lambda:InvokeFunction",
            "lambda:InvokeFunction on table t got no answer, so its effect is unknown; try again",
        ),
        (
            "sqs:PurgeQueue",
            "sqs:PurgeQueue on table t got no answer, so its effect is unknown; try again",
        ),
    ],
)
def test_only_a_call_that_changes_something_has_an_unknown_effect(
    action: str, expected: str
) -> None:
    """A read without an answer can simply be repeated."""
    with (
        pytest.raises(AwsProblem, match="got no answer") as caught,
        calls(action, "table t", "us-east-1", "--table"),
    ):
        raise ReadTimeoutError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")

    assert str(caught.value).startswith(f"{expected} (ReadTimeoutError")
