"""The process of one function: `python -I -S worker.py FOLDER MODULE LOG`.

It imports the handler from the folder, then reads events from standard input, one JSON text a line,
and writes a line with the response, the processor time and the peak memory of each. It imports only
the standard library itself, since it runs with the packages of a function, and adds `BENCH_SDK` to
the path for the modules that need the whole AWS SDK.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

_TIMEOUT_SECONDS = float(os.environ.get("BENCH_TIMEOUT_SECONDS", "900"))


class Context:
    """The part of Lambda's context object that the functions use."""

    function_name = "bench"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:999900000000:function:bench"

    def __init__(self) -> None:
        self.aws_request_id = str(uuid4())
        self._end = time.monotonic() + _TIMEOUT_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        """The time until Lambda would stop the function."""
        return max(0, int(1000 * (self._end - time.monotonic())))


def peak_mebibytes() -> float:
    """The peak of resident memory; unlike rusage, it starts at zero in each program."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main(folder: str, module: str, log: str) -> None:
    """Import the handler and process events until standard input ends."""
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(written, 1)
    sys.path[:0] = [folder, *filter(None, [os.environ.get("BENCH_SDK")])]
    before = time.process_time()
    handler = import_module(module).handler
    _write(results, {"import_seconds": time.process_time() - before, "mib": peak_mebibytes()})
    for line in sys.stdin:
        started, wall = time.process_time(), time.monotonic()
        error, response = None, None
        try:
            response = handler(json.loads(line), Context())
        except Exception as problem:  # noqa: BLE001 - the benchmark reports it
            error = f"{type(problem).__name__}: {problem}"
        text = json.dumps(response)
        used = time.process_time() - started
        result = {"cpu_seconds": used, "wall_seconds": time.monotonic() - wall, "error": error}
        _write(results, {**result, "response": json.loads(text), "mib": peak_mebibytes()})


def _write(results: IO[str], content: dict[str, Any]) -> None:
    results.write(json.dumps(content) + "\n")
    results.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
