"""Compiles modules to byte code with the Python of the runtime."""

from __future__ import annotations

import subprocess
from pathlib import Path

from infra.package.errors import StepFailedError

TASK_ROOT = "/var/task"
"""The folder to which Lambda unpacks a package, which tracebacks show."""

_COMPILE_SECONDS = 300
_PROGRAM = ("compileall",)
_ADVICE = "the file in its output is not valid source code for this Python"


def compile_all(folder: Path, python: Path) -> None:
    """Write the byte code of every module below a folder.

    The byte code is not checked against the source at import, since files in Lambda are read-only.
    A single process, a fixed hash seed and an isolated start make it reproducible: marshalled sets
    and shared constants depend on them.

    Raises:
        StepFailedError: a module is not valid source code.
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
