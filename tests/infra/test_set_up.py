"""`make` works in a copy of the repository and with unusual settings of the user."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.aws.packages import ENVIRON

from infra.virtualenv import main

ROOT = Path(__file__).parents[2]
DEAD_PROXY = dict.fromkeys(
    ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy"),
    "http://127.0.0.1:9",
)

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]


# --- the environment of a lock file


def write_wheel(folder: Path, name: str, *requires: str) -> str:
    """Write a small wheel of version 1.0 and return its line in a lock file."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    needs = "".join(f"Requires-Dist: {other}\n" for other in requires)
    about = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": f"{name}.py,,\n",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        for file, text in about.items():
            wheel.writestr(f"{name}-1.0.dist-info/{file}", text)
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture(name="offline")
def make_offline(tmp_path: Path) -> dict[str, str]:
    """Environment variables with which pip finds only the wheels in a folder of this test."""
    (tmp_path / "wheels").mkdir()
    return ENVIRON | {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
    }


@pytest.mark.parametrize(
    ("held", "code", "words"),
    [
        (("tree", "leaf"), 0, ""),
        (("tree",), 1, "tree 1.0 requires leaf, which is not installed"),
        (("leaf", "other"), 1, "No matching distribution found for other==1.0"),
    ],
)
def test_only_failures_are_reported(
    tmp_path: Path,
    offline: Mapping[str, str],
    capfd: pytest.CaptureFixture[str],
    held: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    """A lock that is not complete or cannot be installed fails with pip's message."""
    lines = {
        "tree": write_wheel(tmp_path / "wheels", "tree", "leaf"),
        "leaf": write_wheel(tmp_path / "wheels", "leaf"),
        "other": f"other==1.0 --hash=sha256:{'0' * 64}\n",
    }
    lock = tmp_path / "lock.txt"
    lock.write_text("".join(lines[name] for name in held), encoding="utf-8")

    assert main([str(tmp_path / "made"), str(lock)], offline) == code
    out, err = capfd.readouterr()
    assert out == f"Making {tmp_path / 'made'} from {lock} ...\n"
    assert bool(err) == bool(code)
    assert words in err


# --- make install and make demo


@pytest.fixture(scope="module", name="copy")
def make_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that `make install` and `make demo` read."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__", "terraform")
    for name in ("infra", "services", "requirements", "tracked_images"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("Makefile", "README.md", "LICENSE", "pyproject.toml", "regions.yaml"):
        shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module", name="shell")
def make_shell(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables of a user with settings for other projects."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "sitecustomize.py").write_text("raise SystemExit('a module of the user')\n")
    (folder / "constraints.txt").write_text("click==1.0\n")
    unusual = {
        "PIP_CONSTRAINT": str(folder / "constraints.txt"),
        "PIP_NO_BINARY": ":all:",
        "PIP_PREFIX": str(folder / "prefix"),
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_TARGET": str(folder / "target"),
        "PIP_USER": "1",
        "PYTHONHOME": str(folder),
        "PYTHONPATH": str(folder),
        "PYTHONSAFEPATH": "1",
        "PYTHONUSERBASE": str(folder),
        "VIRTUAL_ENV": str(folder),
    }
    return {name: value for name, value in ENVIRON.items() if not name.startswith("MAKE")} | unusual


def make(folder: Path, target: str, environ: Mapping[str, str]) -> str:
    """Run a `make` target and return its output."""
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}", target],  # noqa: S607 - the user's own
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def test_user_settings_do_not_affect_the_set_up(copy: Path, shell: Mapping[str, str]) -> None:
    """Settings of pip and of another Python have no effect and give no messages."""
    assert make(copy, "install", shell) == "Making .venv from requirements/console.txt ...\n"
    assert (copy / ".venv" / "bin" / "ami-tracker").exists()


def test_user_settings_do_not_affect_the_demo(copy: Path, shell: Mapping[str, str]) -> None:
    """A proxy does not affect the demo, which connects only to this machine."""
    make(copy, "install", shell)

    assert "once, and no other event.\n" in make(copy, "demo", {**shell, **DEAD_PROXY})
