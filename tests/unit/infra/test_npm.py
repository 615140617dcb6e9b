"""The installation and the locks of npm projects, with a program in place of npm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from infra import node
from infra.npm import main

PREPARED = "mkdir node_modules; echo installed > node_modules/package"


@pytest.fixture(name="environ")
def make_environ(tmp_path: Path) -> Callable[[str, str], dict[str, str]]:
    """A function that writes a Node.js of a version and an npm with one shell line."""

    def make(version: str, line: str) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir()
        log = f'echo "$@" >> {tmp_path}/calls'
        for name, text in (("node", f"echo {version}"), ("npm", f"{log}\n{line}")):
            (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            (folder / name).chmod(0o755)
        return {"PATH": f"{folder}:/usr/bin:/bin"}

    return make


Environ = Callable[[str, str], dict[str, str]]


@pytest.fixture(name="project")
def make_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An npm project; no other Node.js is found."""
    monkeypatch.setattr(node, "_LOCKED", "nowhere")
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_text("{}\n", encoding="utf-8")
    return folder


def test_locked_packages_replace_earlier_ones(
    tmp_path: Path, project: Path, environ: Environ
) -> None:
    """The folder has a copy of both files, the packages, and nothing of an earlier installation."""
    folder = tmp_path / "installed"
    (folder / "node_modules").mkdir(parents=True)
    (folder / ".ready").touch()

    assert main(["install", str(project), str(folder)], environ("v20.20.2", PREPARED)) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        ".ready",
        "node_modules",
        "package-lock.json",
        "package.json",
    ]
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert call.startswith("ci ")
    assert {"--ignore-scripts", "--omit=optional"} <= set(call.split())


def test_without_node_nothing_is_created(
    tmp_path: Path, project: Path, environ: Environ, capsys: pytest.CaptureFixture[str]
) -> None:
    """The target of the Makefile is not created, so the tests that need it are skipped."""
    folder = tmp_path / "installed"

    assert main(["install", str(project), str(folder)], environ("v18.20.4", PREPARED)) == 0
    assert not folder.exists()
    assert "has version 18.20.4" in capsys.readouterr().err


def test_failure_of_npm_is_repeated(
    tmp_path: Path, project: Path, environ: Environ, capsys: pytest.CaptureFixture[str]
) -> None:
    """The output of npm is in the message, and the folder is not ready."""
    folder = tmp_path / "installed"
    failing = environ("v20.20.2", "echo EINTEGRITY >&2; exit 1")

    assert main(["install", str(project), str(folder)], failing) == 1
    assert not (folder / ".ready").exists()
    assert "EINTEGRITY\nnpm ci failed: either the npm registry" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "kept"), [([], True), (["--upgrade"], False)])
def test_lock_is_removed_only_to_upgrade(
    tmp_path: Path, project: Path, environ: Environ, options: list[str], *, kept: bool
) -> None:
    """Without --upgrade, npm sees the lock and keeps its versions."""
    assert main(["lock", str(project), *options], environ("v20.20.2", "true")) == 0
    assert (project / "package-lock.json").exists() == kept
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert call.startswith("install --package-lock-only ")
    assert "--omit-lockfile-registry-resolved" in call


def test_lock_needs_node(project: Path, environ: Environ) -> None:
    """Without Node.js, `make lock` fails and the lock stays."""
    assert main(["lock", str(project), "--upgrade"], environ("v18.20.4", "true")) == 1
    assert (project / "package-lock.json").exists()
