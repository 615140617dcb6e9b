"""Every lock file can be installed by the oldest and by the newest pip, and is complete.

These tests need a package registry. `functions` and `console` are parts of `dev`
(tests/unit/test_locks.py), and other tests install them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from support.aws.packages import ENVIRON, interpreter
from support.locks import VERSIONS, every_unmet, installed, lock

from infra.pip import environment, without_settings

ROOT = Path(__file__).parents[2]
OLDEST = {"3.11": "22.3", "3.12": "23.2.1", "3.13": "24.2", "3.14": "25.2"}
"""The pip version in the first release of each Python."""
OF_THE_FUNCTIONS = ("ministack", "runtime")
TOOLS = ("checkov", "awscli", *OF_THE_FUNCTIONS)

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

Pips = Callable[[Path, str], Path]


def run(python: Path, *arguments: str) -> str:
    """Run pip and return its output; an error has the end of the output."""
    done = subprocess.run(
        [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments],
        cwd=ROOT,
        env=environment(python, ENVIRON),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def version_of(python: Path) -> str:
    """The version of a Python, such as `3.11.7`."""
    program = "import platform; print(platform.python_version())"
    done = subprocess.run(
        [str(python), "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


@pytest.fixture(scope="module", name="pips")
def make_pips(tmp_path_factory: pytest.TempPathFactory) -> Pips:
    """A function that returns an environment with the `oldest` or `newest` pip of a Python."""
    made: dict[tuple[Path, str], Path] = {}

    def make(python: Path, age: str) -> Path:
        if (python, age) not in made:
            folder = tmp_path_factory.mktemp(age)
            command = [str(python), "-m", "venv", str(folder)]
            subprocess.run(command, env=without_settings(ENVIRON), check=True, timeout=300)
            oldest = OLDEST[version_of(python).rpartition(".")[0]]
            requirement = f"pip=={oldest}" if age == "oldest" else "pip"
            own = folder / "bin" / "python"
            run(own, "install", "--quiet", "--upgrade", requirement)
            made[python, age] = own
        return made[python, age]

    return make


@pytest.mark.parametrize("age", ["oldest", "newest"])
@pytest.mark.parametrize("name", ["dev", *TOOLS])
def test_any_pip_installs_the_lock(pips: Pips, name: str, age: str) -> None:
    """Both pips would install exactly the locked versions."""
    python = interpreter() if name in OF_THE_FUNCTIONS else Path(sys.executable)
    arguments = ("--dry-run", "--ignore-installed", "--no-deps", "--require-hashes")
    output = run(
        pips(python, age), "install", *arguments, "--requirement", f"requirements/{name}.txt"
    )
    *_, last = (line for line in output.splitlines() if line.startswith("Would install "))
    version = version_of(python)
    here = {"python_version": version.rpartition(".")[0], "python_full_version": version}

    assert {canonicalize_name(word) for word in last.split()[2:]} == {
        canonicalize_name(f"{pin.name}-{pin.version}") for pin in lock(name) if pin.applies(here)
    }


@pytest.mark.parametrize("name", TOOLS)
def test_lock_of_a_tool_is_complete(name: str) -> None:
    """The lock meets all requirements of the installed packages.

    tests/unit/test_locks.py checks the other locks.
    """
    folders = list(ROOT.glob(f".venv-{name}/lib/python3.*/site-packages"))
    if not folders:
        pytest.skip(
            f"the environment of {name} is missing; `make test` creates it if its Python is found"
        )
    versions = [v for v in VERSIONS if v.startswith("3.13") or name not in OF_THE_FUNCTIONS]

    assert every_unmet(lock(name), installed(*folders), versions) == []
    run(folders[0].parents[2] / "bin" / "python", "check")
