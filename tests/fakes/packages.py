"""Real packages for tests: built once a session, however many workers run it."""

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

ROOT = Path(__file__).parents[2]
RUNTIME = "python3.13"
CACHE = ROOT / "build" / "wheels"
"""Shared with `make package`, so that wheels are downloaded once."""

_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64", "AMD64": "x86_64", "x86_64": "x86_64"}
ARCHITECTURE = _ARCHITECTURES.get(platform.machine(), "x86_64")
"""What this machine can run."""

# Read once, since each test sees a replaced environment; which Python is found, and how pip reaches
# the registry, may depend on it.
ENVIRON = dict(os.environ)


def interpreter(runtime: str = RUNTIME) -> Path:
    """The runtime's Python; without one the test is skipped."""
    try:
        return find(LambdaPlatform(runtime, ARCHITECTURE).python, ENVIRON)
    except NoInterpreterError as error:
        pytest.skip(str(error))


def runs_here() -> None:
    """Skip the test where no package for Lambda can run."""
    if sys.platform != "linux":
        pytest.skip(f"packages for Lambda hold Linux libraries; this is {sys.platform}")


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
    with alone(out):
        zips = {function: out / f"{function}.zip" for function in CALLS}
        return zips if all(path.exists() for path in zips.values()) else build(out)


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this test session that all workers share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in ENVIRON else own


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, so that one worker makes what the others wait for and then find."""
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
