"""Creates a virtual environment of the running Python from a lock file.

`python3 -m infra.virtualenv FOLDER LOCK` installs only the packages of the lock file, then checks
with pip that they are complete; `--project` adds this repository's own packages. Uses only the
standard library. Prints one line, and the output of a program only if it fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.package.errors import StepFailedError
from infra.pip import environment, without_settings

_ROOT = Path(__file__).parents[1]
_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")
_INSTALL = (*_PIP, "install", "--quiet", "--no-deps")
_VENV_ADVICE = "this Python has no module venv; many systems have a separate package for it"
_LOCK_ADVICE = "either the package index cannot be reached, or a locked package cannot be installed"
_PROJECT_ADVICE = "this repository's own packages cannot be installed"
_CHECK_ADVICE = "the lock file is not complete; `make lock` writes it again"


def make(folder: Path, lock: Path, environ: Mapping[str, str], *, project: bool) -> None:
    """Create the environment from the lock file, in place of an earlier one.

    Raises:
        StepFailedError: a program failed; the text contains its output.
    """
    clean = without_settings(environ)
    _run("venv", [sys.executable, "-m", "venv", "--clear", str(folder)], clean, _VENV_ADVICE)
    python = folder / "bin" / "python"
    settings = environment(python, environ)
    locked = [str(python), *_INSTALL, "--require-hashes", "--requirement", str(lock)]
    _run("pip install", locked, settings, _LOCK_ADVICE)
    if project:
        ours = [str(python), *_INSTALL, "--no-build-isolation", "--editable", str(_ROOT)]
        _run("pip install", ours, settings, _PROJECT_ADVICE)
    _run("pip check", [str(python), *_PIP, "check"], settings, _CHECK_ADVICE)


def _run(name: str, command: Sequence[str], environ: Mapping[str, str], advice: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own Python
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        raise StepFailedError([name], done.stdout, advice)


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Create the environment, and return the exit code."""
    parser = argparse.ArgumentParser("python -m infra.virtualenv")
    parser.add_argument("folder", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--project", action="store_true", help="add this repository's packages")
    options = parser.parse_args(arguments)
    sys.stdout.write(f"Making {options.folder} from {options.lock} ...\n")
    sys.stdout.flush()
    try:
        make(options.folder, options.lock, environ, project=options.project)
    except StepFailedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
