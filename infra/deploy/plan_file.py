"""The saved plan of a root, and the files that it was made of: a plan is applied as it was read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.deploy.errors import UsageError

PLAN = "tfplan"
RECORD = "tfplan.json"
"""Next to the plan: the digests of its files, and what Terraform warned of. git ignores both."""

_SCHEMA = 1
_PRIVATE = 0o600
"""Both contain settings, and the plan the external id."""
_CONFIGURATION = ("*.tf", "*.tf.json", "*.tfvars", "*.tfvars.json")
_MODULE = ("infra/terraform/*.tf", "infra/terraform/modules/*/*.tf", "infra/cloudformation/*.yaml")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a plan comes from: its root, the zips and the regions file that it names."""

    repository: Path
    root: Path
    zips: tuple[Path, ...]
    regions_file: Path

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file that is there, by its path as people know it."""
        return {self.shown(p): _sha256(p) for p in sorted(set(self._files())) if p.is_file()}

    def named(self) -> dict[str, list[str]]:
        """What `from_names` needs to know of it."""
        return {"zips": [str(p) for p in self.zips], "regions_file": [str(self.regions_file)]}

    @classmethod
    def from_names(
        cls, repository: Path, root: Path, names: Mapping[str, Sequence[str]]
    ) -> Sources:
        """The sources of a plan that was made earlier."""
        (regions_file,) = names["regions_file"]
        return cls(repository, root, tuple(map(Path, names["zips"])), Path(regions_file))

    def shown(self, path: Path) -> str:
        """A path in the repository without the repository's own."""
        inside = path.is_relative_to(self.repository)
        return str(path.relative_to(self.repository)) if inside else str(path)

    def _files(self) -> Iterator[Path]:
        yield from self.zips
        yield self.regions_file
        for pattern in _CONFIGURATION:
            yield from self.root.glob(pattern)
        for pattern in _MODULE:
            yield from self.repository.glob(pattern)
        if any(self.repository / "build/packages" == path.parent for path in self.zips):
            for suffix in ("yaml", "yml"):
                yield from (self.repository / "tracked_images").rglob(f"*.{suffix}")


def sources_of(repository: Path, root: Path, plan: Mapping[str, Any]) -> Sources:
    """The sources of a plan, as its own document names them; paths in it begin at the root."""
    values = {name: it.get("value") for name, it in plan.get("variables", {}).items()}
    regions = values.get("regions_file") or repository / "regions.yaml"
    zips = {
        (root / found["values"]["filename"]).resolve()
        for found in _resources(plan.get("planned_values", {}).get("root_module", {}))
        if found["type"] == "aws_lambda_function" and found["values"].get("filename")
    }
    return Sources(repository, root, tuple(sorted(zips)), (root / regions).resolve())


def _resources(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _resources(child)


@dataclass(frozen=True, slots=True)
class Record:
    """What was true when a plan was made."""

    digests: Mapping[str, str]
    settings: Mapping[str, str]
    sources: Mapping[str, Sequence[str]]
    warnings: tuple[str, ...]


def prepare(root: Path) -> None:
    """Remove an earlier plan, and make a file that others cannot read for Terraform to fill."""
    discard(root)
    os.close(os.open(root / PLAN, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))


def discard(root: Path) -> None:
    """Remove the plan and its record."""
    for name in (PLAN, RECORD):
        (root / name).unlink(missing_ok=True)


def save(root: Path, record: Record) -> None:
    """Write a plan's record next to it, and keep both from other users."""
    content = {
        "schema": _SCHEMA,
        "digests": dict(record.digests),
        "settings": dict(record.settings),
        "sources": dict(record.sources),
        "warnings": list(record.warnings),
    }
    path = root / RECORD
    path.touch(mode=_PRIVATE)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    for name in (PLAN, RECORD):
        (root / name).chmod(_PRIVATE)


def load(root: Path, shown: str, plan_command: str) -> Record:
    """The record of the saved plan; `shown` is the root as people know it.

    Raises:
        UsageError: there is no plan, or none of `make plan`.
    """
    if not (root / PLAN).is_file():
        problem = f"There is no saved plan in {shown}: run `{plan_command}` first and read it."
        raise UsageError(problem)
    try:
        content = json.loads((root / RECORD).read_text(encoding="utf-8"))
        if content["schema"] == _SCHEMA:
            sources, warnings = content["sources"], tuple(content["warnings"])
            return Record(content["digests"], content["settings"], sources, warnings)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # as if it had another schema
    problem = f"The plan in {shown} is not one of this version's: run `{plan_command}` again."
    raise UsageError(problem)


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The files that differ, each with what happened to it."""
    return [
        *(f"{path} (changed)" for path in _common(before, now) if before[path] != now[path]),
        *(f"{path} (new)" for path in sorted(now.keys() - before.keys())),
        *(f"{path} (missing)" for path in sorted(before.keys() - now.keys())),
    ]


def _common(before: Mapping[str, str], now: Mapping[str, str]) -> Iterable[str]:
    return sorted(before.keys() & now.keys())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
