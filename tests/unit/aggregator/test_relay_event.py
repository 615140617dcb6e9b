"""What the aggregator is told: new release rows of a stream batch, or a sweep."""

from __future__ import annotations

from typing import Any

import pytest
from aggregator_fakes import a_release, key_of_release
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.event import Inserted, Sweep, parse_relay_event
from services.aggregator.outbox import Key
from services.kernel.errors import MalformedError

ONE, TWO = a_release(version=1), a_release(version=2)


def a_record(key: Key, number: int = 1, event: str = "INSERT") -> dict[str, Any]:
    """A record of the stream, as far as the view of keys goes."""
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
    """With the sequence number of the first, which is where a batch would be tried again from."""
    one, two = key_of_release(ONE), key_of_release(TWO)
    event = {"Records": [a_record(one, 7), a_record(two, 8)]}
    assert parse_relay_event(event) == Inserted((one, two), f"{7:021d}")


@pytest.mark.parametrize("event", ["MODIFY", "REMOVE", "insert", None])
def test_only_insertions_count(event: str) -> None:
    """Marking a release as published modifies its row, and that is no news."""
    assert (
        parse_relay_event({"Records": [a_record(key_of_release(ONE), event=event)]}) == Inserted()
    )


@pytest.mark.parametrize(
    "record",
    ["image#111122223333#al2023", "round#111122223333", "scheduler", "release", "RELEASE#1", ""],
)
def test_only_release_rows_count(record: str) -> None:
    """Whatever the filter of the event source mapping lets through."""
    assert parse_relay_event({"Records": [a_record(Key("eu-west-1", record))]}) == Inserted()


def test_the_first_is_the_first_that_counts() -> None:
    """Records before it need not be read again."""
    key = key_of_release(ONE)
    event = {"Records": [a_record(IMAGE_ROW, 1), a_record(key, 2), a_record(IMAGE_ROW, 3)]}
    assert parse_relay_event(event) == Inserted((key,), f"{2:021d}")


def test_an_empty_batch_asks_for_nothing() -> None:
    """It is a stream event all the same."""
    assert parse_relay_event({"Records": []}) == Inserted()


POISON: dict[str, object] = {
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


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_poison_record_costs_no_other(poison: object) -> None:
    """Those beside it are announced."""
    key = key_of_release(ONE)
    event = {"Records": [poison, a_record(key, 2), poison]}
    assert parse_relay_event(event) == Inserted((key,), f"{2:021d}")


def test_a_record_without_sequence_number_is_announced_too() -> None:
    """It just cannot be asked for again; the sweep makes up for that."""
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
    """Whatever stands in it."""
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
def test_a_sweep_may_spare_what_is_young(event: dict[str, Any], expected: Sweep) -> None:
    """Without an age it takes everything."""
    assert parse_relay_event(event) == expected


@pytest.mark.parametrize("age", [None, True, "60", -1, -0.5, [], {}, float("nan"), float("inf")])
def test_an_age_that_is_no_number_of_seconds_is_refused(age: object) -> None:
    """Rather than sweeping nothing for ever."""
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
def test_any_other_event_is_refused(event: dict[str, Any]) -> None:
    """The error says what would be understood."""
    with pytest.raises(MalformedError, match="neither a stream event nor"):
        parse_relay_event(event)
