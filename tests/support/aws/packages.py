"""Real packages for tests, built once per session for all workers."""

from __future__ import annotations

import fcntl
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.package.build import build as build_packages
from infra.package.build import write
from infra.package.calls import CALLS
from infra.package.interpreter import NoInterpreterError, find
from infra.package.lambda_platform import LambdaPlatform
from infra.package.manifest import files
from services.catalogue.load import load
from services.kernel.catalogue_file import encode_catalogue

ROOT = Path(__file__).parents[3]
RUNTIME = "python3.13"
CACHE = ROOT / "build" / "wheels"
"""Shared with `make package`, so that wheels are downloaded once."""

_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64", "AMD64": "x86_64", "x86_64": "x86_64"}
ARCHITECTURE = _ARCHITECTURES.get(platform.machine(), "x86_64")
"""The architecture of this machine."""

# Read once, because each test has a replaced environment. Finding Python and reaching the registry
# may depend on the original one.
ENVIRON = dict(os.environ)


def interpreter(runtime: str = RUNTIME) -> Path:
    """The runtime's Python; without one the test is skipped."""
    try:
        return find(LambdaPlatform(runtime, ARCHITECTURE).python, ENVIRON)
    except NoInterpreterError as error:
        pytest.skip(str(error))


def require_linux() -> None:
    """Skip the test where no package for Lambda can run."""
    if sys.platform != "linux":
        pytest.skip(f"packages for Lambda contain Linux libraries; this is {sys.platform}")


def build(
    out: Path,
    *,
    architecture: str = ARCHITECTURE,
    runtime: str = RUNTIME,
    images: Path = ROOT / "tracked_images",
    regions: Path = ROOT / "regions.yaml",
) -> Mapping[str, Path]:
    """The zip of each function, in a folder with their manifest.

    Skips the test where the runtime's Python is missing.

    Raises:
        ConfigurationError: the configuration is invalid.
    """
    target = LambdaPlatform(runtime, architecture)
    catalogue = encode_catalogue(load(images, regions))
    packages = build_packages(target, interpreter(runtime), catalogue, CACHE)
    write(files(packages, target, catalogue), out)
    return {function: out / f"{function}.zip" for function in CALLS}


@pytest.fixture(scope="session")
def built_packages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The zip of each function with the shipped configuration, for this machine's processor."""
    out = shared_folder(tmp_path_factory) / f"packages-{ARCHITECTURE}"
    with exclusive_lock(out):
        zips = {function: out / f"{function}.zip" for function in CALLS}
        return zips if all(path.exists() for path in zips.values()) else build(out)


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this test session that all workers share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in ENVIRON else own


@contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder: one worker builds its content while the others wait."""
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
