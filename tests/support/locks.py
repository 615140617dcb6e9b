"""Reads the lock files as pip does, and the requirements of the packages in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
NESTED_LOCKS = ("functions", "console", "dev")
"""Each contains all entries of the one before."""
OWN_LOCK = "publisher"
"""What only one function needs: a part of `console`, which runs the same code."""
LOCK_NAMES = (*NESTED_LOCKS, OWN_LOCK, "checkov", "awscli", "ministack", "runtime", "nodejs")

VERSIONS = ("3.11.0", "3.11.15", "3.13.0", "3.13.12")
"""The first and a late release of each Python that is supported."""

_PLATFORMS = (
    {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
)


@dataclass(frozen=True, slots=True)
class Pin:
    """One entry of a lock file."""

    requirement: Requirement
    hashed: bool

    @property
    def name(self) -> str:
        """The package's normalized name."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The pinned version; empty if the entry accepts more than one."""
        first, *more = self.requirement.specifier
        return first.version if first.operator == "==" and not more else ""

    def applies(self, environment: Mapping[str, str]) -> bool:
        """Whether the entry is installed in an environment."""
        marker = self.requirement.marker
        return marker is None or marker.evaluate(dict(environment))


def pins(text: str) -> list[Pin]:
    """Every entry of a lock file's text."""
    lines = text.replace("\\\n", " ").splitlines()
    entries = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return [
        Pin(Requirement(requirement), hashed="sha256:" in hashes)
        for requirement, _, hashes in (entry.partition("--hash=") for entry in entries)
    ]


def lock(name: str) -> list[Pin]:
    """Every entry of a lock file."""
    return pins((REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8"))


def installed(*folders: Path) -> dict[str, Distribution]:
    """The packages in these folders by name; without any, those of the running Python."""
    found = distributions(path=list(map(str, folders))) if folders else distributions()
    return {canonicalize_name(package.name): package for package in found}


def every_unmet(
    entries: Sequence[Pin],
    packages: Mapping[str, Distribution],
    versions: Sequence[str] = VERSIONS,
) -> list[str]:
    """Requirements of the locked packages that the lock does not meet, on any supported system.

    `packages` are the installed packages by name; the requirements of others are not known.
    """
    environments = (
        {
            "python_version": version.rpartition(".")[0],
            "python_full_version": version,
            **platform,
        }
        for version in versions
        for platform in _PLATFORMS
    )
    return sorted({text for each in environments for text in _unmet(entries, packages, each)})


def _unmet(
    entries: Sequence[Pin], packages: Mapping[str, Distribution], environment: Mapping[str, str]
) -> Iterator[str]:
    locked = {pin.name: pin for pin in entries if pin.applies(environment)}
    extras = {name: set(pin.requirement.extras) for name, pin in locked.items()}
    waiting = list(locked)
    while waiting:
        name = waiting.pop()
        requires = packages[name].requires if name in packages else None
        for required in _applying(requires or [], extras[name], environment):
            other = canonicalize_name(required.name)
            if other not in locked or not required.specifier.contains(locked[other].version):
                yield f"{name} requires {required}"
            elif not required.extras <= extras[other]:
                extras[other] |= required.extras
                waiting.append(other)


def _applying(
    requires: Sequence[str], extras: set[str], environment: Mapping[str, str]
) -> Iterator[Requirement]:
    for required in map(Requirement, requires):
        cases = ({**environment, "extra": extra} for extra in ("", *extras))
        if required.marker is None or any(required.marker.evaluate(case) for case in cases):
            yield required
