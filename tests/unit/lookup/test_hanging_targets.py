"""Hanging targets: how many pairs of the other targets are left for a redelivery.

In virtual time, with 170 targets of two pairs each, the deployed time-outs and real retries.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.labs.hanging_lab import LATENCY, NEVER, Lab, targets, unanswered

from services.kernel.model import Target

pytestmark = pytest.mark.slow

HANGING = 80
MAX_LEFT = 0.05
"""The fraction of healthy pairs that may be left for a redelivery."""

MakeLab = Callable[..., Lab]


@pytest.fixture
def make_lab(monkeypatch: pytest.MonkeyPatch) -> MakeLab:
    """Return a function that builds a lab over 170 targets from a seed."""
    return lambda seed=0, **places: Lab(targets(**places), monkeypatch, seed)


def healthy_left(lab: Lab, hanging: set[Target], *, minutes: float = 0) -> float:
    """Return the fraction of healthy pairs that one delivery leaves for the next."""
    left = unanswered(lab.deliver(minutes=minutes), hanging)
    return left / (2 * (len(lab.places) - len(hanging)))


@pytest.mark.parametrize("seed", range(2))
def test_healthy_targets_are_looked_up(make_lab: MakeLab, seed: int) -> None:
    """Healthy targets are looked up after a cold start, and in the next delivery."""
    lab = make_lab(seed)
    hanging = lab.hang(HANGING)
    assert healthy_left(lab, hanging) <= MAX_LEFT
    assert healthy_left(lab, hanging, minutes=12) <= MAX_LEFT


def test_healthy_targets_are_looked_up_while_most_hang(make_lab: MakeLab) -> None:
    """Healthy targets are looked up even if 150 of 170 hang."""
    lab = make_lab()
    assert healthy_left(lab, lab.hang(150)) <= MAX_LEFT


@pytest.mark.parametrize("service", ["ssm", "ec2"])
def test_one_hanging_service_delays_no_other_target(make_lab: MakeLab, service: str) -> None:
    """This applies to each service."""
    lab = make_lab()
    assert healthy_left(lab, lab.hang(HANGING, service)) <= MAX_LEFT


def test_hanging_roles_delay_no_other_account(make_lab: MakeLab) -> None:
    """STS is called once per account; here each target has its own account."""
    lab = make_lab(regions=1, accounts=170)
    hanging = set(lab.places[::2])
    accounts = {target.account_id for target in hanging}
    lab.seconds = lambda service, target: (
        NEVER if service == "sts" and target.account_id in accounts else LATENCY
    )
    assert healthy_left(lab, hanging) <= MAX_LEFT
    assert {lab.sent["ssm", target] for target in hanging} == {0}


def test_slow_targets_are_looked_up(make_lab: MakeLab) -> None:
    """A target that responds within the read time-out is healthy, cold and warm."""
    lab = make_lab()
    hanging = lab.hang(HANGING)
    healthy = [target for target in lab.places if target not in hanging]
    slow = dict.fromkeys(healthy, 2.0) | dict.fromkeys(healthy[:20], 8.0)
    hangs = lab.seconds
    lab.seconds = lambda service, target: slow.get(target, hangs(service, target))
    assert healthy_left(lab, hanging) == 0
    assert healthy_left(lab, hanging, minutes=12) == 0


def test_a_target_that_hangs_in_one_service_gets_no_call_in_another(make_lab: MakeLab) -> None:
    """In one batch, the hanging service is called three times and no other service is."""
    lab = make_lab(accounts=1)
    hanging = lab.hang(10, "ssm")
    lab.deliver()
    assert {lab.sent["ssm", target] for target in hanging} == {3}
    assert {lab.sent["ec2", target] for target in hanging} == {0}


def test_a_hanging_service_delays_the_other_only_once(make_lab: MakeLab) -> None:
    """The next delivery calls EC2 first, in any process."""
    lab = make_lab(accounts=1)
    hanging = lab.hang(10, "ssm")
    lab.deliver()
    lab.cold_start()
    report = lab.deliver(minutes=12)
    assert {lab.sent["ec2", target] for target in hanging} == {1}
    assert len(report.failed_messages) == len(hanging)


@pytest.mark.parametrize("service", ["ssm", "ec2"])
def test_dropped_connections_cause_no_redelivery(make_lab: MakeLab, service: str) -> None:
    """If the first request is lost in every target, it is repeated in every target."""
    lab = make_lab(accounts=1)
    lab.drop_connections(service)
    assert lab.deliver().failed_messages == []
    assert lab.states() == {"ok"}


def test_a_target_that_responds_again_is_looked_up(make_lab: MakeLab) -> None:
    """A target that responds again is looked up, and its states are `ok` again."""
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
