"""The updates of an image row that the scheduler makes: pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.kernel.model import Pair, State
from services.kernel.records import encode_configuration
from services.kernel.table import to_item
from services.kernel.wire import timestamp
from services.scheduler.plan import Action, Change

_REQUIRED = {Action.REACTIVATE: False, Action.DEACTIVATE: True}
"""The required value of `active`: these two actions change it, and only once."""


def configuration_update(change: Change) -> dict[str, Any]:
    """The update that writes a pair's configuration; its known image is not changed.

    The next lookup of a reactivated pair counts as after an edit, since releases in the
    meantime are not announced. A pair that is already reactivated is not changed, since a
    lookup can have confirmed it; nor is one that is already deactivated.
    """
    values: dict[str, object] = {"active": False}
    if change.action is not Action.DEACTIVATE:
        values = encode_configuration(change.pair)
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
    names = {f"#{name}": name for name in values}
    if change.action is Action.REACTIVATE:
        expression += " REMOVE confirmed_digest, #status"
        names["#status"] = "status"
    update: dict[str, Any] = {
        "UpdateExpression": expression,
        "ExpressionAttributeNames": names,
    }
    if change.action in _REQUIRED:
        values["before"] = _REQUIRED[change.action]
        update["ConditionExpression"] = "#active = :before"
    update["ExpressionAttributeValues"] = to_item({f":{n}": v for n, v in values.items()})
    return update


def stale_update(pair: Pair, moment: datetime) -> dict[str, Any]:
    """The update that writes the state `stale`, unless the status changed since it was read."""
    status = {
        "state": State.STALE.value,
        "code": "NoAnswer",
        "detail": "no lookup of this pair has ended in two windows",
        "since": timestamp(moment),
    }
    same = "#status.#since = :since" if pair.since else "attribute_not_exists(#status.#since)"
    values: dict[str, object] = {":status": status, ":state": pair.state, ":active": True}
    if pair.since:
        values[":since"] = pair.since
    return {
        "UpdateExpression": "SET #status = :status",
        "ConditionExpression": f"#active = :active AND #status.#state = :state AND {same}",
        "ExpressionAttributeNames": {
            "#status": "status",
            "#state": "state",
            "#since": "since",
            "#active": "active",
        },
        "ExpressionAttributeValues": to_item(values),
    }
