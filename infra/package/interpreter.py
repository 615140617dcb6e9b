"""Finds the Python of the functions' runtime; uses only the standard library.

`python3 -m infra.package.interpreter 3.13` prints its path. If there is none, it prints the reason
to standard error and exits with 1.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

VARIABLE = "RUNTIME_PYTHON"
"""The environment variable for the path of the interpreter, which is used first."""

_PROBE_SECONDS = 20
_PROBE = (
    "import compileall, ensurepip, ssl, sys, venv; "
    "print(sys.implementation.name, '%d.%d' % sys.version_info[:2] + sys.abiflags)"
)
_USAGE = "usage: python -m infra.package.interpreter VERSION, where VERSION is such as 3.13"

# Where installers of Python put it, below the home folder; `{v}` is the version.
_BELOW_HOME = (
    ".pyenv/versions/{v}*/bin",
    ".local/share/uv/python/cpython-{v}.*/bin",
    ".local/share/mise/installs/python/{v}*/bin",
    ".asdf/installs/python/{v}*/bin",
    "Library/Application Support/uv/python/cpython-{v}.*/bin",
)
_BELOW_ROOT = (
    "usr/local/bin",
    "usr/bin",
    "opt/homebrew/bin",
    "opt/python/cp{digits}-cp{digits}/bin",
    "Library/Frameworks/Python.framework/Versions/{v}/bin",
)


class NoInterpreterError(Exception):
    """There is no usable Python of the required version; the text contains what to do."""


def find(version: str, environ: Mapping[str, str], named: str = "") -> Path:
    """The Python of a version such as `3.13`: the named one, or the first that works.

    Raises:
        NoInterpreterError: there is no such Python.
    """
    if named := named or environ.get(VARIABLE, ""):
        return _named(Path(named), version)
    for path in dict.fromkeys(_candidates(version, environ)):
        if _is_python(path, version):
            return path
    message = (
        f"no Python {version} was found on PATH or in the folders of pyenv, uv, mise, asdf and the "
        f"system. The packages contain byte code that only Python {version} can write: install it "
        f"(`pyenv install {version}`, `uv python install {version}`, or the system's package "
        f"python{version} with its venv module), or set {VARIABLE}=/path/to/python"
    )
    raise NoInterpreterError(message)


def _named(path: Path, version: str) -> Path:
    answer = _probe(path)
    if answer != f"cpython {version}":
        message = (
            f"{path} ({VARIABLE} or --python) is not a complete CPython {version}: "
            f"{f'it reported {answer!r}' if answer else 'it could not be run'}. "
            "Set another path, or none, to search for one"
        )
        raise NoInterpreterError(message)
    return path


def _is_python(path: Path, version: str) -> bool:
    return path.is_file() and _probe(path) == f"cpython {version}"


def _probe(path: Path) -> str:
    """The implementation and version of a Python; empty if it does not run, as for some shims."""
    try:
        answer = subprocess.run(  # noqa: S603 - what was found or named
            [str(path), "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            text=True,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return answer.stdout.strip()


def _candidates(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Possible paths: the running interpreter, PATH, then the folders of installers."""
    name = f"python{version}"
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield Path(sys.executable)
    for folder in _folders(version, environ):
        yield folder / name


def _folders(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    on_path = [Path(part) for part in environ.get("PATH", "").split(os.pathsep) if part]
    yield from on_path
    for folder in on_path:
        if folder.name == "shims":  # of pyenv, asdf or mise in any folder
            yield from _newest(folder.parent, "versions/{v}*/bin", version)
            yield from _newest(folder.parent, "installs/python/{v}*/bin", version)
    if uv := environ.get("UV_PYTHON_INSTALL_DIR"):
        yield from _newest(Path(uv), "cpython-{v}.*/bin", version)
    if home := environ.get("HOME"):
        for pattern in _BELOW_HOME:
            yield from _newest(Path(home), pattern, version)
    for pattern in _BELOW_ROOT:
        yield from _newest(Path("/"), pattern, version)


def _newest(root: Path, pattern: str, version: str) -> list[Path]:
    """The matching folders, those with the highest version first."""
    found = root.glob(pattern.format(v=version, digits=version.replace(".", "")))
    return sorted(found, key=_numbers, reverse=True)


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Print the path of the interpreter, and return the exit code."""
    if len(arguments) != 1 or not re.fullmatch(r"3\.\d+", arguments[0]):
        sys.stderr.write(f"{_USAGE}\n")
        return 2
    try:
        sys.stdout.write(f"{find(arguments[0], environ)}\n")
    except NoInterpreterError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
