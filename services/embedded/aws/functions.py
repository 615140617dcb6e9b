"""Lambda functions of this process, which `lambda:Invoke` calls synchronously."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping

from services.embedded.aws.calls import ApiRequest
from services.embedded.aws.faults import Response

Function = Callable[[Mapping[str, object]], object]
"""Receives the event and returns the response; both are converted to JSON and back."""


class Functions:
    """Functions by name. Only one runs at a time, since each needs an environment of its own."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}
        self._running = threading.Lock()

    def add(self, name: str, function: Function) -> None:
        """Add a function."""
        self._functions[name] = function

    def remove(self, name: str) -> None:
        """Remove a function."""
        self._functions.pop(name, None)

    def answer(self, request: ApiRequest) -> Response | None:
        """The response of `Invoke`; None for other requests and unknown functions.

        As in Lambda, an exception of the function is a response with status 200.
        """
        if (request.service, request.operation) != ("lambda", "Invoke"):
            return None
        function = self._functions.get(_name(request.resource))
        if function is None:
            return None
        headers = [("Content-Type", "application/json"), ("X-Amz-Executed-Version", "$LATEST")]
        with self._running:
            try:
                answer = function(json.loads(request.body or b"null"))
            except Exception as error:  # noqa: BLE001 - the function's own error is its response
                headers.append(("X-Amz-Function-Error", "Unhandled"))
                answer = {"errorMessage": str(error), "errorType": type(error).__name__}
        return Response(200, tuple(headers), json.dumps(answer).encode())


def _name(resource: str) -> str:
    """The name of a function that a request names by its name or its ARN."""
    return resource.rpartition(":function:")[2].partition(":")[0]
