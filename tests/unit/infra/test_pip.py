"""Which of a user's settings pip obeys here: how to reach the registry, and nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from infra.package.errors import StepFailedError
from infra.pip import environment

PYTHON = Path(sys.executable)
CONFIGURATION = """\
[global]
user = true
quiet = 3
constraint = {folder}/constraints.txt
target = {folder}/elsewhere
require-virtualenv = true
no-binary = :all:
retries = 3
extra-index-url =
  file://{folder}/one
  file://{folder}/two
[install]
retries = 7
prefix = {folder}/elsewhere
[download]
retries = 9
"""


@pytest.fixture(name="environ")
def make_environ(tmp_path: Path) -> dict[str, str]:
    """A user's environment, with a configuration file that says all that it should not."""
    file = tmp_path / "pip.conf"
    file.write_text(CONFIGURATION.format(folder=tmp_path), encoding="utf-8")
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_CONFIG_FILE": str(file)}


def test_what_changes_the_result_is_dropped(environ: dict[str, str], tmp_path: Path) -> None:
    """Neither a variable nor a file says what is installed, or where."""
    hostile = {
        "PIP_USER": "1",
        "PIP_TARGET": "elsewhere",
        "PIP_CONSTRAINT": "constraints.txt",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_NO_DEPS": "0",
        "PIP_SOME_NEW_OPTION": "1",
        "PYTHONPATH": "elsewhere",
        "PYTHONHOME": "elsewhere",
        "PYTHONUSERBASE": "elsewhere",
        "VIRTUAL_ENV": "elsewhere",
    }
    found = environment(PYTHON, environ | hostile)

    assert found.keys() & hostile.keys() == set()
    assert found["PIP_CONFIG_FILE"] == os.devnull
    assert "elsewhere" not in str(found)
    assert {name: found[name] for name in ("PATH", "HOME")} == {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
    }


def test_what_reaches_the_registry_is_kept(environ: dict[str, str], tmp_path: Path) -> None:
    """Files count as variables do; a variable comes before them, and `install` before `global`."""
    proxy = "http://127.0.0.1:9"
    given = {"PIP_INDEX_URL": "https://example.org/simple", "HTTPS_PROXY": proxy}
    found = environment(PYTHON, environ | given)

    assert found.items() >= given.items()
    assert found["PIP_EXTRA_INDEX_URL"].split() == [
        f"file://{tmp_path}/{n}" for n in ("one", "two")
    ]
    assert found["PIP_RETRIES"] == "7"
    assert environment(PYTHON, environ, "download")["PIP_RETRIES"] == "9"
    assert environment(PYTHON, environ | {"PIP_RETRIES": "5"})["PIP_RETRIES"] == "5"


def test_no_file_is_read_where_none_is_wanted(environ: dict[str, str]) -> None:
    """The null device as configuration file means the same here as to pip."""
    found = environment(PYTHON, environ | {"PIP_CONFIG_FILE": os.devnull})

    assert [name for name in found if name.startswith("PIP_")] == ["PIP_CONFIG_FILE"]


def test_a_broken_configuration_is_told(environ: dict[str, str]) -> None:
    """Pip's own words name the file."""
    Path(environ["PIP_CONFIG_FILE"]).write_text("no section\n", encoding="utf-8")

    with pytest.raises(StepFailedError, match=r"pip\.conf(.|\n)*pip config failed"):
        environment(PYTHON, environ)
