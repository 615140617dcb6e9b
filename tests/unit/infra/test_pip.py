"""Only the user's settings of pip that are needed to reach the registry have an effect."""

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
    """A user's environment, with a configuration file that has unsuitable settings."""
    file = tmp_path / "pip.conf"
    file.write_text(CONFIGURATION.format(folder=tmp_path), encoding="utf-8")
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_CONFIG_FILE": str(file)}


def test_settings_that_change_the_result_are_dropped(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Variables and files do not change which packages are installed, or where."""
    unsuitable = {
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
    found = environment(PYTHON, environ | unsuitable)

    assert found.keys() & unsuitable.keys() == set()
    assert found["PIP_CONFIG_FILE"] == os.devnull
    assert "elsewhere" not in str(found)
    assert {name: found[name] for name in ("PATH", "HOME")} == {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
    }


def test_settings_of_the_registry_are_kept(environ: dict[str, str], tmp_path: Path) -> None:
    """Variables have precedence over files, and `install` has precedence over `global`."""
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


def test_null_device_disables_configuration_files(environ: dict[str, str]) -> None:
    """With the null device as configuration file, no file is read, as in pip."""
    found = environment(PYTHON, environ | {"PIP_CONFIG_FILE": os.devnull})

    assert [name for name in found if name.startswith("PIP_")] == ["PIP_CONFIG_FILE"]


def test_invalid_configuration_is_reported(environ: dict[str, str]) -> None:
    """The error of an invalid configuration file contains pip's message."""
    Path(environ["PIP_CONFIG_FILE"]).write_text("no section\n", encoding="utf-8")

    with pytest.raises(StepFailedError, match=r"pip\.conf(.|\n)*pip config failed"):
        environment(PYTHON, environ)
