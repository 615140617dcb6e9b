"""Requests whose body is encoded here: botocore checks and converts every value of a request.

The body replaces that of the call in botocore's event `before-call`, before it is signed. Retries
send the same body.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_body: ContextVar[bytes | None] = ContextVar("_body", default=None)


def accept_bodies(client: Any, operation: str) -> None:  # noqa: ANN401 - any client of boto3
    """Let calls of an operation send the body of `sending`."""
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register(f"before-call.{service}.{operation}", _replace_body)


@contextmanager
def sending(body: bytes) -> Iterator[None]:
    """Send this body in calls of this thread inside the block."""
    before = _body.set(body)
    try:
        yield
    finally:
        _body.reset(before)


def _replace_body(params: dict[str, Any], **_: object) -> None:
    body = _body.get()
    if body is not None:
        params["body"] = body
