"""The scheduler's settings: every setting is read, and all problems are reported at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import services
from services.kernel.errors import SettingsError
from services.scheduler.settings import Settings

LEAST = {
    "TABLE_NAME": "table",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/lookups",
    "AWS_REGION": "eu-west-1",
}


def test_settings_that_are_not_set_have_defaults() -> None:
    """The catalogue is next to the package, and a fifth of the rows may be removed at once."""
    expected = Settings(
        table_name="table",
        queue_url=LEAST["QUEUE_URL"],
        catalogue_path=Path(services.__path__[0]).parent / "catalogue.json",
        max_removed_percent=20,
        stale_after=timedelta(minutes=90),
        interval_minutes=None,
        metrics_namespace="AmiTracker",
        region="eu-west-1",
        endpoint_url="",
    )
    assert Settings.from_env(LEAST) == expected


def test_every_setting_can_be_set() -> None:
    """Each variable sets its field."""
    found = Settings.from_env(
        LEAST
        | {
            "CATALOGUE_PATH": "/elsewhere/catalogue.json",
            "MAX_REMOVED_PERCENT": "100",
            "STALE_AFTER_MINUTES": "150",
            "ROUND_INTERVAL_MINUTES": "60",
            "METRICS_NAMESPACE": "AmiTracker/second",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        }
    )
    assert found.catalogue_path == Path("/elsewhere/catalogue.json")
    assert (found.max_removed_percent, found.endpoint_url) == (100, "http://127.0.0.1:1")
    assert found.stale_after == timedelta(minutes=150)
    assert found.interval_minutes == 60
    assert found.metrics_namespace == "AmiTracker/second"


@pytest.mark.parametrize("minutes", ["0", "-5", "1.5", "ninety", "10081", "\u0669"])
def test_stale_after_is_a_number_of_minutes(minutes: str) -> None:
    """The limit is a week, and the error shows the invalid value."""
    with pytest.raises(SettingsError, match=f"STALE_AFTER_MINUTES is {minutes!r}, but must be"):
        Settings.from_env(LEAST | {"STALE_AFTER_MINUTES": minutes})


@pytest.mark.parametrize("minutes", ["0", "-5", "1.5", "hourly", "10081", "\u0669"])
def test_the_interval_is_a_number_of_minutes(minutes: str) -> None:
    """The limit is a week, and the error shows the invalid value."""
    with pytest.raises(SettingsError, match=f"ROUND_INTERVAL_MINUTES is {minutes!r}, but must be"):
        Settings.from_env(LEAST | {"ROUND_INTERVAL_MINUTES": minutes})


def test_an_empty_interval_is_unknown() -> None:
    """An empty variable counts as missing."""
    assert Settings.from_env(LEAST | {"ROUND_INTERVAL_MINUTES": ""}).interval_minutes is None


def test_the_default_region_is_accepted() -> None:
    """Shells often set only `AWS_DEFAULT_REGION`."""
    environ = {k: v for k, v in LEAST.items() if k != "AWS_REGION"}
    found = Settings.from_env(environ | {"AWS_DEFAULT_REGION": "us-east-2"})
    assert found.region == "us-east-2"


def test_all_missing_settings_are_named_at_once() -> None:
    """All missing settings are named at once, so one deployment can add them."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"MAX_REMOVED_PERCENT": "many"})
    assert caught.value.problems == (
        "environment variable TABLE_NAME is not set",
        "environment variable QUEUE_URL is not set",
        "MAX_REMOVED_PERCENT is 'many', but must be a whole number from 0 to 100",
        "environment variable AWS_REGION is not set",
    )
    assert str(caught.value).startswith("scheduler cannot start: ")


@pytest.mark.parametrize("value", ["-1", "101", "20.5", "20%", "٢٠"])
def test_a_share_is_a_whole_number_of_percent(value: str) -> None:
    """Any other value is rejected."""
    with pytest.raises(SettingsError, match="must be a whole number from 0 to 100"):
        Settings.from_env(LEAST | {"MAX_REMOVED_PERCENT": value})
