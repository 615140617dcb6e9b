"""Views of rows: the cell of each pair, and the order of rows and columns."""

from __future__ import annotations

from services.history.views import Cell, matrix
from services.kernel.model import Observation, Pair, ParameterLookup, State, Target

HERE = Target("111122223333", "eu-west-1")
THERE = Target("444455556666", "us-east-1")
KNOWN = Observation("ami-00000000000000001")


def a_pair(target: Target, name: str, *, active: bool = True, **known: object) -> Pair:
    """Build a pair that may have been looked up."""
    return Pair(target, name, active, ParameterLookup("/p"), "digest", **known)  # type: ignore[arg-type]


def test_rows_and_columns_are_in_the_given_order() -> None:
    """Targets and images are in the given order, whatever the order of the pairs."""
    pairs = [a_pair(THERE, "b", version=2, known=KNOWN, state=State.OK), a_pair(HERE, "a")]

    view = matrix([THERE, HERE], ["b", "a"], pairs)

    assert view.images == ("b", "a")
    assert view.rows == (
        (THERE, (Cell(2, KNOWN.image_id, None), None)),
        (HERE, (None, Cell(0, "", "unknown"))),
    )


def test_a_pair_that_is_not_active_is_not_shown() -> None:
    """An image that is no longer tracked has no cell, although its row is kept."""
    view = matrix([HERE], ["a"], [a_pair(HERE, "a", active=False, version=2, known=KNOWN)])

    assert view.rows == ((HERE, (None,)),)


def test_a_failing_pair_keeps_its_image() -> None:
    """The last known image and the current problem are shown together."""
    failing = a_pair(HERE, "a", version=3, known=KNOWN, state=State.THROTTLED)

    view = matrix([HERE], ["a"], [failing])

    assert view.rows == ((HERE, (Cell(3, KNOWN.image_id, "throttled"),)),)
