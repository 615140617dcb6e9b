"""The contents of each package: a service, what it needs, dependencies and reduced data files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from infra.package.calls import CALLS
from infra.package.roots import AMAZON_ROOTS, amazon_roots
from infra.package.service_data import service_data

CATALOGUE = "catalogue.json"
"""File at the root of the scheduler's package, as its settings expect."""
CATALOGUE_READER = "scheduler"

_KERNEL = "kernel"
_PARTS = {"publisher": ("history", "report", "feed")}
"""Parts of `services` that a function needs in addition to its own and the kernel."""
_ALL_PARTS = tuple(dict.fromkeys(part for parts in _PARTS.values() for part in parts))
_SUFFIXES = frozenset({".css", ".html", ".js", ".py"})
"""Of modules, and of the files that they read: the template of the page, its style and script."""
_LEFT_OUT = (
    "bin/*",  # command-line programs
    "botocore/data/*",  # added again, reduced to the calls of each function
    "*.css",  # web pages, most of Powertools' size
    "*.js",
    "*.pyi",
    "*/py.typed",
)
_LEGAL = ("licenses/*", "LICENSE*", "NOTICE*", "COPYING*", "AUTHORS*")
_METADATA = "METADATA"


def lay_out_services(services: Path, into: Path) -> None:
    """Copy the modules of every function and of what they need in their import layout."""
    folder = into / "services"
    folder.mkdir(parents=True)
    shutil.copyfile(services / "__init__.py", folder / "__init__.py")
    for name in (*CALLS, *_ALL_PARTS, _KERNEL):
        for path in sorted((services / name).rglob("*")):
            if path.suffix in _SUFFIXES:
                copy = folder / path.relative_to(services)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)


def contents(staged: Sequence[Path], function: str, catalogue: str) -> Mapping[str, bytes]:
    """Every file of a function's package by path.

    `staged` are folders: one with the files of all packages, and one with the function's own.
    """
    files = {name: _content(folder, name) for folder in staged for name in _kept(folder, function)}
    files |= service_data(staged[0] / "botocore", CALLS[function])
    files[AMAZON_ROOTS] = amazon_roots(staged[0] / "botocore" / "cacert.pem")
    if function == CATALOGUE_READER:
        files[CATALOGUE] = catalogue.encode()
    return files


def _kept(staged: Path, function: str) -> Iterator[str]:
    own = {function, *_PARTS.get(function, ())}
    foreign = tuple(f"services/{name}/" for name in (*CALLS, *_ALL_PARTS) if name not in own)
    for path in staged.rglob("*"):
        name = path.relative_to(staged).as_posix()
        if path.is_file() and not name.startswith(foreign) and _is_needed(name):
            yield name


def _is_needed(name: str) -> bool:
    distribution, found, rest = name.partition(".dist-info/")
    if found and "/" not in distribution:
        return rest == _METADATA or any(fnmatchcase(rest, pattern) for pattern in _LEGAL)
    ours = name.startswith("services/")
    return ours or not any(fnmatchcase(name, pattern) for pattern in _LEFT_OUT)


def _content(staged: Path, name: str) -> bytes:
    """A file's content; of a distribution's METADATA only the headers.

    Scanners for vulnerable packages read name and version from these headers.
    """
    content = (staged / name).read_bytes()
    if name.endswith(f".dist-info/{_METADATA}"):
        return content.partition(b"\n\n")[0] + b"\n"
    return content
