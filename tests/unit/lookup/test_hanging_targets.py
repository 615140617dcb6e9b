"""Targets that never answer: how many pairs of the other targets wait for another delivery.

In virtual time, with 170 targets of two pairs each, the deployed time-outs and real retries.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hanging_lab import LATENCY, NEVER, Lab, targets, unanswered

from services.kernel.model import Target

HANGING = 80
MAY_WAIT = 0.05
"""The part of the healthy pairs that may wait for another delivery."""

MakeLab = Callable[..., Lab]


@pytest.fixture
def make_lab(monkeypatch: pytest.MonkeyPatch) -> MakeLab:
    """A lab over 170 targets, by its seed."""
    return lambda seed=0, **places: Lab(targets(**places), monkeypatch, seed)


def healthy_that_wait(lab: Lab, silent: set[Target], *, minutes: float = 0) -> float:
    """The part of the healthy pairs that one delivery leaves for another."""
    left = unanswered(lab.deliver(minutes=minutes), silent)
    return left / (2 * (len(lab.places) - len(silent)))


@pytest.mark.parametrize("seed", range(2))
def test_healthy_targets_are_looked_up(make_lab: MakeLab, seed: int) -> None:
    """In the first delivery after a cold start, and in the next one."""
    lab = make_lab(seed)
    silent = lab.hang(HANGING)
    assert healthy_that_wait(lab, silent) <= MAY_WAIT
    assert healthy_that_wait(lab, silent, minutes=12) <= MAY_WAIT


def test_healthy_targets_are_looked_up_while_most_hang(make_lab: MakeLab) -> None:
    """150 of 170."""
    lab = make_lab()
    assert healthy_that_wait(lab, lab.hang(150)) <= MAY_WAIT


@pytest.mark.parametrize("service", ["ssm", "ec2"])
def test_one_service_that_hangs_delays_no_other_target(make_lab: MakeLab, service: str) -> None:
    """It makes no difference which one it is."""
    lab = make_lab()
    assert healthy_that_wait(lab, lab.hang(HANGING, service)) <= MAY_WAIT


def test_roles_that_hang_delay_no_other_account(make_lab: MakeLab) -> None:
    """STS is asked once per account; here each target has an account of its own."""
    lab = make_lab(regions=1, accounts=170)
    silent = set(lab.places[::2])
    accounts = {target.account_id for target in silent}
    lab.seconds = lambda service, target: (
        NEVER if service == "sts" and target.account_id in accounts else LATENCY
    )
    assert healthy_that_wait(lab, silent) <= MAY_WAIT
    assert {lab.sent["ssm", target] for target in silent} == {0}


def test_slow_targets_are_looked_up(make_lab: MakeLab) -> None:
    """A target that answers within the read time-out is healthy, cold and warm."""
    lab = make_lab()
    silent = lab.hang(HANGING)
    healthy = [target for target in lab.places if target not in silent]
    slow = dict.fromkeys(healthy, 2.0) | dict.fromkeys(healthy[:20], 8.0)
    hangs = lab.seconds
    lab.seconds = lambda service, target: slow.get(target, hangs(service, target))
    assert healthy_that_wait(lab, silent) == 0
    assert healthy_that_wait(lab, silent, minutes=12) == 0


def test_a_target_that_hangs_in_one_service_is_not_asked_in_another(make_lab: MakeLab) -> None:
    """Not in the whole batch; the service that hangs is asked three times."""
    lab = make_lab(accounts=1)
    silent = lab.hang(10, "ssm")
    lab.deliver()
    assert {lab.sent["ssm", target] for target in silent} == {3}
    assert {lab.sent["ec2", target] for target in silent} == {0}


def test_a_service_that_hangs_keeps_the_other_out_once_only(make_lab: MakeLab) -> None:
    """The next delivery asks EC2 first, whichever process has it."""
    lab = make_lab(accounts=1)
    silent = lab.hang(10, "ssm")
    lab.deliver()
    lab.cold_start()
    report = lab.deliver(minutes=12)
    assert {lab.sent["ec2", target] for target in silent} == {1}
    assert len(report.failed_messages) == len(silent)


@pytest.mark.parametrize("service", ["ssm", "ec2"])
def test_dropped_connections_cost_no_delivery(make_lab: MakeLab, service: str) -> None:
    """A first request that is lost in every target is repeated in every target."""
    lab = make_lab(accounts=1)
    lab.drop_connections(service)
    assert lab.deliver().failed_messages == []
    assert lab.states() == {"ok"}


def test_a_target_that_answers_again_is_looked_up(make_lab: MakeLab) -> None:
    """Nothing is held against it, and its states are `ok` again."""
    lab = make_lab(accounts=1)
    lab.hang(20)
    lab.deliver()
    assert lab.states() == {"ok", "transient"}
    lab.seconds = lambda _service, _target: LATENCY
    assert lab.deliver(minutes=12).failed_messages == []
    assert lab.states() == {"ok"}


def test_each_client_is_created_once(make_lab: MakeLab) -> None:
    """Two deliveries over all targets share their clients."""
    lab = make_lab()
    lab.deliver()
    lab.deliver(minutes=12)
    assert (len(lab.created), lab.created.total()) == (340, 340)
