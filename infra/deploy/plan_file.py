"""The saved plan of a root and the digests of its source files: only a current plan is applied."""

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
"""File with the digests of the plan's sources and Terraform's warnings; git ignores both files."""

_SCHEMA = 2
_PRIVATE = 0o600
"""Both files contain settings, and the plan contains the external id."""
_CONFIGURATION = ("*.tf", "*.tf.json", "*.tfvars", "*.tfvars.json")
_MODULE = ("infra/terraform/*.tf", "infra/terraform/modules/*/*.tf", "infra/cloudformation/*.yaml")


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of a plan: its root, its zips and its regions file."""

    repository: Path
    root: Path
    zips: tuple[Path, ...]
    regions_file: Path

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each existing file, by its displayed path."""
        return {self.shown(p): _sha256(p) for p in sorted(set(self._files())) if p.is_file()}

    def named(self) -> dict[str, list[str]]:
        """The arguments of `from_names`."""
        return {"zips": [str(p) for p in self.zips], "regions_file": [str(self.regions_file)]}

    @classmethod
    def from_names(
        cls, repository: Path, root: Path, names: Mapping[str, Sequence[str]]
    ) -> Sources:
        """The sources of an earlier plan."""
        (regions_file,) = names["regions_file"]
        return cls(repository, root, tuple(map(Path, names["zips"])), Path(regions_file))

    def shown(self, path: Path) -> str:
        """A path relative to the repository, if it is in the repository."""
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
    """The sources of a plan from its document, in which paths are relative to the root."""
    values = {name: it.get("value") for name, it in plan.get("variables", {}).items()}
    regions = values.get("regions_file") or repository / "regions.yaml"
    zips = {
        (root / found["values"]["filename"]).resolve()
        for found in _resources(plan.get("planned_values", {}).get("root_module", {}))
        if found["type"] == "aws_lambda_function" and found["values"].get("filename")
    }
    return Sources(repository, root, tuple(sorted(zips)), (root / regions).resolve())


def region_of(plan: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """The region of the shell; empty if the plan has its own or the shell has none."""
    if plan.get("variables", {}).get("region", {}).get("value"):
        return ""
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""


def _resources(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _resources(child)


@dataclass(frozen=True, slots=True)
class Record:
    """The state of the sources and settings at the time of a plan."""

    digests: Mapping[str, str]
    settings: Mapping[str, str]
    sources: Mapping[str, Sequence[str]]
    warnings: tuple[str, ...]
    workspace: str
    """Terraform applies a saved plan in any workspace whose state has the same version."""
    region: str
    """The region of the shell, if the plan uses it: a saved plan does not contain it."""
    plan_digest: str
    """Terraform and other programs can replace the plan file without its record."""


def prepare(root: Path) -> None:
    """Remove an earlier plan, and create a file for the new one that other users cannot read."""
    discard(root)
    os.close(os.open(root / PLAN, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))


def discard(root: Path) -> None:
    """Remove the plan and its record."""
    for name in (PLAN, RECORD):
        (root / name).unlink(missing_ok=True)


def save(root: Path, record: Record) -> None:
    """Write a plan's record next to it, and make both files unreadable for other users."""
    content = {
        "schema": _SCHEMA,
        "digests": dict(record.digests),
        "settings": dict(record.settings),
        "sources": dict(record.sources),
        "warnings": list(record.warnings),
        "workspace": record.workspace,
        "region": record.region,
        "plan": record.plan_digest,
    }
    path = root / RECORD
    path.touch(mode=_PRIVATE)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    for name in (PLAN, RECORD):
        (root / name).chmod(_PRIVATE)


def load(root: Path, shown: str, plan_command: str) -> Record:
    """The record of the saved plan; `shown` is the displayed path of the root.

    Raises:
        UsageError: there is no plan, or `make plan` of this version did not write it.
    """
    if not (root / PLAN).is_file():
        problem = (
            f"There is no saved plan in {shown}: run `{plan_command}` first and read the plan."
        )
        raise UsageError(problem)
    try:
        content = json.loads((root / RECORD).read_text(encoding="utf-8"))
        if content["schema"] == _SCHEMA:
            return Record(
                digests=content["digests"],
                settings=content["settings"],
                sources=content["sources"],
                warnings=tuple(content["warnings"]),
                workspace=content["workspace"],
                region=content["region"],
                plan_digest=content["plan"],
            )
    except (OSError, ValueError, KeyError, TypeError):
        pass  # handled like another schema
    problem = f"The plan in {shown} was not saved by this version: run `{plan_command}` again."
    raise UsageError(problem)


def digest(root: Path) -> str:
    """The SHA-256 of the saved plan; empty if there is none."""
    path = root / PLAN
    return _sha256(path) if path.is_file() else ""


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The files that differ, each with the kind of the change."""
    return [
        *(f"{path} (changed)" for path in _common(before, now) if before[path] != now[path]),
        *(f"{path} (new)" for path in sorted(now.keys() - before.keys())),
        *(f"{path} (missing)" for path in sorted(before.keys() - now.keys())),
    ]


def _common(before: Mapping[str, str], now: Mapping[str, str]) -> Iterable[str]:
    return sorted(before.keys() & now.keys())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
