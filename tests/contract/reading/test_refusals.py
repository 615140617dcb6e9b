"""`status` and `coverage` without an answer: the reason in one sentence, and the exit code."""

from __future__ import annotations

import pytest
from support.labs.reading_lab import Lab

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub


@pytest.fixture(params=["status", "coverage"])
def lab(
    request: pytest.FixtureRequest,
    aws: EmbeddedAws,
    hub: Hub,
    person: None,  # noqa: ARG001 - the environment
) -> Lab:
    """Return each command on a healthy table."""
    lab = Lab(aws, hub, request.param)
    lab.healthy()
    return lab


def refusal(lab: Lab, *arguments: str, code: int) -> str:
    """Return the last line on standard error; there is nothing on standard output."""
    result = lab.run(*arguments, code=code)
    assert result.stdout == ""
    return str(result.stderr.splitlines()[-1])


def test_a_table_that_does_not_exist(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the table, the region and the options."""
    expected = "there is no table nope in us-east-1; check --table and --region"
    assert expected in refusal(lab, "--table", "nope", code=2)

    monkeypatch.setenv("AMI_TRACKER_TABLE", "nope")
    assert expected in refusal(lab, code=2)


def test_another_region(lab: Lab) -> None:
    """The table is only in the hub's region."""
    line = refusal(lab, "--region", "eu-west-1", code=2)

    assert "there is no table ami-tracker in eu-west-1; check --table and --region" in line


@pytest.mark.parametrize("operation", ["GetItem", "Query"])
def test_a_permission_that_is_missing(lab: Lab, operation: str) -> None:
    """The sentence names it, and the policy that has it."""
    with lab.aws.fault(operation=operation, code="AccessDeniedException", status=403):
        line = refusal(lab, code=1)

    assert f"dynamodb:{operation} on table ami-tracker is denied; ask for this permission" in line
    assert "which the policy <name_prefix>-read-only of the Terraform module has" in line


def test_credentials_that_have_expired(lab: Lab) -> None:
    """No other call is made."""
    with lab.aws.fault(service="sts", code="ExpiredToken", status=403):
        line = refusal(lab, code=1)

    assert "the AWS credentials have expired (ExpiredToken); log in again" in line
    assert lab.operations() == []


def test_no_credentials(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says how to get some."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    assert "no AWS credentials; use --profile" in refusal(lab, code=2)


def test_an_endpoint_that_does_not_answer(lab: Lab) -> None:
    """The sentence names the option."""
    line = refusal(lab, "--endpoint-url", "http://127.0.0.1:9", code=1)

    assert "does not respond (EndpointConnectionError); check the network" in line


def test_a_table_that_is_busy(lab: Lab) -> None:
    """The calls are repeated, and then the command ends."""
    with lab.aws.fault(operation="Query", code="ThrottlingException"):
        line = refusal(lab, code=1)

    assert "dynamodb:Query on table ami-tracker was throttled; try again" in line


def test_the_help_ends_with_an_example(lab: Lab) -> None:
    """It can be copied."""
    lines = lab.run("--help").stdout.strip().splitlines()

    assert lines[-1].strip().startswith(f"ami-tracker {lab.command} ")
