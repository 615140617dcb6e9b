"""The embedded AWS for contract tests: one server per module, and an empty hub for each test."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.fakes.log import FakeLog
from support.fakes.table import DynamoTable

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub, create_hub, environment
from services.kernel.hub_session import HubSession


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedAws]:
    """Start an embedded AWS for the module; tests should use `aws`."""
    with EmbeddedAws() as aws:
        yield aws


@pytest.fixture
def aws(running: EmbeddedAws) -> Iterator[EmbeddedAws]:
    """Return the module's embedded AWS, without recorded calls and active faults."""
    running.clear_calls()
    yield running
    running.heal()


@pytest.fixture
def hub(aws: EmbeddedAws) -> Iterator[Hub]:
    """Create the hub's table and queues, empty."""
    made = create_hub(aws)
    yield made
    aws.client("dynamodb", made.region).delete_table(TableName=made.table_name)
    for url in (made.queue_url, made.dead_letter_url):
        aws.client("sqs", made.region).delete_queue(QueueUrl=url)


@pytest.fixture
def environ(aws: EmbeddedAws, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set the environment of every handler on the embedded AWS, for the test."""
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    variables = environment(aws, hub)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def home(environ: dict[str, str], homes: dict[str, HubSession]) -> HubSession:
    """Build the hub's own session from the environment only, as the handlers do."""
    region = environ["AWS_REGION"]
    if region not in homes:
        homes[region] = HubSession(region)
    return homes[region]


@pytest.fixture(scope="module")
def homes(running: EmbeddedAws) -> dict[str, HubSession]:
    """Return a cache of the module's sessions, because creating one for each test takes longer."""
    assert running.endpoint_url
    return {}


@pytest.fixture
def table(aws: EmbeddedAws, hub: Hub) -> DynamoTable:
    """Return direct access to the hub's table."""
    return DynamoTable(aws.client("dynamodb", hub.region), hub.table_name)


@pytest.fixture
def log() -> FakeLog:
    """Return a log in memory."""
    return FakeLog()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the waits between retries, botocore's and ours, without waiting."""
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked
