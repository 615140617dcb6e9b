"""Downloads the locked dependencies for the Lambda platform, caches and unpacks them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra.package.errors import StepFailedError
from infra.package.lambda_platform import LambdaPlatform
from infra.pip import environment

_PIP_SECONDS = 600
_ADVICE = (
    "either the package index of pip's configuration cannot be reached, or a locked package has no "
    "wheel for {platform}"
)


def install_dependencies(lock: Path, platform: LambdaPlatform, cache: Path, into: Path) -> None:
    """Unpack every wheel of the lock file into a folder; `cache` stores the downloads.

    Raises:
        StepFailedError: a wheel is not available, or its hash does not match.
    """
    wheels = _downloaded(lock, platform, cache)
    offline = ("--no-index", "--find-links", str(wheels))
    _pip(("install", "--no-compile", "--target", str(into), *offline), lock, platform)


def _downloaded(lock: Path, platform: LambdaPlatform, cache: Path) -> Path:
    """The folder with every wheel of the lock file."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    wheels = cache / f"{platform}-{digest}"
    if wheels.is_dir():
        return wheels
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=cache) as folder:
        draft = Path(folder, "wheels")
        _pip(("download", "--dest", str(draft)), lock, platform)
        try:
            draft.rename(wheels)
        except OSError:
            if not wheels.is_dir():  # otherwise another process has written the same wheels
                raise
    return wheels


def _pip(command: Sequence[str], lock: Path, platform: LambdaPlatform) -> None:
    """Run pip for the platform, with `--no-deps`, since the lock file is complete."""
    tags = [word for tag in platform.tags for word in ("--platform", tag)]
    arguments = [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *command),
        *("--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"),
        *("--python-version", platform.python, "--implementation", "cp", *tags),
        *("--requirement", str(lock)),
    ]
    settings = environment(Path(sys.executable), os.environ, command[0])
    try:
        subprocess.run(  # noqa: S603 - our own pip
            arguments,
            env=settings,
            check=True,
            capture_output=True,
            text=True,
            timeout=_PIP_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        advice = _ADVICE.format(platform=platform)
        raise StepFailedError(["pip", command[0]], error.stderr, advice) from error
    except subprocess.TimeoutExpired as error:
        advice = f"it did not finish in {_PIP_SECONDS} seconds; run this again"
        raise StepFailedError(["pip", command[0]], "", advice) from error
