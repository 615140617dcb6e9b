"""Runs the Renovate of requirements/node/renovate in a folder, without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.node import Node, NoNodeError, find

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".node-renovate"

_PROGRAM = INSTALLED / "node_modules/renovate/dist/renovate.js"
_REPLACE = Path(__file__).parent / "auto_replace.js"
_REFUSED = "http://127.0.0.1:9"
"""A proxy to which no connection is possible."""
_WARNING = 40
"""The level of warnings; errors have higher ones."""
_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Run:
    """What Renovate logged."""

    lines: tuple[Mapping[str, Any], ...]

    def warnings(self) -> list[str]:
        """The messages of warnings and errors."""
        return [line["msg"] for line in self.lines if line["level"] >= _WARNING]

    def hosts(self) -> set[str]:
        """The hosts that were called."""
        (found,) = (line for line in self.lines if line["msg"] == "HTTP statistics")
        return set(found.get("hosts", {}))

    def updates(self) -> list[dict[str, Any]]:
        """Each update that Renovate would make now, as `apply` needs it."""
        (found,) = (line for line in self.lines if line["msg"] == "packageFiles with updates")
        return [
            {**file, **dependency, **update, "manager": manager, "baseDeps": file["deps"]}
            | {"depIndex": index}
            for manager, files in found["config"].items()
            for file in files
            for index, dependency in enumerate(file["deps"])
            for update in dependency["updates"]
            if not update.get("pendingChecks")
        ]

    def dependencies(self) -> dict[str, dict[str, Any]]:
        """Each dependency by its file and its current value, with the updates for it."""
        (found,) = (line for line in self.lines if line["msg"] == "packageFiles with updates")
        return {
            f"{file['packageFile']} {dependency['currentValue']}": dependency
            for files in found["config"].values()
            for file in files
            for dependency in file["deps"]
        }


def renovate(repository: Path, **settings: str) -> Run:
    """Look up the updates of a folder, which becomes a git repository; changes no file.

    `settings` are environment variables of Renovate.
    """
    _commit(repository)
    program = [str(_node().program), str(_PROGRAM), "--platform=local", "--dry-run=lookup"]
    done = _run(program, repository, settings)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return Run(tuple(_objects(done.stdout)))


def apply(updates: Sequence[Mapping[str, Any]], repository: Path) -> list[str]:
    """Change the files as Renovate does when it makes a branch; returns their paths.

    Each update is a dependency with the values of an update and its path as `packageFile`.
    """
    listed = repository.parent / "updates.json"
    listed.write_text(json.dumps(updates), encoding="utf-8")
    command = [str(_node().program), str(_REPLACE), str(_PROGRAM.parents[1]), str(listed)]
    done = _run(command, repository, {})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    changed: list[str] = json.loads(done.stdout.splitlines()[-1])
    return changed


def _node() -> Node:
    if not (INSTALLED / ".ready").exists():
        pytest.skip("Renovate is not installed; `make test` installs it if Node.js is found")
    try:
        return find(os.environ)
    except NoNodeError as error:
        pytest.skip(str(error))


def _run(
    command: list[str], folder: Path, settings: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    home = folder.parent / "renovate-home"
    home.mkdir(exist_ok=True)
    return subprocess.run(
        command,
        cwd=folder,
        env={**_environment(home), **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=_SECONDS,
    )


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "RENOVATE_BASE_DIR": str(home),
        "RENOVATE_X_IGNORE_RE2": "true",  # an optional native module
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",
        "HTTP_PROXY": _REFUSED,
        "HTTPS_PROXY": _REFUSED,
        "NO_PROXY": "127.0.0.1",
    }


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    return (json.loads(line) for line in text.splitlines() if line.startswith("{"))


def _commit(repository: Path) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    for arguments in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-q", "-m", "Files")):
        subprocess.run([git, *arguments], cwd=repository, check=True, timeout=60)
