"""The npm projects: exact versions, and locks with a hash for every package and no address."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

PROJECTS = sorted((Path(__file__).parents[2] / "requirements" / "node").iterdir())


def read(project: Path, name: str) -> dict[str, Any]:
    """A JSON file of a project."""
    content: dict[str, Any] = json.loads((project / name).read_text(encoding="utf-8"))
    return content


def packages(project: Path) -> dict[str, dict[str, Any]]:
    """The locked packages, without the project itself."""
    locked: dict[str, dict[str, Any]] = read(project, "package-lock.json")["packages"]
    return {path: package for path, package in locked.items() if path}


@pytest.fixture(params=PROJECTS, ids=lambda path: path.name, name="project")
def each_project(request: pytest.FixtureRequest) -> Path:
    """Each npm project."""
    assert isinstance(request.param, Path)
    return request.param


def test_requested_versions_are_exact_and_locked(project: Path) -> None:
    """The project and its lock have the same exact versions; an edit needs `make lock`."""
    requested = read(project, "package.json")["dependencies"]
    locked = packages(project)

    assert requested
    assert [v for v in requested.values() if not re.fullmatch(r"\d+\.\d+\.\d+", v)] == []
    assert {n: locked[f"node_modules/{n}"]["version"] for n in requested} == requested


def test_project_is_private_and_has_no_scripts(project: Path) -> None:
    """A project only lists packages: it cannot be published and runs nothing."""
    content = read(project, "package.json")

    assert content.keys() <= {"name", "private", "description", "license", "dependencies"}
    assert content["private"] is True


def test_every_package_is_hashed(project: Path) -> None:
    """Only packages with the locked bytes are installed."""
    unhashed = [
        path
        for path, package in packages(project).items()
        if not re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package.get("integrity", ""))
    ]

    assert unhashed == []


def test_lock_has_no_registry(project: Path) -> None:
    """The registry is a setting of npm; the lock has neither an address nor a link."""
    found = [
        path
        for path, package in packages(project).items()
        if {"resolved", "link"} & package.keys() or "://" in package["version"]
    ]

    assert found == []
