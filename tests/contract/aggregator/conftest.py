"""A target account with its roles and topics, and somebody who listens."""

from __future__ import annotations

import pytest
from aggregator_fakes import ACCOUNT

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Member, create_member
from services.embedded.tracker.subscriptions import Inbox, subscribe

REGIONS = ("eu-west-1", "us-east-1")


@pytest.fixture(scope="module")
def member(running: EmbeddedAws) -> Member:
    """The account of the example target, with a topic in two regions."""
    return create_member(running, ACCOUNT, REGIONS)


@pytest.fixture(scope="module")
def subscription(running: EmbeddedAws, member: Member) -> Inbox:
    """A subscriber of both topics; prefer `inbox`."""
    return subscribe(running, member, REGIONS)


@pytest.fixture
def inbox(subscription: Inbox) -> Inbox:
    """A subscriber of both topics to whom nothing has come yet."""
    subscription.receive()
    return subscription
