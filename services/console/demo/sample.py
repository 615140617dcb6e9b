"""One event of the demo, as its subscriber received it."""

from __future__ import annotations

from collections.abc import Iterable

from services.console.demo.page import Page
from services.console.demo.tables import attributes_table
from services.embedded.tracker.subscriptions import Received


def show_one_event(page: Page, received: Iterable[Received]) -> None:
    """Print the first event of us-east-1, if there is one."""
    sample = next((each for each in received if each.region == "us-east-1"), None)
    if sample is None:
        return
    page.say("One event as a subscriber of us-east-1 received it. This is the body, byte for byte:")
    page.verbatim(sample.body)
    page.say(
        "The other fields of the event are message attributes. release is the publisher's name "
        "of the release, which the pattern in amazon-linux.yaml reads from the AMI name; it is "
        "the same in every region:"
    )
    page.show(attributes_table(sample.attributes))
