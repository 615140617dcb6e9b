"""Starts a function in a process of its own, and measures its invocations."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any, Self

_WORKER = Path(__file__).with_name("worker.py")
_STOP_SECONDS = 20
_INVOCATION_SECONDS = 900
"""Lambda's longest time-out; a function that needs longer is killed."""


class InvocationFailedError(Exception):
    """The function returned an error."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A response, and what it needed: processor time of all threads, and the peak memory so far."""

    response: Any
    cpu_seconds: float
    wall_seconds: float
    mib: float


class Function:
    """A function in its process: `with Function(...) as function: function.invoke(event)`."""

    def __init__(
        self, python: Path, folder: Path, module: str, environ: Mapping[str, str], log: Path
    ) -> None:
        self._command = [str(python), "-I", "-S", "-B", str(_WORKER), str(folder), module, str(log)]
        self._environ = dict(environ)
        self._process: subprocess.Popen[str] | None = None
        self.log = log
        self.import_seconds = 0.0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.import_seconds = self._read()["import_seconds"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kind is not None:
            process.kill()
        process.communicate(timeout=_STOP_SECONDS)

    def invoke(self, event: object) -> Invocation:
        """Invoke the function.

        Raises:
            InvocationFailedError: it returned an error, or its process ended or was killed.
        """
        assert self._process is not None  # noqa: S101 - narrows the type
        assert self._process.stdin is not None  # noqa: S101 - narrows the type
        limit = Timer(_INVOCATION_SECONDS, self._process.kill)
        limit.start()
        try:
            self._process.stdin.write(json.dumps(event) + "\n")
            self._process.stdin.flush()
            result = self._read()
        finally:
            limit.cancel()
        if error := result.pop("error"):
            raise InvocationFailedError(error)
        return Invocation(**result)

    def _read(self) -> dict[str, Any]:
        assert self._process is not None  # noqa: S101 - narrows the type
        assert self._process.stdout is not None  # noqa: S101 - narrows the type
        line = self._process.stdout.readline()
        if not line:
            message = f"the process of {self._command[-2]} ended; see {self.log}"
            raise InvocationFailedError(message)
        result: dict[str, Any] = json.loads(line)
        return result
