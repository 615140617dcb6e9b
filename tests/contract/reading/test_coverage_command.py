"""`ami-tracker coverage` on the embedded AWS."""

from __future__ import annotations

from typing import Any

import pytest
from support.labs.reading_lab import (
    ACCOUNT,
    IRELAND,
    OTHER,
    VIRGINIA,
    Lab,
    a_note,
    a_round,
    a_row,
)

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Hub


@pytest.fixture
def lab(aws: EmbeddedAws, hub: Hub, person: None) -> Lab:  # noqa: ARG001 - the environment
    """Return the command on an empty table."""
    return Lab(aws, hub, "coverage")


def access(lab: Lab, code: int = 1) -> dict[tuple[str | None, str], str]:
    """Return whether each account and region is reachable."""
    targets = lab.json(code=code)["targets"]
    return {(each["account_id"], each["region"]): each["access"] for each in targets}


def test_an_empty_table(lab: Lab) -> None:
    """Without targets nothing is known to be reachable."""
    assert lab.run(code=1).stdout == "No target: no image is tracked.\n"
    assert lab.json(code=1)["targets"] == []


def test_everything_is_reachable(lab: Lab) -> None:
    """The exit code is 0; the pairs are counted for each account."""
    lab.healthy()

    lines = lab.run().stdout.splitlines()

    assert lines[0] == "2 of 2 targets reachable."
    assert lines[2].split() == ["account", "reachable", "denied", "disabled", "unknown", "pairs"]
    assert lines[3].split() == [ACCOUNT, "2", "0", "0", "0", "4"]
    assert lab.counted() == {"GetItem": 1, "Query": 4}


def test_every_kind_of_access(lab: Lab) -> None:
    """An image that is not found is an answer; a stale or throttled target is unknown."""
    regions = [f"eu-west-{number}" for number in range(1, 8)]
    denied: dict[str, Any] = {
        "state": "access_denied",
        "code": "AccessDenied",
        "detail": "not authorized",
    }
    lab.write(
        *(a_round(region) for region in regions[:4]),
        a_round(regions[4], stale=[1]),
        a_round(regions[5], minutes=60),
        a_round(regions[0], OTHER),
        a_row("a", regions[0], state="not_found"),
        a_row("b", regions[0], **denied),
        a_row("a", regions[0], OTHER, **denied),
        a_row("a", regions[1], state="region_disabled", code="AuthFailure"),
        a_row("a", regions[2], state="throttled"),
        a_row("a", regions[3], state=None),
        a_row("a", regions[4]),
        a_row("a", regions[5]),
        a_row("a", regions[6], version="x"),
        a_note(*regions, "eu-south-1"),
    )

    found = access(lab)
    text = lab.run(code=1)

    expected: dict[tuple[str | None, str], str] = {
        (None, "eu-south-1"): "unknown",
        (None, regions[6]): "unknown",
        (ACCOUNT, regions[0]): "reachable",
        (ACCOUNT, regions[1]): "disabled",
        **{(ACCOUNT, region): "unknown" for region in regions[2:6]},
        (OTHER, regions[0]): "denied",
    }
    assert found == expected
    assert "1 of 9 targets reachable." in text.stdout
    assert "DENIED (AccessDenied): the account denies the lookups." in text.stdout
    assert "DISABLED (AuthFailure): AWS does not accept the credentials" in text.stdout
    assert "  answer   not authorized\n" in text.stdout
    assert "In 1 reachable target, 1 pair denied" in text.stdout
    assert f"warning: row image#{ACCOUNT}#a of {regions[6]} is malformed" in text.stderr


def test_a_region_without_tracked_images_is_not_a_target(lab: Lab) -> None:
    """A region that was removed keeps its rows, which are not active."""
    lab.healthy()
    lab.write(a_row("old", "eu-south-1", active=False), a_note(IRELAND, VIRGINIA, "eu-south-1"))

    assert len(access(lab, code=0)) == 2


@pytest.mark.parametrize("text", ["\x1b]0;owned\x07", "\x9b31m\u202e", "[red]x[/red]\r"])
def test_hostile_texts_are_escaped(lab: Lab, text: str) -> None:
    """Codes and details come from outside; the lab checks every output."""
    lab.write(a_row("a", state="access_denied", code=text, detail=text), a_round(), a_note(IRELAND))

    assert "DENIED (" in lab.run(code=1).stdout
