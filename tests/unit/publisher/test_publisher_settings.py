"""The publisher's settings and event."""

from __future__ import annotations

import pytest

from services.kernel.errors import MalformedError, SettingsError
from services.publisher.event import check_publish_event
from services.publisher.settings import Settings

LEAST = {"TABLE_NAME": "table", "BUCKET_NAME": "bucket", "AWS_REGION": "eu-west-1"}


def test_settings_that_are_not_set_have_defaults() -> None:
    """The defaults are those of the commands."""
    assert Settings.from_env(LEAST) == Settings("table", "bucket", "", 72, 10, "eu-west-1", "")


def test_every_setting_can_be_set() -> None:
    """Each variable sets its field."""
    found = Settings.from_env({
        "TABLE_NAME": "t",
        "BUCKET_NAME": "b",
        "PREFIX": "team/images/",
        "LAG_HOURS": "24",
        "RELEASES": "5",
        "AWS_DEFAULT_REGION": "us-east-2",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    })  # fmt: skip

    expected = Settings("t", "b", "team/images/", 24, 5, "us-east-2", "http://127.0.0.1:1")
    assert found == expected


def test_all_missing_settings_are_named_at_once() -> None:
    """All missing settings are named at once, so one deployment can add them."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({})

    assert str(caught.value) == (
        "publisher cannot start: environment variable TABLE_NAME is not set; "
        "environment variable BUCKET_NAME is not set; environment variable AWS_REGION is not set"
    )


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("PREFIX", "images", "must be empty, or end with a slash"),
        ("PREFIX", "/images/", "must be empty, or end with a slash"),
        ("PREFIX", "a/../b/", "must be empty, or end with a slash"),
        ("PREFIX", "a//b/", "must be empty, or end with a slash"),
        ("LAG_HOURS", "0", "must be a whole number from 1 to 8760"),
        ("LAG_HOURS", "1.5", "must be a whole number from 1 to 8760"),
        ("RELEASES", "101", "must be a whole number from 1 to 100"),
        ("RELEASES", "-1", "must be a whole number from 1 to 100"),
    ],
)
def test_an_invalid_setting_is_reported(name: str, value: str, problem: str) -> None:
    """The message has the value and what is allowed."""
    with pytest.raises(SettingsError, match=f"{name} is '{value}', but {problem}"):
        Settings.from_env(LEAST | {name: value})


@pytest.mark.parametrize("event", [{}, {"publish": 1}, {"publish": False}, {"sweep": True}])
def test_another_event_is_rejected(event: dict[str, object]) -> None:
    """An event that was meant for another function publishes nothing."""
    with pytest.raises(MalformedError, match=r'it is not \{"publish": true\}'):
        check_publish_event(event)


def test_the_event_of_the_schedule_is_accepted() -> None:
    """The event has no other fields."""
    check_publish_event({"publish": True})
