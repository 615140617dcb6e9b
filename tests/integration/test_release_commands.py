"""The commands about releases read what the services wrote."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from click.testing import CliRunner
from support.labs.laboratory import IRELAND, VIRGINIA, Lab

from services.console.cli import main


@pytest.fixture
def person(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Set the variables of a person who uses the embedded AWS, and return the lab."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.aws.endpoint_url)
    monkeypatch.setenv("AWS_REGION", lab.hub.region)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return lab


def answer(*arguments: str, code: int = 0) -> dict[str, Any]:
    """Return the JSON of a command."""
    result = CliRunner().invoke(main, [*arguments, "--output", "json"])
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_release_that_reaches_one_region_first(person: Lab) -> None:
    """The history has it there, and the roll-out says where it is missing."""
    person.deploy(person.image("a"))
    person.publish("a")
    person.round()
    person.publish("a", VIRGINIA)
    person.round()

    history = answer("history", "a")
    rollouts = answer("rollout", "a")["rollouts"]

    found = {each["region"]: each["releases"] for each in history["targets"]}
    assert {region: len(each) for region, each in found.items()} == {
        "eu-central-1": 1,
        "eu-west-1": 1,
        "us-east-1": 2,
    }
    assert [(r["kind"], r["event"], r["current"]) for r in found["us-east-1"]] == [
        ("release", "announced", True),
        ("baseline", "not_announced", False),
    ]
    assert [(r["outcome"], r["counts"]["has"], r["counts"]["lacks"]) for r in rollouts] == [
        ("incomplete", 1, 2),
        ("complete", 2, 0),
    ]
    assert rollouts[0]["join_key"] == "name:a-002"


def test_a_rollback_while_a_region_is_not_reached(person: Lab) -> None:
    """The region that fails is not said to be rolled back."""
    person.deploy(person.image("a"))
    first = person.publish("a")
    person.round()
    person.publish("a")
    person.round()
    person.point("a", first)
    with person.aws.fault(service="ssm", region=IRELAND.region, code="AccessDeniedException"):
        person.round()

    newest = answer("rollout", "a")["rollouts"][0]

    assert {each["region"]: each["standing"] for each in newest["targets"]} == {
        "eu-central-1": "rolled_back",
        "eu-west-1": "has",
        "us-east-1": "rolled_back",
    }


def test_an_announcement_that_the_topic_refuses(person: Lab) -> None:
    """It is pending with the answer of the topic, and a later version waits for it."""
    person.deploy(person.image("a"))
    person.publish("a")
    person.round()
    with person.aws.fault(service="sns", region=IRELAND.region, code="NotFound", status=404):
        for _ in range(2):
            person.publish("a")
            person.round()

    found = answer("pending")["pending"]

    assert [(r["region"], r["version"], r["why"], r["held_back_by"]) for r in found] == [
        ("eu-west-1", 2, "refused", None),
        ("eu-west-1", 3, "held_back", 2),
    ]
    assert found[0]["last_problem"]["code"] == "NotFound"
    person.pipeline.sweep()
    assert answer("pending")["pending"] == []
