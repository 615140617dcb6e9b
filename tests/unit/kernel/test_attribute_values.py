"""Rows are converted to DynamoDB's attribute values and back, with the results of boto3."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.table import from_item, to_item

TEXTS = st.text(max_size=10)
NUMBERS = st.integers(1 - 10**38, 10**38 - 1)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
SETS = st.sets(NUMBERS) | st.sets(TEXTS, min_size=1) | st.frozensets(NUMBERS)
VALUES = st.recursive(
    SCALARS | SETS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(TEXTS, inner, max_size=4)
    ),
    max_leaves=12,
)
ROWS = st.dictionaries(TEXTS, VALUES, max_size=6)

NUMBER_TEXTS = NUMBERS.map(str) | st.sampled_from(
    ["0", "-0", "1.5", "-0.001", "3.0", "1E+2", "1e3", "12E-1", "9.99E+37", "1E-128", "1E+125"]
)
ATTRIBUTES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.fixed_dictionaries({"S": TEXTS})
    | st.fixed_dictionaries({"N": NUMBER_TEXTS})
    | st.fixed_dictionaries({"BOOL": st.booleans()})
    | st.fixed_dictionaries({"NULL": st.just(value=True)})
    | st.fixed_dictionaries({"B": st.binary(max_size=5)})
    | st.fixed_dictionaries({"SS": st.lists(TEXTS, max_size=3)})
    | st.fixed_dictionaries({"NS": st.lists(NUMBER_TEXTS, max_size=3)})
    | st.fixed_dictionaries({"BS": st.lists(st.binary(max_size=5), max_size=3)}),
    lambda inner: (
        st.fixed_dictionaries({"L": st.lists(inner, max_size=4)})
        | st.fixed_dictionaries({"M": st.dictionaries(TEXTS, inner, max_size=4)})
    ),
    max_leaves=12,
)


def typed(value: object) -> object:
    """A value with its type, also inside collections: 1, 1.0 and True are equal in Python."""
    match value:
        case dict():
            return {key: typed(member) for key, member in value.items()}
        case list():
            return [typed(member) for member in value]
        case frozenset():
            return ("frozenset", {typed(member) for member in value})
        case _:
            return (type(value).__name__, value)


def plain(value: object) -> object:
    """What the functions read: boto3's numbers as `int` or `float`, its sets as `frozenset`."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case Binary():
            return bytes(value)  # type: ignore[call-overload] # the stubs have no members
        case dict():
            return {key: plain(member) for key, member in value.items()}
        case list():
            return [plain(member) for member in value]
        case set():
            return frozenset(plain(member) for member in value)
        case _:
            return value


def unordered(attribute: Any) -> Any:  # noqa: ANN401 - attribute values of any kind
    """Attribute values whose sets can be compared."""
    match attribute:
        case {"NS": members} | {"SS": members}:
            return sorted(members)
        case dict():
            return {key: unordered(member) for key, member in attribute.items()}
        case list():
            return [unordered(member) for member in attribute]
        case _:
            return attribute


@given(ROWS)
def test_rows_are_written_as_by_boto3(row: dict[str, Any]) -> None:
    """Every value that rows have becomes the same attribute value."""
    expected = {key: TypeSerializer().serialize(value) for key, value in row.items()}

    assert unordered(to_item(row)) == unordered(expected)
    assert {k: [*v] for k, v in to_item(row).items()} == {k: [*v] for k, v in expected.items()}


@given(st.dictionaries(TEXTS, ATTRIBUTES, max_size=6))
def test_rows_are_read_as_by_boto3(item: dict[str, Any]) -> None:
    """Every attribute value, also one that the services never write, becomes the same value."""
    expected = {key: plain(TypeDeserializer().deserialize(each)) for key, each in item.items()}

    assert typed(from_item(item)) == typed(expected)


@given(ROWS)
def test_rows_are_read_as_they_were_written(row: dict[str, Any]) -> None:
    """Only tuples become lists, and sets frozen sets."""
    assert from_item(to_item(row)) == expected_after(row)


def expected_after(value: Any) -> Any:  # noqa: ANN401 - values of any kind
    """A value after a write and a read."""
    match value:
        case dict():
            return {key: expected_after(member) for key, member in value.items()}
        case list() | tuple():
            return [expected_after(member) for member in value]
        case _:
            return value


@pytest.mark.parametrize("value", [1.0, b"x", Decimal(1), {1, "a"}, object(), {"in": [0.5]}])
def test_values_that_are_never_stored_are_refused(value: object) -> None:
    """A float could lose digits, and no row has binary data."""
    with pytest.raises(TypeError, match="which is never stored"):
        to_item({"a": value})


@pytest.mark.parametrize("attribute", [{}, {"SDK_UNKNOWN_MEMBER": {"name": "X"}}, {"X": "y"}])
def test_unknown_types_of_attributes_are_refused(attribute: dict[str, Any]) -> None:
    """An attribute of a type that does not exist yet is an error, as with boto3."""
    with pytest.raises(TypeError, match="an attribute of an unknown type"):
        from_item({"a": attribute})
