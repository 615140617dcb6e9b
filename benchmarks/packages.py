"""The functions' packages for this machine, unpacked as Lambda unpacks them."""

from __future__ import annotations

import importlib.util
import platform
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.package.build import build, write
from infra.package.calls import CALLS
from infra.package.interpreter import find
from infra.package.lambda_platform import LambdaPlatform

RUNTIME = "python3.13"
_ROOT = Path(__file__).parents[1]
_WHEELS = _ROOT / "build" / "wheels"
_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64"}
_STOCK = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
"""The pure Python packages of the AWS SDK, for the ways that the functions are compared with."""


@dataclass(frozen=True, slots=True)
class Packages:
    """The runtime's Python, the folder of each function, and a folder with the whole AWS SDK."""

    python: Path
    functions: Mapping[str, Path]
    sdk: Path
    bundle: Path | None = None
    """Certificates of the AWS SDK and the stub's, for processes that are not a function."""


def architecture() -> str:
    """The architecture of this machine, as Lambda names it."""
    return _ARCHITECTURES.get(platform.machine(), "x86_64")


def build_packages(folder: Path, environ: Mapping[str, str]) -> Mapping[str, Path]:
    """Build the zip of each function as `make package` does, for this machine's processor.

    Raises:
        NoInterpreterError: there is no Python of the runtime.
        PackagingError: a dependency is not available.
    """
    target = LambdaPlatform(RUNTIME, architecture())
    python = find(target.python, environ)
    packages = build(target, python, "{}", _WHEELS)
    write({package.file_name: package.content for package in packages}, folder)
    return {function: folder / f"{function}.zip" for function in CALLS}


def unpack(
    zips: Mapping[str, Path], folder: Path, environ: Mapping[str, str], certificate: Path | None
) -> Packages:
    """Unpack the zips, and add the stub's certificate to each bundle of certificates in them.

    So each function uses the bundle that it would use on Lambda, and needs the same time to read
    it.
    """
    for function, path in zips.items():
        zipfile.ZipFile(path).extractall(folder / function)
    sdk = folder / "sdk"
    sdk.mkdir()
    for name in _STOCK:
        (sdk / _source(name).name).symlink_to(_source(name))
    bundle = None
    if certificate is not None:
        added = certificate.read_bytes()
        for pem in (each for name in zips for each in (folder / name).rglob("*.pem")):
            pem.write_bytes(pem.read_bytes() + b"\n" + added)
        bundle = folder / "bundle.pem"
        stock = _source("botocore") / "cacert.pem"
        bundle.write_bytes(stock.read_bytes() + b"\n" + added)
    python = find(LambdaPlatform(RUNTIME, architecture()).python, environ)
    return Packages(python, {name: folder / name for name in zips}, sdk, bundle)


def _source(name: str) -> Path:
    """The folder or file of an installed package."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    origin = Path(spec.origin)
    return origin.parent if origin.name == "__init__.py" else origin
