"""The update of a round row from one window to the next: pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.kernel.model import Window
from services.kernel.table import to_item
from services.kernel.wire import timestamp


def window_update(
    before: Window | None, after: Window, enqueued: int, moment: datetime
) -> dict[str, Any]:
    """The update of a round row from one window to the next, if the row has not changed.

    An empty set is removed, since DynamoDB does not accept empty sets.
    """
    written: dict[str, object] = {"round": after.round, "enqueued": enqueued}
    begins = before is None or before.window != after.window
    if begins:
        written |= {"window": after.window, "started_at": timestamp(moment)}
        for name in ("missed", "stale"):
            written[name] = set(getattr(after, name)) or None
    if begins or (before and before.answered != after.answered):
        written["answered"] = set(after.answered) or None
    present = {name: value for name, value in written.items() if value is not None}
    absent = [name for name, value in written.items() if value is None]
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in present)
    if absent:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in absent)
    values: dict[str, object] = {f":{name}": value for name, value in present.items()}
    update: dict[str, Any] = {"UpdateExpression": expression}
    if before is not None:
        checked = ("window", "answered") if "answered" in written else ("window",)
        update["ConditionExpression"], seen = _as_read(before, checked)
        values |= seen
        written |= dict.fromkeys(checked)
    update["ExpressionAttributeNames"] = {f"#{name}": name for name in written}
    update["ExpressionAttributeValues"] = to_item(values)
    return update


def _as_read(before: Window, names: Sequence[str]) -> tuple[str, dict[str, object]]:
    """A condition that these attributes have not changed, and the values of its placeholders."""
    terms, values = [], dict[str, object]()
    for name in names:
        value = getattr(before, name)
        value = set(value) if isinstance(value, frozenset) else value
        if value:
            terms.append(f"#{name} = :{name}_read")
            values[f":{name}_read"] = value
        else:
            terms.append(f"attribute_not_exists(#{name})")
    return " AND ".join(terms), values
