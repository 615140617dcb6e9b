"""Responses of the stub, and errors in the form of each protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from msgspec.json import encode

JSON_SERVICES = {"dynamodb": "1.0", "sqs": "1.0", "ssm": "1.1"}
_STATUS = {200: b"200 OK", 400: b"400 Bad Request", 503: b"503 Service Unavailable"}


class ServiceError(Exception):
    """An error response of a service."""

    def __init__(
        self,
        code: str,
        message: str = "",
        status: int = 400,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.members = members or {}


@dataclass(frozen=True, slots=True)
class Response:
    """The content of a response."""

    body: bytes
    status: int = 200
    content_type: bytes = b"text/xml;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_response(service: str, content: Any) -> Response:  # noqa: ANN401 - JSON, or its text
    """A response of a service with a JSON protocol."""
    body = content if isinstance(content, bytes) else encode(content)
    kind = f"application/x-amz-json-{JSON_SERVICES.get(service, '1.0')}".encode()
    return Response(body, content_type=kind)


def error_response(service: str, error: ServiceError) -> Response:
    """An error in the protocol of the service."""
    if service in JSON_SERVICES:
        content = {"__type": f"com.amazonaws#{error.code}", "message": error.message}
        ok = json_response(service, {**content, **error.members})
        return Response(ok.body, error.status, ok.content_type)
    text = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
    if service == "ec2":
        body = f"<Response><Errors><Error>{text}</Error></Errors></Response>"
    else:
        body = f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error></ErrorResponse>"
    return Response(body.encode(), error.status)


def encoded(response: Response, request_number: int) -> bytes:
    """The bytes of a response, with the headers that AWS sends."""
    return (
        b"HTTP/1.1 %b\r\nServer: Server\r\nDate: Sun, 22 Nov 2026 07:00:00 GMT\r\n"
        b"Content-Type: %b\r\nContent-Length: %d\r\nConnection: keep-alive\r\n"
        b"x-amzn-RequestId: 00000000-0000-4000-8000-%012d\r\n\r\n"
        % (
            _STATUS[response.status],
            response.content_type,
            len(response.body),
            request_number,
        )
    ) + response.body
