"""The environment of a person who reads the table, on the embedded AWS."""

from __future__ import annotations

import time

import pytest

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub


@pytest.fixture
def person(aws: EmbeddedAws, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables of a person who uses the embedded AWS."""
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("AWS_REGION", hub.region)
    monkeypatch.setattr(time, "sleep", lambda _: None)
