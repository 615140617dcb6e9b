"""The middleware of the embedded AWS: records requests, applies faults, and calls moto."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterable
from functools import partial
from http.client import responses
from typing import TYPE_CHECKING, Any, cast

from services.embedded.aws.calls import ApiRequest, Call, Calls, parse_request
from services.embedded.aws.faults import Faults, Response, error_response
from services.embedded.aws.functions import Functions

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ACCOUNT_HEADER = "x-moto-account-id"
_ACCOUNT_KEY = "HTTP_X_MOTO_ACCOUNT_ID"

Correction = Callable[[ApiRequest, str, Callable[[], Response]], Response]
"""Returns the response to an account's request; the callable forwards it to moto."""

Hook = Callable[[ApiRequest, Callable[[], Response | None]], Response | None]
"""Called for each request of the services, with a function that returns its response.

It returns that response or another one; None closes the connection.
"""


class Middleware:
    """A WSGI application around moto's.

    Only one thread at a time calls moto, which is not thread-safe: a queue can lose messages. It is
    bound by the processor, so this makes it no slower. Faults wait outside that lock, so a slow
    region does not delay others.
    """

    def __init__(
        self,
        application: WSGIApplication,
        account_of: Callable[[str], str],
        correct: Correction,
        stopping: threading.Event,
    ) -> None:
        self.calls = Calls()
        self.faults = Faults()
        self.functions = Functions()
        self.hooks: list[Hook] = []
        self.lock = threading.RLock()
        self._application = application
        self._account_of = account_of
        self._correct = correct
        self._stopping = stopping

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, as WSGI requires."""
        request = _read(environ)
        answer = self._serve(environ) if request is None else self._answer(request, environ)
        if answer is None:
            _close_connection(environ)
            raise ConnectionAbortedError
        status = f"{answer.status} {responses.get(answer.status, 'Unnamed')}"  # AWS uses status 509
        length = ("Content-Length", str(len(answer.body)))
        start_response(status, [*answer.headers, length])
        return [answer.body]

    def _answer(self, request: ApiRequest, environ: WSGIEnvironment) -> Response | None:
        outside = _ACCOUNT_KEY in environ
        with self.lock:
            account_id = environ.get(_ACCOUNT_KEY) or self._account_of(request.access_key)
        if outside:
            answer: Response | None = self._forward_corrected(request, account_id, environ)
        else:
            answer = self._through_hooks(
                request, lambda: self._with_faults(request, account_id, environ)
            )
        call = Call(
            service=request.service,
            operation=request.operation,
            region=request.region,
            account_id=account_id,
            status=answer.status if answer else 0,
            resource=request.resource,
            outside=outside,
        )
        self.calls.add(call)
        return answer

    def _through_hooks(
        self, request: ApiRequest, forward: Callable[[], Response | None]
    ) -> Response | None:
        for hook in tuple(self.hooks):
            forward = partial(hook, request, forward)
        return forward()

    def _with_faults(
        self, request: ApiRequest, account_id: str, environ: WSGIEnvironment
    ) -> Response | None:
        fault = self.faults.take(request, account_id)
        if fault is None:
            return self._forward_corrected(request, account_id, environ)
        if fault.when == "before":
            self._stopping.wait(fault.delay)
            return fault.answer(request)
        answer = self._forward_corrected(request, account_id, environ)
        self._stopping.wait(fault.delay)
        return answer if fault.when == "late" else fault.answer(request)

    def _forward_corrected(
        self, request: ApiRequest, account_id: str, environ: WSGIEnvironment
    ) -> Response:
        try:
            if (answer := self.functions.answer(request)) is not None:
                return answer  # without the lock: the function makes calls of its own
            with self.lock:
                return self._correct(request, account_id, lambda: self._forward(environ))
        except Exception as error:  # noqa: BLE001 - a failure of moto becomes a response with status 500
            problem = f"the embedded AWS failed: {type(error).__name__}: {error}"
            return error_response(request.service, "InternalFailure", problem, 500)

    def _serve(self, environ: WSGIEnvironment) -> Response | None:
        with self.lock:
            return self._forward(environ)

    def _forward(self, environ: WSGIEnvironment) -> Response:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:  # noqa: ANN401 - WSGI's own
            started.append((status, headers))

        body = b"".join(self._application(environ, cast("StartResponse", start_response)))
        status, headers = started[-1]
        kept = tuple(pair for pair in headers if pair[0].lower() != "content-length")
        return Response(int(status.split()[0]), kept, body)


def _read(environ: WSGIEnvironment) -> ApiRequest | None:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    target, path = environ.get("HTTP_X_AMZ_TARGET", ""), environ.get("PATH_INFO", "")
    method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
    return parse_request(authorization, target, body, path, method, query)


def _close_connection(environ: WSGIEnvironment) -> None:
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
