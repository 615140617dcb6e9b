"""`ami-tracker replay` on a whole deployment: identical copies, and no other effect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.labs.laboratory import FRANKFURT, VIRGINIA, Lab, build_lab

from services.console.cli import main
from services.embedded.aws.server import EmbeddedAws
from services.kernel.model import Kind, Target

MARKS = {"published_at", "message_id"}


def deployed(aws: EmbeddedAws, folder: Path, *, fifo: bool = False) -> Lab:
    """Build a deployment with three releases of an image, of which the last two are events."""
    lab = build_lab(aws, folder, VIRGINIA, FRANKFURT, fifo=fifo)
    lab.deploy(lab.image("a"), lab.image("b", announce=frozenset({Kind.BASELINE})))
    for _ in range(3):
        lab.publish("a")
        lab.publish("b")
        lab.pipeline.round(lab.next_round())
    return lab


@pytest.fixture(autouse=True)
def _person(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the embedded AWS in the command."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


@pytest.fixture
def lab(aws: EmbeddedAws, tmp_path: Path) -> Iterator[Lab]:
    """Return a deployment whose subscribers have received the events."""
    lab = deployed(aws, tmp_path)
    lab.arrivals()
    with lab.pipeline.invocable():
        yield lab


def replay(name: str, target: Target, *arguments: str) -> list[tuple[int, str]]:
    """Run the command; return version and outcome of each result."""
    where = ("--target-region", target.region, "--target-account", target.account_id)
    output = ("--yes", "--output", "json")
    done = CliRunner().invoke(main, ["replay", name, *where, *arguments, *output])
    results = json.loads(done.stdout)["results"]
    assert done.exit_code == (0 if {r["outcome"] for r in results} == {"published"} else 1)
    return [(each["version"], each["outcome"]) for each in results]


def without_marks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows without the attributes that a replay may change."""
    return [{name: row[name] for name in row.keys() - MARKS} for row in rows]


@pytest.mark.parametrize("target", [VIRGINIA, FRANKFURT], ids=["hub", "other"])
def test_a_replay_sends_copies_and_changes_only_marks(lab: Lab, target: Target) -> None:
    """Subscribers get the same messages again, in version order."""
    first = {
        r.attributes["version"]: (r.body, dict(r.attributes))
        for r in lab.received
        if r.attributes["image_name"] == "a"
        and (r.attributes["account_id"], r.region) == (target.account_id, target.region)
    }
    before = lab.rows()

    outcomes = replay("a", target, *(p for n in ("3", "2", "1") for p in ("--version", n)))

    assert outcomes == [(1, "not_announced"), (2, "published"), (3, "published")]
    copies = lab.arrivals()
    assert [copy.attributes["version"] for copy in copies] == ["2", "3"]
    assert {c.attributes["version"]: (c.body, dict(c.attributes)) for c in copies} == first
    assert without_marks(lab.rows()) == without_marks(before)
    changed = [new["record"] for new, old in zip(lab.rows(), before, strict=True) if new != old]
    assert [record.rpartition("#")[2] for record in changed] == ["00000002", "00000003"]


def test_the_last_event_of_an_image_can_be_its_baseline(lab: Lab) -> None:
    """Later releases that were not announced are skipped; the kind stays `baseline`."""
    assert replay("b", VIRGINIA, "--last") == [(1, "published")]

    assert [copy.attributes["kind"] for copy in lab.arrivals()] == ["baseline"]


def test_a_pending_release_is_announced_by_a_replay(lab: Lab) -> None:
    """It has the usual event, after the older pending release, and the sweep sends nothing."""
    for _ in range(2):
        lab.publish("a")
        lab.look_up()

    assert replay("a", VIRGINIA, "--version", "5") == [(4, "published"), (5, "published")]

    assert [r.attributes["version"] for r in lab.arrivals()] == ["4", "5"]
    lab.pipeline.sweep()
    assert {r.region for r in lab.arrivals()} == {FRANKFURT.region}


def test_a_fifo_topic_drops_copies(aws: EmbeddedAws, tmp_path: Path) -> None:
    """The copies have the deduplication ids of the events, so each arrives once."""
    lab = deployed(aws, tmp_path, fifo=True)

    with lab.pipeline.invocable():
        assert replay("a", VIRGINIA, "--version", "3") == [(3, "published")]

    in_virginia = [r for r in lab.arrivals() if r.region == VIRGINIA.region]
    assert [r.attributes["version"] for r in in_virginia if r.attributes["image_name"] == "a"] == [
        "2",
        "3",
    ]
