"""Settings from the environment, the deadline, and the format of times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.kernel.clock import now
from services.kernel.deadline import Deadline
from services.kernel.errors import SettingsError
from services.kernel.settings import Environment
from services.kernel.wire import timestamp


def environment(**variables: str) -> Environment:
    """Build the environment of a service with these variables."""
    return Environment("lookup", variables)


class FakeContext:
    """Lambda's context with a fixed time left."""

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function is stopped."""
        return self.milliseconds


# --- settings


def test_settings_are_read() -> None:
    """A variable takes precedence over the default, and there are no problems."""
    env = environment(TABLE_NAME="images", TOPIC_NAME="releases", MAX_REMOVED_PERCENT="35")
    env.check()

    assert env.required("TABLE_NAME") == "images"
    assert env.optional("TOPIC_NAME", "other") == "releases"
    assert env.optional("ROLE_NAME", "ami-tracker-read") == "ami-tracker-read"
    assert env.percent("MAX_REMOVED_PERCENT", 20) == 35
    assert env.percent("ANOTHER_PERCENT", 20) == 20
    env.check()


def test_all_problems_are_reported_at_once() -> None:
    """One error has the service's name and all problems, so one deployment can repair them."""
    env = environment(MAX_REMOVED_PERCENT="many")
    env.required("TABLE_NAME")
    env.required("QUEUE_URL")
    env.percent("MAX_REMOVED_PERCENT", 20)
    env.home_region()

    with pytest.raises(SettingsError) as caught:
        env.check()

    expected = (
        "lookup cannot start: environment variable TABLE_NAME is not set; "
        "environment variable QUEUE_URL is not set; "
        "MAX_REMOVED_PERCENT is 'many', but must be a whole number from 0 to 100; "
        "environment variable AWS_REGION is not set"
    )
    assert str(caught.value) == expected
    assert len(caught.value.problems) == 4


def test_empty_is_missing() -> None:
    """Terraform writes an unset variable as an empty one, so an empty setting counts as missing."""
    env = environment(TABLE_NAME="", TOPIC_NAME="", MAX_REMOVED_PERCENT="")

    assert env.optional("TOPIC_NAME", "releases") == "releases"
    assert env.percent("MAX_REMOVED_PERCENT", 20) == 20
    env.required("TABLE_NAME")
    with pytest.raises(SettingsError, match="TABLE_NAME"):
        env.check()


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("7", 7), ("100", 100), ("007", 7)])
def test_percent_accepts_whole_numbers(text: str, expected: int) -> None:
    """A percentage is from 0 to 100, both included."""
    env = environment(P=text)

    assert env.percent("P", 20) == expected
    env.check()


@pytest.mark.parametrize("text", ["101", "-1", "+5", "1.5", "20%", " 20", "1_0", "²", "٣", "1e1"])
def test_percent_rejects_everything_else(text: str) -> None:
    """A percentage that could be misread is a problem."""
    env = environment(P=text)
    env.percent("P", 20)

    with pytest.raises(SettingsError, match="must be a whole number from 0 to 100"):
        env.check()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "us-east-1"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"}, "eu-west-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-1"}, "us-east-1"),
    ],
    ids=str,
)
def test_home_region_is_lambdas_region(variables: dict[str, str], expected: str) -> None:
    """`AWS_REGION` takes precedence; a shell with only `AWS_DEFAULT_REGION` works too."""
    env = environment(**variables)

    assert env.home_region() == expected
    env.check()


@pytest.mark.parametrize("text", ["s3", "tenant_1+=,.@:/-x", "x" * 1224], ids=len)
def test_external_id_is_read(text: str) -> None:
    """Every external id that STS accepts is accepted."""
    env = environment(EXTERNAL_ID=text)

    assert env.external_id() == text
    env.check()


@pytest.mark.parametrize(
    "text",
    ["x", "a b", "ab\n", "café", "x" * 1225],
    ids=["short", "blank", "line end", "accent", "long"],
)
def test_external_id_that_sts_would_reject_is_a_problem(text: str) -> None:
    """The id is rejected at the start, not by every AssumeRole call, and is not shown."""
    env = environment(EXTERNAL_ID=text)
    env.external_id()

    with pytest.raises(SettingsError) as caught:
        env.check()

    assert caught.value.problems == (
        "EXTERNAL_ID must be 2 to 1224 letters, digits or any of _+=,.@:/-",
    )


@pytest.mark.parametrize("text", ["reader", "team/reader", "a/b.c/_+=,.@-", "x" * 64])
def test_role_name_may_have_a_path(text: str) -> None:
    """The role's path comes before its name, without the first slash."""
    env = environment(READ_ROLE_NAME=text)

    assert env.role_name("READ_ROLE_NAME", "ami-tracker-read") == text
    assert env.role_name("OTHER", "ami-tracker-read") == "ami-tracker-read"
    env.check()


@pytest.mark.parametrize(
    "text", ["/team/reader", "team/", "a//b", "arn:aws:iam::111122223333:role/reader", "x" * 65]
)
def test_role_name_that_is_invalid_in_an_arn_is_a_problem(text: str) -> None:
    """An invalid role name is found at the start, not as a denial in every account."""
    env = environment(READ_ROLE_NAME=text)
    env.role_name("READ_ROLE_NAME", "ami-tracker-read")

    with pytest.raises(SettingsError) as caught:
        env.check()

    assert caught.value.problems == (
        f"READ_ROLE_NAME is {text!r}, but must be a role's name, or path and name: team/reader",
    )


def test_missing_external_id_is_one_problem() -> None:
    """A missing value is not also reported as malformed."""
    env = environment()
    env.external_id()

    with pytest.raises(SettingsError) as caught:
        env.check()

    assert caught.value.problems == ("environment variable EXTERNAL_ID is not set",)


# --- the deadline


def test_deadline_counts_down_to_zero() -> None:
    """The time left is never negative, and the end counts as passed."""
    moments = iter([1000.0, 1000.0, 1004.0, 1009.9, 1010.0, 1011.0])
    deadline = Deadline.after(10, clock=lambda: next(moments))

    assert deadline.seconds_left() == 10
    assert deadline.seconds_left() == 6
    assert not deadline.passed()
    assert deadline.passed()
    assert deadline.seconds_left() == 0


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [(60_000, 55), (50_000, 45), (30_000, 27), (3_000, 2), (900, 0), (0, 0)],
)
def test_deadline_keeps_a_reserve_of_the_invocation(milliseconds: int, expected: float) -> None:
    """The reserve for the response is at most a tenth of the time, and at least a second."""
    deadline = Deadline.of(FakeContext(milliseconds), reserve_seconds=5, clock=lambda: 0.0)

    assert deadline.seconds_left() == pytest.approx(expected)


def test_deadline_follows_the_clock_of_lambda() -> None:
    """The context is called each time, so the time left is Lambda's own."""
    context = FakeContext(60_000)
    deadline = Deadline.of(context, reserve_seconds=5)
    context.milliseconds = 4_000

    assert deadline.passed()


def test_running_work_at_the_deadline_is_awaited() -> None:
    """Most of the reserve is for running work; only the rest is for the response."""
    context = FakeContext(60_000)
    deadline = Deadline.of(context, reserve_seconds=5)
    context.milliseconds = 5_000

    assert deadline.passed()
    assert deadline.seconds_to_answer() == pytest.approx(3.5)
    context.milliseconds = 1_000
    assert deadline.seconds_to_answer() == 0


def test_a_clock_that_is_set_back_does_not_move_the_deadline() -> None:
    """Lambda computes the time left from the system clock, but stops the function nevertheless."""
    context, seconds = FakeContext(60_000), 0.0
    deadline = Deadline.of(context, reserve_seconds=5, clock=lambda: seconds)
    context.milliseconds += 3_600_000
    seconds = 54.0
    assert deadline.seconds_left() == 1
    seconds = 55.0
    assert deadline.passed()


class NotLambda:
    """A context of another program, whose attribute is not a method."""

    get_remaining_time_in_millis = 3


@pytest.mark.parametrize("context", [None, object(), NotLambda()], ids=["none", "bare", "other"])
def test_deadline_outside_lambda_is_the_maximum_timeout(context: object) -> None:
    """A call from a laptop or a test has Lambda's own 15 minutes."""
    assert Deadline.of(context, reserve_seconds=0).seconds_left() == pytest.approx(900, abs=1)


# --- times


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 11, 22, 7, tzinfo=UTC), "2026-11-22T07:00:00.000Z"),
        (datetime(2026, 11, 22, 7, 0, 0, 123_999, tzinfo=UTC), "2026-11-22T07:00:00.123Z"),
        (
            datetime(2026, 11, 22, 0, 30, tzinfo=timezone(timedelta(hours=2))),
            "2026-11-21T22:30:00.000Z",
        ),
    ],
    ids=["whole second", "microseconds", "elsewhere"],
)
def test_timestamp_is_utc_with_milliseconds(moment: datetime, expected: str) -> None:
    """Rows and events use one format only, in which text order is time order."""
    assert timestamp(moment) == expected


def test_now_is_in_utc() -> None:
    """The time does not depend on the time zone of the machine."""
    assert now().utcoffset() == timedelta(0)
