"""The search for the runtime's Python, and the message if it is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.package import interpreter
from infra.package.interpreter import NoInterpreterError, find, main

ROOT = Path(__file__).parents[4]
NOWHERE = "3.99"
"""A version that does not exist, so only the programs of a test are found."""

Program = Callable[[str, str], Path]


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


def prints(version: str) -> str:
    """The shell line of a program that prints the version of a Python."""
    return f"echo cpython {version}"


@pytest.mark.parametrize(
    "place",
    [
        "bin/python3.99",
        "home/.pyenv/versions/3.99.1/bin/python3.99",
        "home/.local/share/uv/python/cpython-3.99.1-linux-x86_64-gnu/bin/python3.99",
        "home/.local/share/mise/installs/python/3.99.1/bin/python3.99",
        "home/.asdf/installs/python/3.99.1/bin/python3.99",
        "uv/cpython-3.99.1-linux-x86_64-gnu/bin/python3.99",
        "pyenv/versions/3.99.1/bin/python3.99",
        "asdf/installs/python/3.99.1/bin/python3.99",
    ],
)
def test_python_is_found_in_usual_folders(tmp_path: Path, program: Program, place: str) -> None:
    """Python is found on PATH, in the home folder, and next to the shims of version managers."""
    expected = program(place, prints(NOWHERE))
    environ = {
        "PATH": f"{tmp_path}/bin:{tmp_path}/pyenv/shims:{tmp_path}/asdf/shims",
        "HOME": f"{tmp_path}/home",
        "UV_PYTHON_INSTALL_DIR": f"{tmp_path}/uv",
    }

    assert find(NOWHERE, environ) == expected


def test_failing_shims_are_skipped(tmp_path: Path, program: Program) -> None:
    """Pyenv has a shim for every version, which fails if the version is not active."""
    program("pyenv/shims/python3.99", "echo 'pyenv: command not found' >&2; exit 127")
    expected = program("pyenv/versions/3.99.0/bin/python3.99", prints(NOWHERE))

    assert find(NOWHERE, {"PATH": f"{tmp_path}/pyenv/shims"}) == expected


@pytest.mark.parametrize(
    "answer", [prints("3.98"), prints("3.99t"), "echo pypy 3.99", "exit 1", "printf '\\377'", ""]
)
def test_other_pythons_are_skipped(tmp_path: Path, program: Program, answer: str) -> None:
    """Another version, a free-threaded build or another implementation is skipped."""
    program("first/python3.99", answer)
    expected = program("second/python3.99", prints(NOWHERE))

    assert find(NOWHERE, {"PATH": f"{tmp_path}/first:{tmp_path}/second"}) == expected


def test_program_that_hangs_is_skipped(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that does not print its version in time is skipped."""
    program("first/python3.99", "exec sleep 20")
    monkeypatch.setattr(interpreter, "_PROBE_SECONDS", 0.5)

    with pytest.raises(NoInterpreterError):
        find(NOWHERE, {"PATH": f"{tmp_path}/first"})


def test_highest_patch_version_is_used(tmp_path: Path, program: Program) -> None:
    """Patch versions are compared as numbers: 10 is higher than 9."""
    for patch in (9, 10, 2):
        program(f"home/.pyenv/versions/3.99.{patch}/bin/python3.99", prints(NOWHERE))

    assert find(NOWHERE, {"HOME": f"{tmp_path}/home"}).parts[-3] == "3.99.10"


def test_running_python_is_tried_first() -> None:
    """If the running Python has the runtime's version, it is used."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"

    assert find(version, {}) == Path(sys.executable)


def test_option_and_variable_have_precedence(tmp_path: Path, program: Program) -> None:
    """The option has precedence over the variable, and both over found programs."""
    program("bin/python3.99", prints(NOWHERE))
    by_variable = program("variable", prints(NOWHERE))
    by_option = program("option", prints(NOWHERE))
    environ = {"PATH": f"{tmp_path}/bin", "RUNTIME_PYTHON": str(by_variable)}

    assert find(NOWHERE, environ, str(by_option)) == by_option
    assert find(NOWHERE, environ) == by_variable


@pytest.mark.parametrize(
    ("answer", "said"),
    [(prints("3.98"), "it reported 'cpython 3.98'"), ("exit 3", "could not be run")],
)
def test_wrong_configured_python_is_an_error(program: Program, answer: str, said: str) -> None:
    """A configured program that is not the right Python is an error, not skipped."""
    named = program("named", answer)

    with pytest.raises(NoInterpreterError, match=said) as raised:
        find(NOWHERE, {"RUNTIME_PYTHON": str(named)})

    assert str(named) in str(raised.value)


def test_missing_python_is_reported() -> None:
    """The message has three ways to install Python, and the variable for another path."""
    with pytest.raises(NoInterpreterError) as raised:
        find(NOWHERE, {"HOME": "/nonexistent", "PATH": ""})

    for words in ("pyenv install 3.99", "uv python install 3.99", "python3.99", "RUNTIME_PYTHON="):
        assert words in str(raised.value)


def test_command_prints_the_path(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints only the path, for use in the Makefile."""
    expected = program("bin/python3.99", prints(NOWHERE))

    assert main([NOWHERE], {"PATH": f"{tmp_path}/bin"}) == 0
    assert capsys.readouterr() == (f"{expected}\n", "")


def test_command_reports_a_missing_python(capsys: pytest.CaptureFixture[str]) -> None:
    """If Python is missing, standard output is empty and the exit code is 1."""
    assert main([NOWHERE], {}) == 1
    out, err = capsys.readouterr()

    assert out == ""
    assert err.startswith("no Python 3.99 was found")


@pytest.mark.parametrize("arguments", [[], ["3.13", "3.12"], ["python3.13"], ["3.13.1"], ["../x"]])
def test_command_needs_a_version(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments print the usage and have exit code 2."""
    assert main(arguments, {}) == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_command_needs_only_the_standard_library() -> None:
    """The Makefile runs the command before packages are installed, without site-packages."""
    found = subprocess.run(
        [sys.executable, "-S", "-s", "-m", "infra.package.interpreter", NOWHERE],
        cwd=ROOT,
        env={},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("no Python 3.99 was found")
