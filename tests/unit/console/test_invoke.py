"""The event of a replay, and the responses of the function."""

from __future__ import annotations

import json

import pytest

from services.aggregator.event import parse_relay_event
from services.aggregator.replay_event import Replay as Request
from services.console.acting.invoke import Replay, Result, results_of
from services.console.lookup.problems import AwsProblem
from services.kernel.model import Target

REPLAY = Replay(Target("111122223333", "eu-west-1"), "al2023", [3, 4])


def test_the_event_is_the_one_of_the_function() -> None:
    """The command and the function have one format."""
    event = json.loads(REPLAY.event())

    assert parse_relay_event(event) == Request(REPLAY.target, "al2023", (3, 4))


def test_unknown_keys_of_a_newer_function_are_ignored() -> None:
    """So an older command can be used."""
    answer = {"replay": {"new": 1, "results": [{"version": 3, "outcome": "damaged", "new": 1}]}}

    found = results_of(lambda _: (json.dumps(answer).encode(), False), REPLAY)

    assert found == [Result(3, "damaged")]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"\xff", "its response is not JSON"),
        (b"[]", "its response is not JSON"),
        (b"{}", r"the function failed \(\)"),
        (b'{"errorMessage": "Task timed out\\u001b"}', r"failed \(Task timed out\\x1b\); some"),
    ],
)
def test_a_failure_of_the_function_is_explained(answer: bytes, problem: str) -> None:
    """Events may have been sent before it failed."""
    with pytest.raises(AwsProblem, match=problem):
        results_of(lambda _: (answer, True), REPLAY)


@pytest.mark.parametrize("answer", [b"\xff", b"null", b'{"replay": {"results": [{"version": 1}]}}'])
def test_another_response_is_refused(answer: bytes) -> None:
    """The function is not the aggregator, or is too old."""
    with pytest.raises(AwsProblem, match="is not that of a replay"):
        results_of(lambda _: (answer, False), REPLAY)
