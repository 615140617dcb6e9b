"""Builds and writes the packages of all functions."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.package.archive import zipped
from infra.package.bytecode import compile_all
from infra.package.calls import CALLS
from infra.package.contents import contents, lay_out_services
from infra.package.dependencies import install_dependencies
from infra.package.errors import UnwritableError
from infra.package.lambda_platform import LambdaPlatform

_ROOT = Path(__file__).parents[2]
_LOCK = _ROOT / "requirements" / "functions.txt"
_OWN_LOCKS = {"publisher": _ROOT / "requirements" / "publisher.txt"}
"""What only one function needs, in addition to the dependencies of all."""
_SERVICES = _ROOT / "services"


@dataclass(frozen=True, slots=True)
class Package:
    """One function's package."""

    function: str
    content: bytes
    unpacked_bytes: int
    files: int

    @property
    def file_name(self) -> str:
        """The name of the zip."""
        return f"{self.function}.zip"

    @property
    def sha256(self) -> str:
        """The SHA-256 of the zip."""
        return hashlib.sha256(self.content).hexdigest()


def build(
    platform: LambdaPlatform, python: Path, catalogue: str, cache: Path
) -> tuple[Package, ...]:
    """Build each function's package with the Python of the runtime; `cache` stores downloads.

    Raises:
        PackagingError: a dependency is not available, or an input is invalid.
    """
    with tempfile.TemporaryDirectory(prefix="ami-tracker-") as folder:
        common = Path(folder, "package")
        install_dependencies(_LOCK, platform, cache, common)
        lay_out_services(_SERVICES, common)
        compile_all(common, python)
        own = {function: Path(folder, function) for function in _OWN_LOCKS}
        for function, lock in _OWN_LOCKS.items():
            install_dependencies(lock, platform, cache, own[function])
            compile_all(own[function], python)
        return tuple(
            _package([common, *([own[name]] if name in own else [])], name, catalogue)
            for name in CALLS
        )


def _package(staged: Sequence[Path], function: str, catalogue: str) -> Package:
    files = contents(staged, function, catalogue)
    return Package(function, zipped(files), sum(map(len, files.values())), len(files))


def write(files: Mapping[str, bytes], out: Path) -> None:
    """Write all files to drafts first, then rename each draft to its final name.

    Raises:
        UnwritableError: the folder is not writable.
    """
    drafts: dict[Path, Path] = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            draft = out / f".{name}.{os.getpid()}"
            drafts[draft] = out / name
            draft.write_bytes(content)
        for draft, final in drafts.items():
            draft.replace(final)
    except OSError as error:
        for draft in drafts:
            draft.unlink(missing_ok=True)
        raise UnwritableError(out, error) from error
