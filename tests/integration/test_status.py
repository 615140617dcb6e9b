"""`status` and `coverage` of the rows that the services wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner
from support.labs.laboratory import FRANKFURT, OTHER_ACCOUNT, Lab

from services.console.cli import main


@pytest.fixture
def run(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Run a round of one image, as a person sees it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.aws.endpoint_url)
    monkeypatch.setenv("AWS_REGION", lab.hub.region)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    lab.deploy(lab.image("a-arm64"), lab.image("a-x86_64"))
    for name in ("a-arm64", "a-x86_64"):
        lab.publish(name)
    a_round(lab)
    return lab


def a_round(lab: Lab) -> None:
    """Run a round of this minute."""
    lab.pipeline.round(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")


def answer(command: str, code: int) -> dict[str, Any]:
    """Return the JSON of a command."""
    result = CliRunner().invoke(main, [command, "--output", "json"])
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.usefixtures("run")
def test_a_round_without_a_fault_is_healthy() -> None:
    """Every pair is ok, and every target is reachable."""
    status, coverage = answer("status", 0), answer("coverage", 0)

    assert status["counts"]["ok"] == 6
    assert status["attention"] == []
    assert [each["missed"] for each in status["rounds"]] == [None] * 3
    assert coverage["counts"] == {"reachable": 3, "denied": 0, "disabled": 0, "unknown": 0}


def test_an_account_without_its_role_is_one_cause(run: Lab) -> None:
    """The answer of STS is shown, and the images of the other account are ok."""
    run.start_cold()
    with run.aws.fault(
        service="sts", resource=OTHER_ACCOUNT, code="AccessDenied", status=403, message="no role"
    ):
        a_round(run)

    [cause] = answer("status", 1)["attention"]
    targets = {each["account_id"]: each for each in answer("coverage", 1)["targets"]}

    assert (cause["state"], cause["code"], cause["detail"]) == (
        "access_denied",
        "AccessDenied",
        "no role",
    )
    assert (cause["regions"], cause["accounts"]) == ([FRANKFURT.region], [OTHER_ACCOUNT])
    assert (cause["pairs"], cause["whole_targets"]) == (2, True)
    assert targets[OTHER_ACCOUNT]["access"] == "denied"


def test_an_image_with_a_typo_is_one_cause(run: Lab) -> None:
    """No target has its parameter; the others are ok."""
    names = ("a-arm64", "a-x86_64", "typo-arm64", "typo-x86_64")
    run.deploy(*(run.image(name) for name in names))
    a_round(run)

    found = answer("status", 1)
    [cause] = found["attention"]

    assert (cause["condition"], cause["pairs"]) == ("never", 6)
    assert cause["image_names"] == ["typo-arm64", "typo-x86_64"]
    assert found["counts"]["ok"] == 6
    assert answer("coverage", 0)["complete"] is True
