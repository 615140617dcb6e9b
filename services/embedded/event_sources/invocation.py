"""Invokes a handler as Lambda does: with an event, a context and a time limit."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from services.embedded.event_sources.batch import BatchResult, parse_answer

Handler = Callable[[Any, Any], object]
"""A Lambda entry point: `(event, context) -> answer`."""

FUNCTION_NAME = "function"
"""The function name in the context of a mapping's invocations."""

_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Context:
    """The used part of Lambda's context object."""

    function_name: str
    timeout_seconds: float = 60.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512
    started: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "started", self.clock())

    @property
    def invoked_function_arn(self) -> str:
        """An ARN with the function's name; the function is not deployed."""
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would stop the function, never less than 0."""
        left = self.started + self.timeout_seconds - self.clock()
        return max(0, int(left * _MILLISECONDS))


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """The result of an invocation."""

    result: BatchResult
    answer: object

    @property
    def thrown(self) -> bool:
        """Whether the whole batch failed, without a list of the records that failed."""
        return self.result.problem is not None


def invoke(handler: Handler, event: object, context: Context, sent: list[str]) -> InvocationResult:
    """Invoke a handler; event and response are converted to JSON and back, as in Lambda."""
    copy = json.loads(json.dumps(event, default=_binary))
    try:
        answer = json.loads(json.dumps(handler(copy, context)))
    except Exception as error:  # noqa: BLE001 - an exception fails the batch only
        return InvocationResult(BatchResult(tuple(sent), f"{type(error).__name__}: {error}"), None)
    return InvocationResult(parse_answer(answer, sent), answer)


def _binary(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    message = f"an event cannot contain a {type(value).__name__}"
    raise TypeError(message)
