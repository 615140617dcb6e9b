"""The subscribers' example function starts the pipeline exactly once for each event."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Iterator
from typing import Any, Protocol

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from support.aws.terraform import ROOT
from support.builders.aggregator import a_release

from services.aggregator.announce import announcement

HANDLER = ROOT / "infra" / "examples" / "lambda" / "handler.py"
TABLE = "ami-releases-seen"
REGION = "eu-west-1"
PIPELINE = f"arn:aws:codepipeline:{REGION}:444455556666:rebuild"


class Function(Protocol):
    """The part of the example's module that the tests use."""

    LEASE: int
    KEPT: int

    def handler(self, event: dict[str, Any], _context: object) -> dict[str, list[str]]:
        """The Lambda handler."""


def event(version: int = 2) -> dict[str, Any]:
    """The event with which SNS invokes a function."""
    sent = announcement(a_release("al2023-eks-1.33", version=version))
    attributes = {
        name: {"Type": "Number" if isinstance(value, int) else "String", "Value": str(value)}
        for name, value in sent.attributes.items()
    }
    return {"Records": [{"Sns": {"Message": sent.body, "MessageAttributes": attributes}}]}


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[Function]:
    """The function with its table, without a pipeline."""
    monkeypatch.setenv("TABLE_NAME", TABLE)
    monkeypatch.setenv("PIPELINE_ARN", PIPELINE)
    spec = importlib.util.spec_from_file_location("example_handler", HANDLER)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "event_id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "event_id", "KeyType": "HASH"}],
        )
        yield module


@pytest.fixture
def pipeline(function: Function) -> Any:  # noqa: ANN401 - boto3 creates client classes at run time
    """The client of CodePipeline, with the pipeline that the function starts."""
    assert function.LEASE  # its fixture runs the emulated AWS
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "codepipeline.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = boto3.client("iam").create_role(
        RoleName="rebuild", AssumeRolePolicyDocument=json.dumps(trust)
    )
    codepipeline = boto3.client("codepipeline", region_name=REGION)
    action: Any = {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"}
    stages: Any = [{"name": n, "actions": [{"name": n, "actionTypeId": action}]} for n in "ab"]
    codepipeline.create_pipeline(
        pipeline={
            "name": "rebuild",
            "roleArn": role["Role"]["Arn"],
            "artifactStore": {"type": "S3", "location": "artifacts"},
            "stages": stages,
        }
    )
    return codepipeline


def executions(pipeline: Any) -> list[str]:  # noqa: ANN401 - as above
    """The ids of all executions."""
    listed = pipeline.list_pipeline_executions(pipelineName="rebuild")
    return [each["pipelineExecutionId"] for each in listed["pipelineExecutionSummaries"]]


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the function's clock forward."""
    moment = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: moment)


def test_event_starts_the_pipeline_once(function: Function, pipeline: Any) -> None:  # noqa: ANN401 - as above
    """A duplicate event starts nothing; the next event of the image starts an execution."""
    started = function.handler(event(), None)["started"]

    assert function.handler(event(), None) == {"started": []}
    started += function.handler(event(version=3), None)["started"]
    assert sorted(started) == sorted(executions(pipeline))
    assert len(started) == 2


def test_handled_event_is_remembered_for_a_month(
    function: Function,
    pipeline: Any,  # noqa: ANN401 - as above
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A duplicate that arrives long after the end of the lease starts nothing."""
    function.handler(event(), None)
    pass_time(monkeypatch, function.KEPT - 60)

    assert function.handler(event(), None) == {"started": []}
    assert len(executions(pipeline)) == 1


def test_failed_start_is_retried(
    function: Function, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The function raises the error, and Lambda's retry a minute later finds an expired lease."""
    with pytest.raises(ClientError, match="PipelineNotFoundException"):
        function.handler(event(), None)
    pipeline = request.getfixturevalue("pipeline")
    pass_time(monkeypatch, 60)

    assert function.handler(event(), None)["started"] == executions(pipeline)
    assert len(executions(pipeline)) == 1


def test_concurrent_duplicates_start_one_execution(
    function: Function, request: pytest.FixtureRequest
) -> None:
    """While the function handles an event, a duplicate of it starts nothing."""
    with pytest.raises(ClientError):
        function.handler(event(), None)  # takes the lease, then fails
    pipeline = request.getfixturevalue("pipeline")

    assert function.handler(event(), None) == {"started": []}
    assert executions(pipeline) == []


def test_lease_is_longer_than_the_timeout_and_shorter_than_the_retry_delay(
    function: Function,
) -> None:
    """A shorter lease would allow two runs at once; a longer one would drop Lambda's retry."""
    timeout = int((HANDLER.parent / "main.tf").read_text().partition("timeout          = ")[2][:2])

    assert timeout < function.LEASE < 60


def test_missing_table_is_an_error(
    function: Function,
    pipeline: Any,  # noqa: ANN401 - as above
) -> None:
    """Without its table, the function raises an error and starts nothing."""
    boto3.client("dynamodb").delete_table(TableName=TABLE)

    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        function.handler(event(), None)
    assert executions(pipeline) == []
