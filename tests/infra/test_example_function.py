"""The subscribers' example function: one start for each event, whatever goes wrong on the way."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Iterator
from typing import Any, Protocol

import boto3
import pytest
from aggregator_fakes import a_release
from botocore.exceptions import ClientError
from moto import mock_aws
from terraform import ROOT

from services.aggregator.announce import announcement

HANDLER = ROOT / "infra" / "examples" / "lambda" / "handler.py"
TABLE = "ami-releases-seen"
REGION = "eu-west-1"
PIPELINE = f"arn:aws:codepipeline:{REGION}:444455556666:rebuild"


class Function(Protocol):
    """The example's module, as far as the tests use it."""

    LEASE: int
    KEPT: int

    def handler(self, event: dict[str, Any], _context: object) -> dict[str, list[str]]:
        """Lambda's entry."""


def event(version: int = 2) -> dict[str, Any]:
    """What SNS invokes a function with."""
    sent = announcement(a_release("al2023-eks-1.33", version=version))
    attributes = {
        name: {"Type": "Number" if isinstance(value, int) else "String", "Value": str(value)}
        for name, value in sent.attributes.items()
    }
    return {"Records": [{"Sns": {"Message": sent.body, "MessageAttributes": attributes}}]}


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[Function]:
    """The function beside its table, without a pipeline yet."""
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
def pipeline(function: Function) -> Any:  # noqa: ANN401 - boto3 makes its clients when it runs
    """The client of CodePipeline, with the pipeline that the function starts."""
    assert function.LEASE  # its fixture holds the emulated AWS
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
    """Let the function believe that it is later."""
    moment = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: moment)


def test_an_event_starts_the_pipeline_once(function: Function, pipeline: Any) -> None:  # noqa: ANN401 - as above
    """A copy starts nothing, the image's next event does."""
    started = function.handler(event(), None)["started"]

    assert function.handler(event(), None) == {"started": []}
    started += function.handler(event(version=3), None)["started"]
    assert sorted(started) == sorted(executions(pipeline))
    assert len(started) == 2


def test_what_is_handled_stays_so_for_a_month(
    function: Function,
    pipeline: Any,  # noqa: ANN401 - as above
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A copy that comes long after the lease is over is a copy still."""
    function.handler(event(), None)
    pass_time(monkeypatch, function.KEPT - 60)

    assert function.handler(event(), None) == {"started": []}
    assert len(executions(pipeline)) == 1


def test_a_start_that_fails_is_tried_again(
    function: Function, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The failure reaches Lambda, whose retry a minute later finds the claim expired."""
    with pytest.raises(ClientError, match="PipelineNotFoundException"):
        function.handler(event(), None)
    pipeline = request.getfixturevalue("pipeline")
    pass_time(monkeypatch, 60)

    assert function.handler(event(), None)["started"] == executions(pipeline)
    assert len(executions(pipeline)) == 1


def test_two_copies_at_the_same_moment_start_one(
    function: Function, request: pytest.FixtureRequest
) -> None:
    """While one copy is being handled, another one finds the event taken."""
    with pytest.raises(ClientError):
        function.handler(event(), None)  # has claimed it, and came no further
    pipeline = request.getfixturevalue("pipeline")

    assert function.handler(event(), None) == {"started": []}
    assert executions(pipeline) == []


def test_the_lease_outlasts_the_function_and_not_the_wait_for_a_retry(function: Function) -> None:
    """Shorter, and two copies run at once; longer, and the retry takes itself for a copy."""
    timeout = int((HANDLER.parent / "main.tf").read_text().partition("timeout          = ")[2][:2])

    assert timeout < function.LEASE < 60


def test_a_table_that_is_gone_is_a_failure(
    function: Function,
    pipeline: Any,  # noqa: ANN401 - as above
) -> None:
    """Without its memory the function starts nothing and says so."""
    boto3.client("dynamodb").delete_table(TableName=TABLE)

    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        function.handler(event(), None)
    assert executions(pipeline) == []
