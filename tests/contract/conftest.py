"""The AWS that adapters are tried on: one server for a module, an empty hub for each test."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from log_fakes import FakeLog
from table_fakes import DynamoTable

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub, create_hub, environment
from services.kernel.sessions import HubSession


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedAws]:
    """An embedded AWS that runs for the module; prefer `aws`."""
    with EmbeddedAws() as aws:
        yield aws


@pytest.fixture
def aws(running: EmbeddedAws) -> Iterator[EmbeddedAws]:
    """The module's embedded AWS, with no call recorded yet and no fault in force."""
    running.clear_calls()
    yield running
    running.heal()


@pytest.fixture
def hub(aws: EmbeddedAws) -> Iterator[Hub]:
    """The hub's table and queues, empty."""
    made = create_hub(aws)
    yield made
    aws.client("dynamodb", made.region).delete_table(TableName=made.table_name)
    for url in (made.queue_url, made.dead_letter_url):
        aws.client("sqs", made.region).delete_queue(QueueUrl=url)


@pytest.fixture
def environ(aws: EmbeddedAws, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment that every handler finds on the embedded AWS, in force for the test."""
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    variables = environment(aws, hub)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def home(environ: dict[str, str], homes: dict[str, HubSession]) -> HubSession:
    """The hub's own session, made from nothing but the environment, as the handlers make it."""
    region = environ["AWS_REGION"]
    if region not in homes:
        homes[region] = HubSession(region)
    return homes[region]


@pytest.fixture(scope="module")
def homes(running: EmbeddedAws) -> dict[str, HubSession]:
    """The sessions of the module's embedded AWS; making one anew for each test takes longer."""
    assert running.endpoint_url
    return {}


@pytest.fixture
def table(aws: EmbeddedAws, hub: Hub) -> DynamoTable:
    """The hub's table, to put and read rows as nobody's service."""
    return DynamoTable(aws.client("dynamodb", hub.region), hub.table_name)


@pytest.fixture
def log() -> FakeLog:
    """A log to read."""
    return FakeLog()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between retries, botocore's and ours, none of which is made."""
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked
