"""One embedded AWS for each test module, and the hub on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub, create_hub, environment
from services.kernel.hub_session import HubSession


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedAws]:
    """An embedded AWS that runs for the module."""
    with EmbeddedAws() as aws:
        yield aws


@pytest.fixture(scope="module")
def hub(running: EmbeddedAws) -> Hub:
    """Create the hub's table and queue, with a visibility timeout of one second."""
    return create_hub(running, visibility_seconds=1)


@pytest.fixture
def aws(running: EmbeddedAws) -> Iterator[EmbeddedAws]:
    """Return the module's embedded AWS, without active faults before and after."""
    yield running
    running.heal()


@pytest.fixture
def home(aws: EmbeddedAws, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> HubSession:
    """Build the hub's own session from the environment only, as the handlers do."""
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    for name, value in environment(aws, hub).items():
        monkeypatch.setenv(name, value)
    return HubSession(hub.region)
