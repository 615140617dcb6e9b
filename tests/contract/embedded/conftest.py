"""One embedded AWS for each test module, and the hub on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub, create_hub, environment
from services.kernel.sessions import HubSession


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedAws]:
    """An embedded AWS that runs for the module."""
    with EmbeddedAws() as aws:
        yield aws


@pytest.fixture(scope="module")
def hub(running: EmbeddedAws) -> Hub:
    """The hub's table and queue; messages come back after one second."""
    return create_hub(running, visibility_seconds=1)


@pytest.fixture
def aws(running: EmbeddedAws) -> Iterator[EmbeddedAws]:
    """The module's embedded AWS, with no fault in force before or after."""
    yield running
    running.heal()


@pytest.fixture
def home(aws: EmbeddedAws, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> HubSession:
    """The hub's own session, made from nothing but the environment, as the handlers make it."""
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    for name, value in environment(aws, hub).items():
        monkeypatch.setenv(name, value)
    return HubSession(hub.region)
