"""A function's process is measured, and ended by the code that started it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import function as module
from benchmarks.function import Function, InvocationFailedError

HANDLER = """
import time

def handler(event, context):
    print("a line of the log")
    if event == "fail":
        raise ValueError("broken")
    if event == "hang":
        time.sleep(60)
    sum(range(1_000_000))
    return {"event": event, "left": context.get_remaining_time_in_millis()}
"""

Start = Callable[[], Function]


@pytest.fixture(name="start")
def starter(tmp_path: Path) -> Start:
    """Build functions with a handler for tests."""
    (tmp_path / "trial_handler.py").write_text(HANDLER, encoding="utf-8")
    log = tmp_path / "log"
    return lambda: Function(Path(sys.executable), tmp_path, "trial_handler", {}, log)


def test_invocations_are_measured(start: Start) -> None:
    """Responses, processor time and memory come back, and the output goes to the log."""
    with start() as function:
        found = function.invoke({"a": 1})

    assert found.response["event"] == {"a": 1}
    assert 0 < found.response["left"] <= 900_000
    assert 0.001 < found.cpu_seconds < 5
    assert found.mib > 5 or sys.platform != "linux"
    assert function.import_seconds > 0
    assert function.log.read_text(encoding="utf-8") == "a line of the log\n"


def test_errors_are_reported(start: Start) -> None:
    """An exception of the handler does not end its process."""
    with start() as function:
        with pytest.raises(InvocationFailedError, match="ValueError: broken"):
            function.invoke("fail")
        assert function.invoke("next").response["event"] == "next"


@pytest.mark.slow
def test_a_function_that_hangs_is_killed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A benchmark ends even if a function does not."""
    monkeypatch.setattr(module, "_INVOCATION_SECONDS", 1.0)

    with start() as function, pytest.raises(InvocationFailedError, match="ended; see"):
        function.invoke("hang")
