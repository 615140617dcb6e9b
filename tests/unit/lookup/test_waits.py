"""Targets in which a thread waited recently, and the time for which they are recorded."""

from __future__ import annotations

from dataclasses import dataclass

from support.builders.lookup import HERE, THERE

from services.kernel.model import Target
from services.lookup.waits import RecentWaits


@dataclass(slots=True)
class Clock:
    """A monotonic clock."""

    seconds: float = 1e6

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


THIRD = Target("777788889999", "ap-south-1")


def test_targets_in_which_a_thread_waited_come_last() -> None:
    """The order of the other targets and the order of these are kept."""
    waits = RecentWaits(Clock())
    assert waits.last([HERE, THERE, THIRD]) == [HERE, THERE, THIRD]
    waits.note(THERE, waited=True)
    waits.note(HERE, waited=True)
    assert waits.last([HERE, THERE, THIRD]) == [THIRD, HERE, THERE]


def test_a_target_that_responds_is_no_longer_last() -> None:
    """One response is enough."""
    waits = RecentWaits(Clock())
    waits.note(HERE, waited=True)
    waits.note(HERE, waited=False)
    waits.note(THERE, waited=False)
    assert waits.last([HERE, THERE]) == [HERE, THERE]


def test_a_wait_is_removed_after_an_hour() -> None:
    """A wait is kept longer than the visibility timeout."""
    clock = Clock()
    waits = RecentWaits(clock)
    waits.note(HERE, waited=True)
    clock.seconds += 3599
    assert waits.last([HERE, THERE]) == [THERE, HERE]
    clock.seconds += 1
    assert waits.last([HERE, THERE]) == [HERE, THERE]


def test_the_number_of_waits_is_bounded() -> None:
    """The oldest waits are removed first."""
    waits = RecentWaits(Clock())
    many = [Target(f"{number:012}", "eu-west-1") for number in range(1001)]
    for target in many:
        waits.note(target, waited=True)
    assert waits.last(many) == many
    assert waits.last([many[-1], many[0]]) == [many[0], many[-1]]
