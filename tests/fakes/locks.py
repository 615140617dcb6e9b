"""The lock files, read as pip reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
NESTED_LOCKS = ("functions", "console", "dev")
"""Each holds what the one before it holds."""
LOCK_NAMES = (*NESTED_LOCKS, "checkov", "ministack", "runtime")


@dataclass(frozen=True, slots=True)
class Pin:
    """One entry of a lock file."""

    requirement: Requirement
    hashed: bool

    @property
    def name(self) -> str:
        """The package's name in its normal form."""
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        """The one version that is accepted; empty where the entry accepts more than one."""
        first, *more = self.requirement.specifier
        return first.version if first.operator == "==" and not more else ""


def pins(text: str) -> list[Pin]:
    """Every entry of a lock file's text."""
    lines = text.replace("\\\n", " ").splitlines()
    entries = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return [
        Pin(Requirement(wish), hashed="sha256:" in hashes)
        for wish, _, hashes in (entry.partition("--hash=") for entry in entries)
    ]


def lock(name: str) -> list[Pin]:
    """Every entry of a lock file."""
    return pins((REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8"))
