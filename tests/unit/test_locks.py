"""Each lock file pins all that is installed, by hash, and needs nothing that it does not hold."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution
from typing import Any

import pytest
from locks import LOCK_NAMES, NESTED_LOCKS, REQUIREMENTS, every_unmet, installed, lock, pins
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = REQUIREMENTS.parent / "pyproject.toml"


def asked(name: str) -> Iterator[Requirement]:
    """Each package that an `.in` file asks for, included files too."""
    for line in (REQUIREMENTS / f"{name}.in").read_text(encoding="utf-8").splitlines():
        wish = line.partition("#")[0].strip()
        if wish.startswith("-r "):
            yield from asked(wish.removeprefix("-r ").removesuffix(".in"))
        elif wish:
            yield Requirement(wish)


@pytest.mark.parametrize("name", LOCK_NAMES)
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    """Nothing is installed but the very bytes that were locked."""
    assert [pin.name for pin in lock(name) if not pin.version or not pin.hashed] == []
    assert lock(name)


@pytest.mark.parametrize("name", LOCK_NAMES)
def test_lock_holds_what_is_asked_for(name: str) -> None:
    """An `.in` file that was edited needs `make lock`; extras are part of what is asked for."""
    held = {(pin.name, extra) for pin in lock(name) for extra in ("", *pin.requirement.extras)}

    assert [
        str(wish)
        for wish in asked(name)
        if not {(canonicalize_name(wish.name), extra) for extra in ("", *wish.extras)} <= held
    ] == []


@pytest.mark.parametrize("name", LOCK_NAMES)
def test_lock_names_no_host(name: str) -> None:
    """A lock file contains neither an index nor a direct address."""
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")

    assert re.findall(r"--(?:extra-)?index-url.*|--find-links.*|\S+://\S+", text) == []


def test_locks_agree() -> None:
    """What the tests run is what the functions and the demo run."""
    versions = [{pin.name: pin.version for pin in lock(name)} for name in NESTED_LOCKS]

    assert versions[0].items() <= versions[1].items() <= versions[2].items()


def test_package_accepts_what_is_locked() -> None:
    """The ranges in pyproject.toml hold the locked versions."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    wishes = project["dependencies"] + project["optional-dependencies"]["demo"]
    versions = {pin.name: pin.version for pin in lock("console")}

    assert [
        str(wish)
        for wish in map(Requirement, wishes)
        if not wish.specifier.contains(versions[canonicalize_name(wish.name)])
    ] == []


# --- completeness


@pytest.mark.parametrize("name", NESTED_LOCKS)
def test_lock_is_complete(name: str) -> None:
    """Locks are installed without looking for dependencies, so each must hold all of them.

    Checked for every Python and system that developers use. The packages say what they require,
    so those that are not installed here are checked elsewhere (tests/infra/test_locks.py).
    """
    assert every_unmet(lock(name), installed()) == []


HASH = f"--hash=sha256:{'0' * 64}"


class Package(Distribution):
    """A package that is installed, as far as its requirements go."""

    def __init__(self, *requires: str) -> None:
        self._requires = requires

    @property
    def requires(self) -> list[str]:
        """What it requires."""
        return list(self._requires)

    def read_text(self, filename: str) -> None:
        """It has no files."""

    def locate_file(self, path: object) -> Any:  # noqa: ANN401 - never called
        """It has no files."""
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
def test_what_a_lock_lacks_is_found(text: str, missing: list[str]) -> None:
    """Versions, extras of extras, and the markers of both sides count."""
    packages = {
        "a": Package("b>=2", 'c[y]; extra == "x"'),
        "c": Package('d; extra == "y" and sys_platform == "darwin"'),
    }

    assert every_unmet(pins(text), packages) == missing
