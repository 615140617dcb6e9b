"""Each lock file pins all packages that it needs, with hashes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.locks import (
    LOCK_NAMES,
    NESTED_LOCKS,
    OWN_LOCK,
    REQUIREMENTS,
    every_unmet,
    installed,
    lock,
    pins,
)

PROJECT = REQUIREMENTS.parent / "pyproject.toml"


def asked(name: str) -> Iterator[Requirement]:
    """Return each package that an `.in` file requests, included files too."""
    for line in (REQUIREMENTS / f"{name}.in").read_text(encoding="utf-8").splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement.startswith("-r "):
            yield from asked(requirement.removeprefix("-r ").removesuffix(".in"))
        elif requirement:
            yield Requirement(requirement)


@pytest.mark.parametrize("name", LOCK_NAMES)
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    """Only packages with the locked bytes are installed."""
    assert [pin.name for pin in lock(name) if not pin.version or not pin.hashed] == []
    assert lock(name)


@pytest.mark.parametrize("name", LOCK_NAMES)
def test_lock_has_the_requested_packages(name: str) -> None:
    """An edited `.in` file needs `make lock`; extras are part of the request."""
    held = {(pin.name, extra) for pin in lock(name) for extra in ("", *pin.requirement.extras)}

    assert [
        str(requirement)
        for requirement in asked(name)
        if not {(canonicalize_name(requirement.name), extra) for extra in ("", *requirement.extras)}
        <= held
    ] == []


@pytest.mark.parametrize("name", LOCK_NAMES)
def test_lock_names_no_host(name: str) -> None:
    """A lock file contains neither an index nor a direct address."""
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")

    assert re.findall(r"--(?:extra-)?index-url.*|--find-links.*|\S+://\S+", text) == []


def test_locks_agree() -> None:
    """The tests use the same versions as the functions and the demo."""
    versions = [{pin.name: pin.version for pin in lock(name)} for name in NESTED_LOCKS]

    assert versions[0].items() <= versions[1].items() <= versions[2].items()
    assert {pin.name: pin.version for pin in lock(OWN_LOCK)}.items() <= versions[1].items()


def test_package_accepts_the_locked_versions() -> None:
    """The ranges in pyproject.toml include the locked versions."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    requirements = project["dependencies"] + project["optional-dependencies"]["demo"]
    versions = {pin.name: pin.version for pin in lock("console")}

    assert [
        str(requirement)
        for requirement in map(Requirement, requirements)
        if not requirement.specifier.contains(versions[canonicalize_name(requirement.name)])
    ] == []


# --- completeness


@pytest.mark.parametrize("name", [*NESTED_LOCKS, OWN_LOCK])
def test_lock_is_complete(name: str) -> None:
    """Locks are installed without dependency resolution, so each must be complete.

    The test covers every Python and system that developers use. The metadata of the packages has
    their requirements, so packages that are not installed here are checked in
    tests/infra/test_locks.py.
    """
    assert every_unmet(lock(name), installed()) == []


HASH = f"--hash=sha256:{'0' * 64}"


class Package(Distribution):
    """An installed package with requirements."""

    def __init__(self, *requires: str) -> None:
        self._requires = requires

    @property
    def requires(self) -> list[str]:
        """Return the requirements."""
        return list(self._requires)

    def read_text(self, filename: str) -> None:
        """Return no file."""

    def locate_file(self, path: object) -> Any:  # noqa: ANN401 - never called
        """Return no file."""
        raise NotImplementedError


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (f"a==1 {HASH}\nb==2 {HASH}", []),
        (f"a==1 {HASH}", ["a requires b>=2"]),
        (f"a==1 {HASH}\nb==1 {HASH}", ["a requires b>=2"]),
        (f"a[x]==1 {HASH}\nb==2 {HASH}", ['a requires c[y]; extra == "x"']),
        (
            f"a[x]==1 {HASH}\nb==2 {HASH}\nc==1 {HASH}",
            ['c requires d; extra == "y" and sys_platform == "darwin"'],
        ),
        (f"a[x]==1 {HASH}\nb==2 {HASH}\nc==1 {HASH}\nd==1 ; sys_platform == 'darwin' {HASH}", []),
        (f"a==1 {HASH}\nb==2 ; python_version >= '3.13' {HASH}", ["a requires b>=2"]),
    ],
)
def test_a_missing_package_of_a_lock_is_found(text: str, missing: list[str]) -> None:
    """Versions, extras of extras, and the markers of both sides are compared."""
    packages = {
        "a": Package("b>=2", 'c[y]; extra == "x"'),
        "c": Package('d; extra == "y" and sys_platform == "darwin"'),
    }

    assert every_unmet(pins(text), packages) == missing
