"""The results of commits, and what a cancelled transaction means."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from botocore.exceptions import ClientError

from services.kernel.model import Pair
from services.kernel.table import from_item

# dynamodb:TransactWriteItems, CancellationReasons; elsewhere the code is ThrottlingException
_THROTTLED = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError"})


class Commit(Enum):
    """The result of a commit."""

    DONE = "done"
    """The release is in the table, from this commit or from an earlier delivery."""
    DROPPED = "dropped"
    """The pair was deactivated, or its lookup edited, since it was read."""
    OVERTAKEN = "overtaken"
    """Another worker committed something else since the row was read, or `announce` was edited."""
    BEHIND = "behind"
    """The image row is unchanged, but a release of this version exists: the row was restored, or
    deleted and created again."""


def cancelled(error: ClientError, pair: Pair, row: Mapping[str, Any]) -> Commit:
    """What a cancelled commit of the release in `row` means.

    Raises:
        ClientError: its cause is not a condition, such as throttling.
    """
    reasons = error.response.get("CancellationReasons", [])
    codes = {reason.get("Code", "None") for reason in reasons} - {"None"}
    if codes != {"ConditionalCheckFailed"}:
        raise _as_plain_error(error, codes)
    if reasons[0].get("Code", "None") == "None":
        return Commit.BEHIND
    image_row, release_row = (from_item(reason.get("Item", {})) for reason in reasons)
    if _same_release(release_row, row) and image_row.get("version", 0) >= row["version"]:
        return Commit.DONE
    if image_row and not _is_configured(pair, image_row):
        return Commit.DROPPED
    return Commit.OVERTAKEN


def _same_release(stored: Mapping[str, object], ours: Mapping[str, object]) -> bool:
    return all(stored.get(key) == ours[key] for key in ("event_id", "image_id"))


def _is_configured(pair: Pair, row: Mapping[str, object]) -> bool:
    return row.get("active") is True and row.get("lookup_digest") == pair.lookup_digest


def _as_plain_error(error: ClientError, codes: set[str]) -> ClientError:
    """The error that cancelled a transaction, so that it is classified by its own code."""
    code = min(codes - {"ConditionalCheckFailed"}, default="TransactionConflict")
    code = "ThrottlingException" if code in _THROTTLED else code
    answer: Any = {**error.response, "Error": {"Code": code, "Message": str(error)}}
    return ClientError(answer, error.operation_name)
