"""The stub evaluates DynamoDB's expressions as the services write them."""

from __future__ import annotations

import pytest

from benchmarks.stub.expressions import Item, UnsupportedError, Value, condition, project, update

ROW: Item = {
    "region": {"S": "eu-west-1"},
    "active": {"BOOL": True},
    "version": {"N": "3"},
    "announce": {"L": [{"S": "release"}]},
    "answered": {"NS": ["1", "2"]},
    "status": {"M": {"state": {"S": "ok"}, "since": {"S": "2026"}}},
}
NAMES = {"#version": "version", "#status": "status", "#state": "state", "#since": "since"}
VALUES: dict[str, Value] = {
    ":three": {"N": "3"},
    ":four": {"N": "4"},
    ":true": {"BOOL": True},
    ":ok": {"S": "ok"},
    ":eu": {"S": "eu-"},
    ":announce": {"L": [{"S": "release"}]},
    ":answered": {"NS": ["2", "1"]},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#version = :three AND active = :true", True),
        ("#version = :four OR active = :true", True),
        ("(attribute_not_exists(#version) OR #version = :three) AND announce = :announce", True),
        ("attribute_exists(pending)", False),
        ("NOT attribute_exists(pending)", True),
        ("#status.#state = :ok AND attribute_not_exists(#status.code)", True),
        ("#status.#state <> :ok", False),
        ("answered = :answered", True),
        ("begins_with(region, :eu)", True),
        ("#version < :four AND #version >= :three", True),
        ("missing = :ok", False),
        ("missing <> :ok", False),
    ],
)
def test_conditions(text: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """Comparisons, functions, paths and operators."""
    assert condition(text)(ROW, NAMES, VALUES) is expected


@pytest.mark.parametrize("text", ["size(a) = :three", "active = :true )", "active ="])
def test_unknown_conditions_are_refused(text: str) -> None:
    """A condition that the stub cannot evaluate is never taken as fulfilled."""
    with pytest.raises((UnsupportedError, IndexError)):
        condition(text)(ROW, NAMES, VALUES)


def test_updates() -> None:
    """SET, REMOVE and ADD change only the named attributes, and not the given item."""
    text = "REMOVE #status, active SET #version = :four ADD answered :more, total :three"

    changed = update(ROW, text, NAMES, {**VALUES, ":more": {"NS": ["2", "9"]}})

    assert changed == {
        "region": {"S": "eu-west-1"},
        "version": {"N": "4"},
        "announce": {"L": [{"S": "release"}]},
        "answered": {"NS": ["1", "2", "9"]},
        "total": {"N": "3"},
    }
    assert "active" in ROW


def test_projections() -> None:
    """Attributes and members of maps; absent ones are left out."""
    assert project(ROW, "#version, #status.#state, missing", NAMES) == {
        "version": {"N": "3"},
        "status": {"M": {"state": {"S": "ok"}}},
    }
