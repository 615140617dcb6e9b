"""Byte code, written ahead by the Python that will run it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from infra.package.errors import StepFailedError

TASK_ROOT = "/var/task"
"""Where Lambda unpacks a package; what tracebacks show."""

_COMPILE_SECONDS = 300
_PROGRAM = ("compileall",)
_ADVICE = "the file that it names is no valid source for this Python"


def compile_all(folder: Path, python: Path) -> None:
    """Write the byte code of every module below a folder.

    Unchecked: Lambda's files are read-only, so nothing is lost by not looking at the source. One
    process, a fixed hash seed and an isolated start, since marshalled sets and shared constants
    would tell how and where they were made.

    Raises:
        StepFailedError: a module is no valid source.
    """
    command = [
        *(str(python), "-P", "-s", "-S", "-m", "compileall", "-q", "-f", "-j", "1"),
        *("--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", TASK_ROOT),
        str(folder),
    ]
    try:
        subprocess.run(  # noqa: S603 - the interpreter that was found or named
            command,
            env={"PYTHONHASHSEED": "0"},
            check=True,
            capture_output=True,
            text=True,
            timeout=_COMPILE_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise StepFailedError(_PROGRAM, error.stdout + error.stderr, _ADVICE) from error
    except subprocess.TimeoutExpired as error:
        advice = f"it did not finish in {_COMPILE_SECONDS} seconds; run this again"
        raise StepFailedError(_PROGRAM, "", advice) from error
