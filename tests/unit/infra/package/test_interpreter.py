"""Where the runtime's Python is looked for, and what is said when there is none."""

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
"""A version that no machine has, so that only what a test makes can be found."""

Program = Callable[[str, str], Path]


@pytest.fixture(name="program")
def make_program(tmp_path: Path) -> Program:
    """Puts a program that answers a line where a test wants it."""

    def make(place: str, answer: str) -> Path:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    return make


def says(version: str) -> str:
    """The shell line of a program that claims to be a Python of a version."""
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
def test_it_is_found_where_pythons_are_installed(
    tmp_path: Path, program: Program, place: str
) -> None:
    """On PATH, below the home folder, and beside the shims of version managers."""
    expected = program(place, says(NOWHERE))
    environ = {
        "PATH": f"{tmp_path}/bin:{tmp_path}/pyenv/shims:{tmp_path}/asdf/shims",
        "HOME": f"{tmp_path}/home",
        "UV_PYTHON_INSTALL_DIR": f"{tmp_path}/uv",
    }

    assert find(NOWHERE, environ) == expected


def test_shims_that_do_not_run_are_passed_over(tmp_path: Path, program: Program) -> None:
    """Pyenv's shim exists for every version, and fails for one that is not switched on."""
    program("pyenv/shims/python3.99", "echo 'pyenv: command not found' >&2; exit 127")
    expected = program("pyenv/versions/3.99.0/bin/python3.99", says(NOWHERE))

    assert find(NOWHERE, {"PATH": f"{tmp_path}/pyenv/shims"}) == expected


@pytest.mark.parametrize(
    "answer", [says("3.98"), says("3.99t"), "echo pypy 3.99", "exit 1", "printf '\\377'", ""]
)
def test_what_is_no_such_python_is_passed_over(
    tmp_path: Path, program: Program, answer: str
) -> None:
    """Another version, a free-threaded build, another implementation, or no Python at all."""
    program("first/python3.99", answer)
    expected = program("second/python3.99", says(NOWHERE))

    assert find(NOWHERE, {"PATH": f"{tmp_path}/first:{tmp_path}/second"}) == expected


def test_a_program_that_never_answers_is_passed_over(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking is bounded in time."""
    program("first/python3.99", "exec sleep 20")
    monkeypatch.setattr(interpreter, "_ASK_SECONDS", 0.5)

    with pytest.raises(NoInterpreterError):
        find(NOWHERE, {"PATH": f"{tmp_path}/first"})


def test_the_highest_patch_wins(tmp_path: Path, program: Program) -> None:
    """Numbers count, not letters: 10 is above 9."""
    for patch in (9, 10, 2):
        program(f"home/.pyenv/versions/3.99.{patch}/bin/python3.99", says(NOWHERE))

    assert find(NOWHERE, {"HOME": f"{tmp_path}/home"}).parts[-3] == "3.99.10"


def test_the_running_python_is_asked_first() -> None:
    """Nothing has to be found where the console runs on the runtime's version."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"

    assert find(version, {}) == Path(sys.executable)


def test_a_named_one_comes_before_all(tmp_path: Path, program: Program) -> None:
    """The option, then the variable, then what is found."""
    program("bin/python3.99", says(NOWHERE))
    by_variable = program("variable", says(NOWHERE))
    by_option = program("option", says(NOWHERE))
    environ = {"PATH": f"{tmp_path}/bin", "RUNTIME_PYTHON": str(by_variable)}

    assert find(NOWHERE, environ, str(by_option)) == by_option
    assert find(NOWHERE, environ) == by_variable


@pytest.mark.parametrize(
    ("answer", "said"), [(says("3.98"), "it said 'cpython 3.98'"), ("exit 3", "did not answer")]
)
def test_a_named_one_that_is_wrong_is_an_error(program: Program, answer: str, said: str) -> None:
    """Nothing else is taken in its place without a word."""
    named = program("named", answer)

    with pytest.raises(NoInterpreterError, match=said) as raised:
        find(NOWHERE, {"RUNTIME_PYTHON": str(named)})

    assert str(named) in str(raised.value)


def test_without_one_it_is_said_what_to_do() -> None:
    """Three ways to install one, and how to name one."""
    with pytest.raises(NoInterpreterError) as raised:
        find(NOWHERE, {"HOME": "/nonexistent", "PATH": ""})

    for words in ("pyenv install 3.99", "uv python install 3.99", "python3.99", "RUNTIME_PYTHON="):
        assert words in str(raised.value)


def test_the_command_prints_the_path(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Makefile takes it as it is."""
    expected = program("bin/python3.99", says(NOWHERE))

    assert main([NOWHERE], {"PATH": f"{tmp_path}/bin"}) == 0
    assert capsys.readouterr() == (f"{expected}\n", "")


def test_the_command_says_why_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing stands on standard output then, and the exit code is 1."""
    assert main([NOWHERE], {}) == 1
    out, err = capsys.readouterr()

    assert out == ""
    assert err.startswith("no Python 3.99 was found")


@pytest.mark.parametrize("arguments", [[], ["3.13", "3.12"], ["python3.13"], ["3.13.1"], ["../x"]])
def test_the_command_wants_a_version(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong usage has the exit code of wrong usage."""
    assert main(arguments, {}) == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_it_runs_before_anything_is_installed() -> None:
    """Without site-packages, as the Makefile runs it: the standard library is enough."""
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
