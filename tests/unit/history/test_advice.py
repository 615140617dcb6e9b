"""Every state, code and condition has a reason and an instruction."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.history.advice import OF_CODE, OF_CONDITION, OF_STATE, advice, advice_for
from services.history.conditions import (
    ACCESS_STATES,
    BUSY_STATES,
    IMAGE_STATES,
    NO_ROUND_CODE,
    Condition,
)
from services.kernel.failures import STATE_OF_CODE, TIME_OUTS
from services.kernel.model import State
from services.scheduler.health import Cause, cause

SERVICES = Path(__file__).parents[3] / "services"
OWN_CODES = {"MalformedRow", "Withdrawn"}
"""Codes of the lookup, which no service of AWS returns."""
GROUPS = {
    "clock": r"Signature|RequestExpired|RequestInTheFuture|RequestTimeTooSkewed",
    "key": r"^KMS|^Kms",
    "time out": r"TimeoutError$|EndpointConnectionError",
}


@pytest.mark.parametrize("state", State)
def test_every_state_has_advice(state: State) -> None:
    """Both texts are parts of sentences, which the output ends."""
    found = OF_STATE[state]

    for text in (found.reason, found.todo):
        assert text
        assert not text.endswith(".")


@pytest.mark.parametrize("condition", Condition)
def test_every_condition_has_advice(condition: Condition) -> None:
    """A state that is not known changes nothing."""
    assert advice(condition) == OF_CONDITION[condition]


def test_codes_with_their_own_advice_exist() -> None:
    """A misspelt code would never be found."""
    known = {*STATE_OF_CODE, *(kind.__name__ for kind in TIME_OUTS), *OWN_CODES}

    assert OF_CODE.keys() - known == set()


@pytest.mark.parametrize("code", sorted(OWN_CODES))
def test_own_codes_are_written_somewhere(code: str) -> None:
    """The lookup uses this code."""
    sources = (path.read_text(encoding="utf-8") for path in (SERVICES / "lookup").rglob("*.py"))

    assert any(f'"{code}"' in source for source in sources)


@pytest.mark.parametrize("pattern", GROUPS.values(), ids=GROUPS)
def test_groups_of_codes_are_complete(pattern: str) -> None:
    """Every code of a group has the advice of the group."""
    codes = {*STATE_OF_CODE, *(kind.__name__ for kind in TIME_OUTS)}
    temporary = {State.THROTTLED, State.TRANSIENT}
    group = {
        code
        for code in codes
        if re.search(pattern, code) and (STATE_OF_CODE.get(code) not in temporary)
    }

    assert group
    assert group <= OF_CODE.keys()
    assert len({OF_CODE[code] for code in group}) == 1


@pytest.mark.parametrize("code", sorted(STATE_OF_CODE))
def test_every_code_has_advice(code: str) -> None:
    """It is that of the code or of its state."""
    state = STATE_OF_CODE[code]

    assert advice_for(state, code) == OF_CODE.get(code, OF_STATE[state])


def test_the_code_decides_before_the_state() -> None:
    """So do the conditions whose reason is not a failure."""
    failing = advice(Condition.FAILING, State.NOT_FOUND, "ParameterNotFound")

    assert failing == OF_CODE["ParameterNotFound"]
    assert advice(Condition.FAILING, State.NOT_FOUND, "New") == OF_STATE[State.NOT_FOUND]
    assert "no round" in advice(Condition.UNKNOWN, None, NO_ROUND_CODE).reason
    assert (
        advice(Condition.NEVER, State.NOT_FOUND, "ParameterNotFound")
        == (OF_CONDITION[Condition.NEVER])
    )


@pytest.mark.parametrize("state", State)
def test_states_have_the_causes_of_the_scheduler(state: State) -> None:
    """The history may not import the scheduler, whose metrics group the states as well."""
    groups = {
        Cause.IMAGE: IMAGE_STATES,
        Cause.ACCESS: ACCESS_STATES,
        Cause.THROTTLING: BUSY_STATES,
    }
    found = next((name for name, states in groups.items() if state in states), None)

    expected = cause(state)
    assert found == (None if expected is Cause.OTHER else expected)
