"""Lambda's Runtime API on the loopback interface, and functions that are started as in Lambda.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

_PREFIX = "/2018-06-01/runtime"
_POLL_SECONDS = 0.05
_STOP_SECONDS = 60


class FunctionFailedError(Exception):
    """The function returned an error; `error` is the payload that Lambda returns to the caller."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(f"{error.get('errorType')}: {error.get('errorMessage')}")
        self.error = error


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """The result of one invocation: `kind` is `response`, `error` or `init`."""

    kind: str
    body: Any


class RuntimeApi:
    """Sends events to the one function that is connected, and receives its results."""

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self._server = _Server(timeout_seconds)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,))

    @property
    def address(self) -> str:
        """The value of `AWS_LAMBDA_RUNTIME_API`."""
        return f"127.0.0.1:{self._server.server_port}"

    def invoke(self, event: object) -> InvocationResult:
        """Send an event to the function and return its result.

        Raises:
            TimeoutError: the function did not respond.
        """
        self._server.events.put((str(uuid4()), json.dumps(event).encode()))
        try:
            return self._server.results.get(timeout=self.timeout_seconds)
        except queue.Empty:
            message = f"the function did not respond in {self.timeout_seconds} seconds"
            raise TimeoutError(message) from None

    def start(self) -> None:
        """Start the server."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for every thread."""
        self._server.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing the server waits for them

    def __init__(self, timeout_seconds: float) -> None:
        self.events: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self.results: queue.SimpleQueue[InvocationResult] = queue.SimpleQueue()
        self.stopping = threading.Event()
        self.timeout_seconds = timeout_seconds
        super().__init__(("127.0.0.1", 0), _Handler)

    def next(self) -> tuple[str, bytes] | None:
        """The next event with its request id; None when the server stops."""
        while not self.stopping.is_set():
            try:
                return self.events.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
        return None

    def handle_error(self, *_: object) -> None:
        """Ignore errors: a stopped function closes its connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    server: _Server

    def do_GET(self) -> None:
        """Wait for the next event and send it."""
        found = self.server.next() if self.path == f"{_PREFIX}/invocation/next" else None
        if found is None:
            self.close_connection = True
            return
        request_id, body = found
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in self._headers(request_id).items():
            self.send_header(f"Lambda-Runtime-{name}", value)
        self.end_headers()
        self.wfile.write(body)

    def _headers(self, request_id: str) -> Mapping[str, str]:
        return {
            "Aws-Request-Id": request_id,
            "Deadline-Ms": str(int((time.time() + self.server.timeout_seconds) * 1000)),
            "Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:packaged",
            "Trace-Id": "Root=1-00000000-000000000000000000000000",
        }

    def do_POST(self) -> None:
        """Receive a response, an error, or an initialisation error."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        kind = "init" if self.path == f"{_PREFIX}/init/error" else self.path.rpartition("/")[2]
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.results.put(InvocationResult(kind, json.loads(content)))

    def log_message(self, *_: object) -> None:
        """Write no log."""


class Function:
    """A function as Lambda runs it: `with Function(...) as function: function(event)`.

    The process gets only the given environment; its working folder is the package.
    """

    def __init__(
        self,
        python: Path,
        package: Path,
        handler: str,
        environ: Mapping[str, str],
        timeout_seconds: float = 120.0,
    ) -> None:
        self._api = RuntimeApi(timeout_seconds)
        self._command = [str(python), "-m", "awslambdaric", handler]
        self._package = package
        self._environ = {
            **environ,
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "packaged",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "LAMBDA_TASK_ROOT": str(package),
        }
        self._process: subprocess.Popen[str] | None = None
        self.output = ""

    def __enter__(self) -> Self:
        self._api.start()
        self._process = subprocess.Popen(
            self._command,
            cwd=self._package,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            self.output, _ = process.communicate(timeout=_STOP_SECONDS)
        self._api.stop()

    def __call__(self, event: object, _context: object = None) -> Any:  # noqa: ANN401 - JSON
        """Invoke the function with an event and return its response.

        Raises:
            FunctionFailedError: the function returned an error or could not be started.
            TimeoutError: the function did not respond.
        """
        result = self._api.invoke(event)
        if result.kind != "response":
            raise FunctionFailedError(result.body)
        return result.body
