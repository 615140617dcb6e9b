"""Injected faults: the requests that fail, and the errors in the format of AWS."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4
from xml.sax.saxutils import escape

from services.embedded.aws.calls import ApiRequest

When = Literal["before", "after", "late"]

_JSON_VERSIONS = {"dynamodb": "1.0", "dynamodbstreams": "1.0", "sqs": "1.0", "ssm": "1.1"}
_SERVER_FAULT = 500


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fault:
    """A failure of every request that matches; a field that is None matches everything.

    `before`: the request is refused without an effect. `after`: the request takes effect, but an
    error is returned instead of its response. `late`: its response is returned after `delay`
    seconds. `code=None` closes the connection without a response. `times` limits how often the
    fault is applied. `account_id` is the caller's account; `resource` is any part of
    `ApiRequest.resource`, so the ARN of an assumed role selects its account.
    """

    service: str | None = None
    operation: str | None = None
    region: str | None = None
    account_id: str | None = None
    resource: str = ""
    code: str | None = "ThrottlingException"
    status: int = 400
    message: str = "Rate exceeded"
    when: When = "before"
    times: int | None = None
    delay: float = 0.0

    def fits(self, request: ApiRequest, account_id: str) -> bool:
        """Whether this fault matches a request of an account."""
        wanted = (self.service, self.operation, self.region, self.account_id)
        actual = (request.service, request.operation, request.region, account_id)
        pairs = zip(wanted, actual, strict=True)
        return self.resource in request.resource and all(w in {None, a} for w, a in pairs)

    def answer(self, request: ApiRequest) -> Response | None:
        """The error in the format of the request's protocol; None to close the connection."""
        if self.code is None:
            return None
        return error_response(request.service, self.code, self.message, self.status)


class Faults:
    """The active faults with their remaining counts; the first that matches is applied."""

    def __init__(self) -> None:
        self._left: dict[Fault, int | None] = {}
        self._struck: dict[Fault, int] = {}
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Activate a fault."""
        with self._lock:
            self._left[fault] = fault.times

    def remove(self, fault: Fault) -> None:
        """Remove a fault, if it is active."""
        with self._lock:
            self._left.pop(fault, None)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._left.clear()

    def struck(self, fault: Fault) -> int:
        """How many requests a fault was applied to; a removed fault keeps its count."""
        with self._lock:
            return self._struck.get(fault, 0)

    def take(self, request: ApiRequest, account_id: str) -> Fault | None:
        """The fault to apply to this request, counted as used."""
        with self._lock:
            for fault, left in self._left.items():
                if left != 0 and fault.fits(request, account_id):
                    self._left[fault] = None if left is None else left - 1
                    self._struck[fault] = self._struck.get(fault, 0) + 1
                    return fault
        return None


def error_response(service: str, code: str, message: str, status: int) -> Response:
    """An error in the format of the service's protocol."""
    if service in _JSON_VERSIONS:
        return _json_error(service, code, message, status)
    if service == "lambda":
        headers = (("Content-Type", "application/json"), ("x-amzn-ErrorType", code))
        return Response(status, headers, json.dumps({"Message": message}).encode())
    if service == "ec2":
        text = _ec2_error(code, message)
    elif service == "s3":
        text = _s3_error(code, message)
    else:
        text = _query_error(code, message, status)
    return Response(status, (("Content-Type", "text/xml;charset=UTF-8"),), text.encode())


def _json_error(service: str, code: str, message: str, status: int) -> Response:
    headers = [
        ("Content-Type", f"application/x-amz-json-{_JSON_VERSIONS[service]}"),
        ("x-amzn-RequestId", str(uuid4())),
    ]
    if service == "sqs":  # SDKs read SQS's error code from this header, which has its older names
        headers.append(("x-amzn-query-error", f"{code};{_fault_type(status)}"))
    body = {"__type": f"com.amazonaws.{service}#{code}", "message": message}
    return Response(status, tuple(headers), json.dumps(body).encode())


def _ec2_error(code: str, message: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Response><Errors><Error><Code>{escape(code)}</Code>"
        f"<Message>{escape(message)}</Message></Error></Errors>"
        f"<RequestID>{uuid4()}</RequestID></Response>"
    )


def _s3_error(code: str, message: str) -> str:
    return (
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"<RequestId>{uuid4()}</RequestId></Error>"
    )


def _query_error(code: str, message: str, status: int) -> str:
    return (
        f"<ErrorResponse><Error><Type>{_fault_type(status)}</Type><Code>{escape(code)}</Code>"
        f"<Message>{escape(message)}</Message></Error>"
        f"<RequestId>{uuid4()}</RequestId></ErrorResponse>"
    )


def _fault_type(status: int) -> str:
    return "Receiver" if status >= _SERVER_FAULT else "Sender"
