"""HTTP/1.1 for one connection: as much of it as botocore uses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from benchmarks.stub.responses import Response, ServiceError, encoded, error_response

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_END = b"\r\n\r\n"

Respond = Callable[[bytes, bytes], tuple[Response, float]]
"""The response to the head and the body of a request, and after how many seconds to send it."""


class Connection(asyncio.Protocol):
    """Reads requests and sends responses in their order; a client waits for each response."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._received = b""
        self._requests = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows the type
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Respond to each complete request."""
        self._received = self._received + data if self._received else data
        while (end := self._received.find(_END)) >= 0:
            head = self._received[:end]
            length = _LENGTH.search(head)
            last = end + len(_END) + (int(length[1]) if length else 0)
            if len(self._received) < last:
                return
            body = self._received[end + len(_END) : last]
            self._received = self._received[last:]
            self._handle(head, body)

    def _handle(self, head: bytes, body: bytes) -> None:
        self._requests += 1
        try:
            response, seconds = self._respond(head, body)
        except Exception as error:  # noqa: BLE001 - a request that the stub cannot read
            failure = ServiceError("StubFailed", f"{type(error).__name__}: {error}")
            response, seconds = error_response("ec2", failure), 0.0
        content = encoded(response, self._requests)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._send, content)
        else:
            self._send(content)

    def _send(self, content: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(content)
