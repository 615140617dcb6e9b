"""Invokes the aggregator with a replay, and checks its response."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from services.console.lookup.problems import AwsProblem
from services.kernel.decoding import parsed
from services.kernel.errors import MalformedError
from services.kernel.model import Target

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

Outcome = Literal["published", "refused", "not_sent", "not_found", "damaged", "not_announced"]


class Result(Struct, frozen=True, omit_defaults=True):
    """The result of one version; `recorded` is false if its row could not be marked."""

    version: int
    outcome: Outcome
    kind: str | None = None
    event_id: str | None = None
    message_id: str | None = None
    recorded: bool | None = None
    state: str | None = None
    code: str | None = None
    detail: str | None = None


class _Replayed(Struct, frozen=True):
    results: list[Result]


class _Response(Struct, frozen=True):
    replay: _Replayed


class _Error(Struct, frozen=True):
    errorMessage: str = ""  # noqa: N815 - Lambda's own name
    errorType: str = ""  # noqa: N815 - as above


@dataclass(frozen=True, slots=True)
class Replay:
    """The releases of an image that are published again."""

    target: Target
    image_name: str
    versions: Sequence[int]

    def event(self) -> bytes:
        """The event of the function."""
        fields = {"image_name": self.image_name, "versions": list(self.versions)}
        return json.dumps({"replay": {**self.target.fields(), **fields}}).encode()


Invoker = Callable[[bytes], tuple[bytes, bool]]
"""Invokes the function with an event: its response, and whether the function failed."""


def lambda_invoker(client: LambdaClient, function: str) -> Invoker:
    """Invokes a Lambda function and waits for its response."""

    def invoke(event: bytes) -> tuple[bytes, bool]:
        answer = client.invoke(FunctionName=function, Payload=event)
        return answer["Payload"].read(), bool(answer.get("FunctionError"))

    return invoke


def results_of(invoke: Invoker, replay: Replay) -> list[Result]:
    """The result of each version.

    Raises:
        AwsProblem: the function failed, or its response is not that of a replay.
    """
    answer, failed = invoke(replay.event())
    if failed:
        raise _failed(answer)
    try:
        return parsed("response", _text(answer), _Response).replay.results
    except MalformedError as error:
        message = f"the function's answer is not that of a replay: {error}"
        raise AwsProblem(message) from error


def _failed(answer: bytes) -> AwsProblem:
    try:
        error = parsed("error", _text(answer), _Error)
    except MalformedError:
        error = _Error("its response is not JSON")
    reason = f"{error.errorType}: {error.errorMessage}" if error.errorType else error.errorMessage
    if "neither a stream event nor" in error.errorMessage:
        return AwsProblem(
            f"the deployed function is older than this command; deploy it again ({reason})"
        )
    return AwsProblem(
        f"the function failed ({reason}); some events may have been sent, see its log"
    )


def _text(answer: bytes) -> str:
    return answer.decode(errors="replace")
