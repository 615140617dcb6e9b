"""Why the table cannot be read, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.console.acting.hub import Hub, calls
from services.console.lookup.problems import AwsProblem
from services.kernel.errors import CallFailedError, HubBrokenError
from services.kernel.model import State


@contextmanager
def reads(action: str, hub: Hub, table: str, index: str | None = None) -> Iterator[None]:
    """Explain why the reads inside the block fail; `action` is the permission that they need.

    Raises:
        UsageProblem: the table does not exist.
        AwsProblem: the read is denied, refused or not answered.
    """
    resource = f"table {table}" if index is None else f"index {index} of table {table}"
    with calls(action, resource, hub.region, "--table"):
        try:
            yield
        except (HubBrokenError, CallFailedError) as error:
            failure = error.failure
            if failure.state is not State.ACCESS_DENIED:
                raise
            message = (
                f"{action} on {resource} is denied; the Terraform module's read-only policy allows "
                f"it ({failure.code}: {failure.detail})"
            )
            raise AwsProblem(message) from error
