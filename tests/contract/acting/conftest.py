"""The environment of a person who runs the commands, on the embedded AWS."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.builders.aggregator import ACCOUNT

from services.console.acting import confirm
from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.pipeline import Pipeline
from services.embedded.tracker.resources import Hub, create_member
from services.embedded.tracker.subscriptions import Inbox, subscribe

REGIONS = ("eu-west-1", "us-east-1")


@pytest.fixture(scope="module")
def subscription(running: EmbeddedAws) -> Inbox:
    """Create the target account with its topics, and subscribe to them; use `inbox`."""
    member = create_member(running, ACCOUNT, REGIONS)
    return subscribe(running, member, REGIONS)


@pytest.fixture
def inbox(subscription: Inbox) -> Inbox:
    """Return the subscriber, without earlier messages."""
    subscription.receive()
    return subscription


@pytest.fixture
def person(aws: EmbeddedAws, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables of a person who uses the embedded AWS."""
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("AWS_REGION", hub.region)
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.fixture
def deployed(aws: EmbeddedAws, hub: Hub, person: None, tmp_path: Path) -> Iterator[Pipeline]:  # noqa: ARG001 - the environment
    """Deploy the aggregator, so that it can be invoked."""
    pipeline = Pipeline(aws, hub, tmp_path / "catalogue.json")
    with pipeline.invocable():
        yield pipeline


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer questions as on a terminal."""
    monkeypatch.setattr(confirm, "is_terminal", lambda: True)
