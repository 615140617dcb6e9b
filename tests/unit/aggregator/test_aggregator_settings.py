"""The aggregator's settings: every setting is read, and all problems are reported at once."""

from __future__ import annotations

import pytest

from services.aggregator.settings import Settings
from services.kernel.errors import SettingsError

LEAST = {"TABLE_NAME": "table", "EXTERNAL_ID": "of-ours", "AWS_REGION": "eu-west-1"}


def test_settings_that_are_not_set_have_defaults() -> None:
    """Role and topic default to the names that the StackSets give them."""
    expected = Settings(
        table_name="table",
        publish_role_name="ami-tracker-publish",
        topic_name="ami-tracker-releases",
        external_id="of-ours",
        metrics_namespace="AmiTracker",
        region="eu-west-1",
        endpoint_url="",
    )
    assert Settings.from_env(LEAST) == expected


def test_every_setting_can_be_set() -> None:
    """Each variable sets its field."""
    found = Settings.from_env({
        "TABLE_NAME": "t",
        "PUBLISH_ROLE_NAME": "r",
        "TOPIC_NAME": "news.fifo",
        "EXTERNAL_ID": "an-id",
        "METRICS_NAMESPACE": "AmiTracker/second",
        "AWS_DEFAULT_REGION": "us-east-2",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    })  # fmt: skip
    expected = Settings(
        "t", "r", "news.fifo", "an-id", "AmiTracker/second", "us-east-2", "http://127.0.0.1:1"
    )
    assert found == expected


def test_all_missing_settings_are_named_at_once() -> None:
    """All missing settings are named at once, so one deployment can add them."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({})
    assert caught.value.problems == (
        "environment variable TABLE_NAME is not set",
        "environment variable EXTERNAL_ID is not set",
        "environment variable AWS_REGION is not set",
    )
    assert str(caught.value).startswith("aggregator cannot start: ")


@pytest.mark.parametrize("value", ["x", "two words", "é-é", "x" * 1225])
def test_an_external_id_must_be_valid_for_sts(value: str) -> None:
    """An invalid external id is reported by the settings instead of by every account."""
    with pytest.raises(SettingsError, match="EXTERNAL_ID must be 2 to 1224 letters") as caught:
        Settings.from_env(LEAST | {"EXTERNAL_ID": value})
    assert len(caught.value.problems) == 1
