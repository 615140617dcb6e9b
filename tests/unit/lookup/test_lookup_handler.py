"""The entry point and its settings."""

from __future__ import annotations

from typing import Any

import pytest

from services.kernel.errors import MalformedError, SettingsError
from services.lookup.handler import handler
from services.lookup.settings import Settings

ENVIRONMENT = {
    "TABLE_NAME": "ami-tracker",
    "EXTERNAL_ID": "secret-sauce",
    "AWS_REGION": "eu-west-1",
}


def test_three_settings_are_enough() -> None:
    """All other settings have defaults."""
    expected = Settings(
        "ami-tracker", "ami-tracker-read", "secret-sauce", "AmiTracker", "eu-west-1", ""
    )
    assert Settings.from_env(ENVIRONMENT) == expected


def test_every_setting_can_be_set() -> None:
    """A shell's default region is accepted like Lambda's own variable."""
    given = {
        "TABLE_NAME": "t",
        "EXTERNAL_ID": "secret-sauce",
        "READ_ROLE_NAME": "reader",
        "METRICS_NAMESPACE": "AmiTracker/second",
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:5000",
    }
    expected = Settings(
        "t", "reader", "secret-sauce", "AmiTracker/second", "eu-west-2", "http://127.0.0.1:5000"
    )
    assert Settings.from_env(given) == expected


def test_all_missing_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One error names all missing settings, so one deployment can add them."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(SettingsError) as caught:
        handler({"Records": []}, None)
    named = ["TABLE_NAME", "EXTERNAL_ID", "AWS_REGION"]
    expected = tuple(f"environment variable {name} is not set" for name in named)
    assert caught.value.problems == expected


@pytest.mark.parametrize("event", [{}, {"Records": None}, {"Records": {}}, {"round": "now"}])
def test_an_event_that_is_not_from_sqs_is_rejected(event: dict[str, Any]) -> None:
    """An event of another source is rejected, because it must not look like success."""
    with pytest.raises(MalformedError, match="no list of Records, as an SQS event has"):
        handler(event, None)
