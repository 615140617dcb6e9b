"""The aggregator's event: new release rows of a stream batch, or a sweep."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.aggregator import a_release, key_of_release

from services.aggregator.event import Inserted, Sweep, parse_relay_event
from services.aggregator.outbox import Key
from services.kernel.errors import MalformedError

ONE, TWO = a_release(version=1), a_release(version=2)


def a_record(key: Key, number: int = 1, event: str = "INSERT") -> dict[str, Any]:
    """Build a stream record with the fields of the `KEYS_ONLY` view."""
    return {
        "eventID": str(number),
        "eventName": event,
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {"region": {"S": key.region}, "record": {"S": key.record}},
            "SequenceNumber": f"{number:021d}",
            "StreamViewType": "NEW_IMAGE",
        },
    }


IMAGE_ROW = Key("eu-west-1", "image#111122223333#al2023")


def test_inserted_release_rows_are_named_in_order() -> None:
    """The result has the sequence number of the first release, from which Lambda would retry."""
    one, two = key_of_release(ONE), key_of_release(TWO)
    event = {"Records": [a_record(one, 7), a_record(two, 8)]}
    assert parse_relay_event(event) == Inserted((one, two), f"{7:021d}")


@pytest.mark.parametrize("event", ["MODIFY", "REMOVE", "insert", None])
def test_only_insertions_count(event: str) -> None:
    """Marking a release as published modifies its row, which is not a new release."""
    assert (
        parse_relay_event({"Records": [a_record(key_of_release(ONE), event=event)]}) == Inserted()
    )


@pytest.mark.parametrize(
    "record",
    ["image#111122223333#al2023", "round#111122223333", "scheduler", "release", "RELEASE#1", ""],
)
def test_only_release_rows_count(record: str) -> None:
    """Other rows are ignored even if the filter of the event source mapping passes them."""
    assert parse_relay_event({"Records": [a_record(Key("eu-west-1", record))]}) == Inserted()


def test_the_first_record_is_the_first_release() -> None:
    """Ignored records before the first release are not read again."""
    key = key_of_release(ONE)
    event = {"Records": [a_record(IMAGE_ROW, 1), a_record(key, 2), a_record(IMAGE_ROW, 3)]}
    assert parse_relay_event(event) == Inserted((key,), f"{2:021d}")


def test_an_empty_batch_has_no_keys() -> None:
    """An empty batch is a valid stream event."""
    assert parse_relay_event({"Records": []}) == Inserted()


MALFORMED: dict[str, object] = {
    "none": None,
    "a text": "INSERT",
    "nothing": {},
    "no dynamodb": {"eventName": "INSERT"},
    "dynamodb is none": {"eventName": "INSERT", "dynamodb": None},
    "no keys": {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1"}},
    "half a key": {"eventName": "INSERT", "dynamodb": {"Keys": {"region": {"S": "eu-west-1"}}}},
    "a number as key": {
        "eventName": "INSERT",
        "dynamodb": {"Keys": {"region": {"S": "eu-west-1"}, "record": {"N": "1"}}},
    },
    "no text in the key": {
        "eventName": "INSERT",
        "dynamodb": {"Keys": {"region": {"S": 1}, "record": {"S": "release#1"}}},
    },
}


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_record_does_not_affect_others(malformed: object) -> None:
    """The other records of the batch are announced."""
    key = key_of_release(ONE)
    event = {"Records": [malformed, a_record(key, 2), malformed]}
    assert parse_relay_event(event) == Inserted((key,), f"{2:021d}")


def test_a_record_without_sequence_number_is_announced_too() -> None:
    """Lambda cannot retry from the record; if it fails, the sweep announces the release."""
    record = a_record(key_of_release(ONE))
    del record["dynamodb"]["SequenceNumber"]
    assert parse_relay_event({"Records": [record]}) == Inserted((key_of_release(ONE),), None)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["eventName", "dynamodb", "Keys", "region", "record", "S"]), inner
        )
    ),
    max_leaves=10,
)


@given(st.lists(anything, max_size=4))
def test_no_record_stops_a_batch(records: list[object]) -> None:
    """A record with any content does not stop the batch."""
    assert isinstance(parse_relay_event({"Records": records}), Inserted)


# --- sweeps


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"sweep": True}, Sweep(0.0)),
        ({"sweep": True, "older_than_seconds": 60}, Sweep(60.0)),
        ({"sweep": True, "older_than_seconds": 0}, Sweep(0.0)),
        ({"sweep": True, "older_than_seconds": 1.5}, Sweep(1.5)),
        ({"sweep": True, "Records": [a_record(IMAGE_ROW)]}, Sweep(0.0)),
    ],
)
def test_a_sweep_may_have_a_minimum_age(event: dict[str, Any], expected: Sweep) -> None:
    """Without an age, a sweep includes releases of any age."""
    assert parse_relay_event(event) == expected


@pytest.mark.parametrize("age", [None, True, "60", -1, -0.5, [], {}, float("nan"), float("inf")])
def test_an_age_that_is_not_a_number_of_seconds_is_rejected(age: object) -> None:
    """An invalid age would exclude every release without end, so it is rejected."""
    with pytest.raises(MalformedError, match=f"older_than_seconds is {age!r}".replace("[", r"\[")):
        parse_relay_event({"sweep": True, "older_than_seconds": age})


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"sweep": False},
        {"sweep": "true"},
        {"sweep": 1},
        {"Records": None},
        {"Records": {}},
        {"records": []},
        {"round": "2026-11-22T07:00:00Z"},
    ],
)
def test_any_other_event_is_rejected(event: dict[str, Any]) -> None:
    """The error names the supported events."""
    with pytest.raises(MalformedError, match="neither a stream event nor"):
        parse_relay_event(event)
