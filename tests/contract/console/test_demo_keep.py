"""The deployment that `demo --keep` leaves running: its timetable, its end, and its guide."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from services.catalogue.load import load
from services.console.demo import keep
from services.console.demo.deployment import Deployment
from services.console.demo.faults import SCHEDULE_QUEUE, break_something
from services.console.demo.guide import print_guide, setup_lines
from services.console.demo.keep import interruptible, serve
from services.console.demo.page import Page
from services.console.demo.scenario import AL2023_PATH, MEMBER_ACCOUNT, MEMBER_REGION, write_files
from services.embedded.aws.server import HUB_ACCOUNT, EmbeddedAws
from services.embedded.tracker.resources import (
    AGGREGATOR,
    EXTERNAL_ID,
    HUB_REGION,
    READ_ROLE,
    create_member,
    create_roles,
)
from services.kernel.keys import ROUND_PREFIX
from services.kernel.model import Catalogue

_SOON = 0.02
"""Minutes after which a deployment stops in these tests."""


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """Read the configuration of the demo."""
    folder = tmp_path_factory.mktemp("demo")
    write_files(folder)
    return load(folder / "tracked_images", folder / "regions.yaml")


@pytest.fixture(scope="module")
def deployment(
    running: EmbeddedAws, catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory
) -> Deployment:
    """Create the deployment of the demo, before its first round."""
    return Deployment(running, tmp_path_factory.mktemp("deployment"), catalogue)


def test_it_ends_when_the_time_is_over(aws: EmbeddedAws, deployment: Deployment) -> None:
    """The function answers until then, and not afterwards."""
    client, answers = aws.client("lambda", HUB_REGION), []

    def ready(end: datetime) -> None:
        assert end > datetime.now(UTC)
        answers.append(client.invoke(FunctionName=AGGREGATOR, Payload=b'{"sweep": true}'))

    serve(deployment, _SOON, ready)

    assert [answer.get("FunctionError") for answer in answers] == [None]
    with pytest.raises(ClientError):
        client.invoke(FunctionName=AGGREGATOR, Payload=b'{"sweep": true}')


def test_rounds_and_sweeps_go_on(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round and a sweep that are due are run."""
    monkeypatch.setattr(keep, "INTERVAL_MINUTES", 0)
    monkeypatch.setattr(keep, "_SWEEP_SECONDS", 0)

    serve(deployment, _SOON, lambda _: None)

    assert deployment.rows(ROUND_PREFIX)
    assert deployment.pipeline.queue.backlog() == 0


@pytest.fixture
def _default_signals() -> Iterator[None]:
    """Set the handlers of an interactive shell: in a background job, signals can be ignored."""
    handlers: dict[signal.Signals, Any] = {
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
        signal.SIGINT: signal.default_int_handler,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_default_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it(deployment: Deployment, number: signal.Signals) -> None:
    """A signal to stop ends the wait, and the handlers from before are set again."""
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)]

    with interruptible():
        serve(deployment, 10, lambda _: os.kill(os.getpid(), number))

    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)] == before


def member(aws: EmbeddedAws) -> Any:  # noqa: ANN401 - a client of EC2
    """Return a client of EC2 in the member account, to which faults apply."""
    create_roles(aws, MEMBER_ACCOUNT)
    sts = aws.client("sts", HUB_REGION)
    role = f"arn:aws:iam::{MEMBER_ACCOUNT}:role/{READ_ROLE}"
    given = sts.assume_role(RoleArn=role, RoleSessionName="test", ExternalId=EXTERNAL_ID)
    return boto3.client(
        "ec2",
        MEMBER_REGION,
        endpoint_url=aws.endpoint_url,
        aws_access_key_id=given["Credentials"]["AccessKeyId"],
        aws_secret_access_key=given["Credentials"]["SecretAccessKey"],
        aws_session_token=given["Credentials"]["SessionToken"],
    )


def test_what_is_broken_is_broken(
    aws: EmbeddedAws,
    deployment: Deployment,  # noqa: ARG001 - creates the queues
    catalogue: Catalogue,
) -> None:
    """A topic does not exist, an account is denied, and two dead letters wait."""
    create_member(aws, HUB_ACCOUNT, ["sa-east-1"], roles=False)
    aws.publishers.put_parameter(HUB_ACCOUNT, "sa-east-1", AL2023_PATH, "ami-0123456789abcdef0")

    break_something(aws, catalogue, "2026-11-29T07:00:00.000Z")

    sqs = aws.client("sqs", HUB_REGION)
    url = sqs.get_queue_url(QueueName="ami-tracker-lookups-dead-letters")["QueueUrl"]
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 2
    assert sqs.get_queue_url(QueueName=SCHEDULE_QUEUE)["QueueUrl"]
    assert aws.client("sns", "sa-east-1").list_topics()["Topics"] == []
    with pytest.raises(ClientError, match="explicit deny"):
        member(aws).describe_images()


def test_the_guide_fits_a_terminal_and_prepares_a_shell() -> None:
    """Lines that are copied are whole, and no secret is printed."""
    text = io.StringIO()
    page = Page(Console(file=text, width=80))

    print_guide(page, "http://127.0.0.1:1234", Path("/a b"), datetime(2026, 11, 29, 8, tzinfo=UTC))

    shown = text.getvalue()
    assert "  export AWS_ENDPOINT_URL=http://127.0.0.1:1234\n" in shown
    assert "  cd '/a b'\n" in shown
    assert "stops at 08:00 UTC" in shown
    assert [line for line in shown.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({"HTTPS_PROXY": "http://proxy"}, False), ({"http_proxy": "http://proxy"}, True)],
)
def test_a_proxy_is_not_used_for_the_embedded_aws(
    environ: dict[str, str], *, expected: bool
) -> None:
    """The endpoint is plain HTTP, so only a proxy for HTTP has to be bypassed."""
    lines = list(setup_lines("http://127.0.0.1:1", Path("/a"), environ))

    assert any("no_proxy" in line for line in lines) is expected
