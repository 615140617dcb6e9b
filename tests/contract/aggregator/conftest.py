"""A target account with its roles and topics, and a subscriber."""

from __future__ import annotations

import pytest
from support.builders.aggregator import ACCOUNT

from services.embedded.aws.server import EmbeddedAws
from services.embedded.tracker.resources import Member, create_member
from services.embedded.tracker.subscriptions import Inbox, subscribe

REGIONS = ("eu-west-1", "us-east-1")


@pytest.fixture(scope="module")
def member(running: EmbeddedAws) -> Member:
    """Create the account of the example target, with a topic in two regions."""
    return create_member(running, ACCOUNT, REGIONS)


@pytest.fixture(scope="module")
def subscription(running: EmbeddedAws, member: Member) -> Inbox:
    """Subscribe to both topics; tests should use `inbox`."""
    return subscribe(running, member, REGIONS)


@pytest.fixture
def inbox(subscription: Inbox) -> Inbox:
    """Return the subscriber of both topics, without earlier messages."""
    subscription.receive()
    return subscription
