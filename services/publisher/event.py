"""The publisher's event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.kernel.errors import MalformedError


def check_publish_event(event: Mapping[str, Any]) -> None:
    """Accept only the event of the schedule.

    Raises:
        MalformedError: it is another event.
    """
    if event.get("publish") is not True:
        raise MalformedError("event", 'it is not {"publish": true}')
