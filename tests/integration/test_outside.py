"""The functions as Lambda runs them: in other processes, with an entry point and an environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from support.labs.laboratory import Lab, events_in

_BOOTSTRAP = """
import importlib, json, sys
module, function = sys.argv[1].rsplit(".", 1)
answer = getattr(importlib.import_module(module), function)(json.load(sys.stdin), None)
print("\\n" + json.dumps(answer))
"""


def _invoke(
    entry_point: str, event: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, Any]:
    """Invoke the entry point in a process with only this environment, and return its response."""
    done = subprocess.run(
        [sys.executable, "-c", _BOOTSTRAP, entry_point],
        input=json.dumps(event),
        env={**environ, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _queue_event(lab: Lab) -> dict[str, Any]:
    bodies = lab.queued()
    return {"Records": [{"messageId": f"m{n}", "body": body} for n, body in enumerate(bodies)]}


@pytest.mark.slow
def test_the_functions_run_in_other_processes(lab: Lab) -> None:
    """The functions need only their entry points and environment variables."""
    lab.deploy(lab.image("a"), lab.filtered("b"))
    lab.publish("a")
    lab.publish("b")
    environ = lab.pipeline.environment
    for hour in ("07", "08"):
        event = {"round": f"2026-11-22T{hour}:00:00Z"}
        scheduled = _invoke("services.scheduler.handler.handler", event, environ)
        looked_up = _invoke("services.lookup.handler.handler", _queue_event(lab), environ)
        new = lab.publish("a")
    swept = _invoke("services.aggregator.handler.handler", {"sweep": True}, environ)

    assert scheduled["enqueued"] == 6
    assert looked_up["batchItemFailures"] == []
    assert looked_up["releases"] == {"release": 3}
    assert swept["announced"] == 3
    received = events_in(lab.arrivals())
    assert {(region, name, kind) for region, name, kind, _ in received} == {
        (t.region, "a", "release") for t in lab.targets
    }
    assert new not in {image_id for *_, image_id in received}


@pytest.mark.parametrize(
    ("entry_point", "names"),
    [
        ("services.scheduler.handler.handler", ["TABLE_NAME", "QUEUE_URL", "AWS_REGION"]),
        ("services.lookup.handler.handler", ["TABLE_NAME", "EXTERNAL_ID", "AWS_REGION"]),
        ("services.aggregator.handler.handler", ["TABLE_NAME", "EXTERNAL_ID", "AWS_REGION"]),
    ],
)
def test_missing_settings_are_named_at_once(entry_point: str, names: list[str]) -> None:
    """A function without its environment names every missing variable."""
    done = subprocess.run(
        [sys.executable, "-c", _BOOTSTRAP, entry_point],
        input='{"Records": []}',
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert [name for name in names if name not in done.stderr] == []
