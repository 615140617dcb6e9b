"""The aggregator's event `replay`."""

from __future__ import annotations

from typing import Any

import pytest

from services.aggregator.event import parse_relay_event
from services.aggregator.outbox import Key
from services.aggregator.replay_event import Replay
from services.kernel.errors import MalformedError
from services.kernel.model import Target

FIELDS: dict[str, Any] = {
    "region": "eu-west-1",
    "account_id": "111122223333",
    "image_name": "al2023",
    "versions": [4, 3, 4],
}


def test_versions_are_sorted_and_distinct() -> None:
    """Each version is published once, in version order."""
    replay = parse_relay_event({"replay": FIELDS})

    assert replay == Replay(Target("111122223333", "eu-west-1"), "al2023", (3, 4))
    assert replay.key(3) == Key("eu-west-1", "release#111122223333#al2023#00000003")


@pytest.mark.parametrize("versions", [[1], [99_999_999], list(range(1, 101))])
def test_limits_are_included(versions: list[int]) -> None:
    """The first and the last version, and 100 versions, are accepted."""
    replay = parse_relay_event({"replay": {**FIELDS, "versions": versions}})

    assert isinstance(replay, Replay)
    assert replay.versions == tuple(versions)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"versions": []}, "length >= 1"),
        ({"versions": [0]}, ">= 1"),
        ({"versions": [-1]}, ">= 1"),
        ({"versions": [100_000_000]}, "<= 99999999"),
        ({"versions": ["3"]}, "Expected `int`, got `str`"),
        ({"versions": [True]}, "Expected `int`, got `bool`"),
        ({"versions": [1.5]}, "Expected `int`, got `float`"),
        ({"versions": 3}, "Expected `array`"),
        ({"versions": None}, "Expected `array`"),
        ({"versions": list(range(1, 102))}, "101 versions; send at most 100 at a time"),
        ({"versions": [1] * 101}, "101 versions; send at most 100 at a time"),
        ({"region": "nowhere"}, r"\$.replay.region"),
        ({"region": "*"}, r"\$.replay.region"),
        ({"account_id": "1"}, r"\$.replay.account_id"),
        ({"account_id": 111122223333}, r"\$.replay.account_id"),
        ({"image_name": "a#b"}, r"\$.replay.image_name"),
        ({"image_name": ""}, r"\$.replay.image_name"),
        ({"image_name": "a\n"}, r"\$.replay.image_name"),
        ({"version": 3}, "unknown field `version`"),
    ],
)
def test_other_values_are_refused(change: dict[str, Any], problem: str) -> None:
    """The error names the field."""
    with pytest.raises(MalformedError, match=f"replay is malformed: .*{problem}"):
        parse_relay_event({"replay": FIELDS | change})


@pytest.mark.parametrize("missing", FIELDS)
def test_every_field_is_required(missing: str) -> None:
    """The error names the missing field."""
    fields = {name: value for name, value in FIELDS.items() if name != missing}

    with pytest.raises(MalformedError, match=f"missing required field `{missing}`"):
        parse_relay_event({"replay": fields})


@pytest.mark.parametrize("value", [None, True, [], "al2023", 3])
def test_a_replay_is_an_object(value: object) -> None:
    """Any other value is refused."""
    with pytest.raises(MalformedError, match="replay is malformed: Expected `object`"):
        parse_relay_event({"replay": value})


@pytest.mark.parametrize("other", [{"sweep": True}, {"Records": []}, {"x": 1}])
def test_a_replay_has_no_other_key(other: dict[str, object]) -> None:
    """An event that is also a sweep or a stream event is refused."""
    with pytest.raises(MalformedError, match="unknown field"):
        parse_relay_event({"replay": FIELDS, **other})
