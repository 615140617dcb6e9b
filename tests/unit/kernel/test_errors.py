"""Errors name the problem, the resource and the repair."""

from __future__ import annotations

import inspect

import pytest

from services.kernel import errors
from services.kernel.errors import (
    DETAIL_LIMIT,
    AmiTrackerError,
    CallFailedError,
    Failure,
    HubBrokenError,
    MalformedError,
    OutOfTimeError,
    RefusedError,
    RegionsFailedError,
    SettingsError,
    UnsentError,
)
from services.kernel.model import RETRYABLE, State

DENIED = Failure(State.ACCESS_DENIED, "AccessDenied", "no such role")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            SettingsError("lookup", ["TABLE_NAME is not set", "X is bad"]),
            "lookup cannot start: TABLE_NAME is not set; X is bad",
        ),
        (MalformedError("message", "it is empty"), "message is malformed: it is empty"),
        (CallFailedError(DENIED), "access_denied: AccessDenied: no such role"),
        (
            HubBrokenError("table images", DENIED),
            "table images cannot be used: AccessDenied: no such role",
        ),
        (
            OutOfTimeError("2026-11-22T07:00:00Z", ["eu-west-1", "us-east-1"]),
            (
                "round 2026-11-22T07:00:00Z ran out of time; 2 region(s) were not scheduled: "
                "eu-west-1, us-east-1"
            ),
        ),
        (
            RegionsFailedError("2026-11-22T07:00:00Z", {"eu-west-1": ["table busy", "queue busy"]}),
            "round 2026-11-22T07:00:00Z failed in 1 region(s): eu-west-1: table busy, queue busy",
        ),
        (
            UnsentError(3, "queue lookups", "it refused every retry"),
            "3 message(s) were not sent to queue lookups: it refused every retry",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_error_is_a_sentence(error: AmiTrackerError, sentence: str) -> None:
    """Each error builds its sentence from its arguments."""
    assert str(error) == sentence


def test_refusal_names_the_setting_that_allows_it() -> None:
    """The error names the setting that allows an intended removal."""
    error = RefusedError(["us-east-1: 12 of 40"])

    assert error.refusals == ("us-east-1: 12 of 40",)
    assert "MAX_REMOVED_PERCENT=100" in str(error)
    assert "max_removed_percent = 100" in str(error)


def test_every_error_has_one_base_and_is_in_the_docstring() -> None:
    """The module's docstring shows every error, and `AmiTrackerError` is the base of all."""
    leaves = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, Exception) and kind is not AmiTrackerError
    ]

    assert all(issubclass(leaf, AmiTrackerError) for leaf in leaves)
    assert [leaf for leaf in leaves if f"─ {leaf.__name__} " not in str(errors.__doc__)] == []


def test_temporary_faults_are_retryable() -> None:
    """Only failures that a redelivery may fix return to the queue; all others become a state."""
    expected = {"throttled", "transient", "credentials", "late", "overtaken"}

    assert expected == RETRYABLE
    assert {state for state in State if Failure(state, "", "").retryable} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as it is", "as it is"),
        ("two\nlines\r\n", "two lines  "),
        ("\x1b[31mred\x00", " [31mred "),
        ("\u2028line\u202eback\ud800", " line back "),
        ("Zürich", "Zürich"),
        ("x" * 301, "x" * 300),
    ],
    ids=ascii,
)
def test_foreign_text_is_printable_and_capped(text: str, expected: str) -> None:
    """Foreign codes and details have no control characters and at most 300 characters each."""
    cleaned = Failure.of(State.TRANSIENT, text, text)

    assert cleaned == Failure(State.TRANSIENT, expected, expected)


def test_malformed_problem_is_capped() -> None:
    """A foreign message cannot make the error that rejects it long."""
    error = MalformedError("message", "x" * 10_000)

    assert len(str(error)) == len("message is malformed: ") + DETAIL_LIMIT
