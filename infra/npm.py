"""Installs and locks the npm projects in `requirements/node`, which only tests use.

`python3 -m infra.npm install PROJECT FOLDER` installs exactly the locked packages into the folder
and writes its `.ready`; without a usable Node.js it creates nothing and says why.
`python3 -m infra.npm lock PROJECT [--upgrade]` writes the lock of a project: hashes, no addresses.
Scripts of packages never run, and optional packages (native modules) are not installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.node import NoNodeError, find
from infra.package.errors import StepFailedError

_FILES = ("package.json", "package-lock.json")
# On the command line, they have precedence over the user's settings; the registry, its
# certificates, proxies and the cache are settings of the user.
_OPTIONS = (
    "--ignore-scripts",
    "--omit=optional",
    "--omit-lockfile-registry-resolved",
    "--package-lock",
    "--no-global",
    "--no-dry-run",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=error",
)
_ADVICE = "either the npm registry cannot be reached, or a locked package cannot be installed"
_LOCK_ADVICE = "either the npm registry cannot be reached, or package.json is not valid"


def install(project: Path, folder: Path, environ: Mapping[str, str]) -> None:
    """Install the locked packages of a project into a folder, in place of earlier ones.

    Raises:
        NoNodeError: there is no usable Node.js.
        StepFailedError: npm failed; the text contains its output.
    """
    find(environ)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in _FILES:
        shutil.copyfile(project / name, folder / name)
    _npm(["ci", "--prefer-offline"], folder, environ, _ADVICE)
    (folder / ".ready").touch()


def lock(project: Path, environ: Mapping[str, str], *, upgrade: bool) -> None:
    """Write the lock of a project; without `upgrade`, the locked versions are kept if possible.

    Raises:
        NoNodeError: there is no usable Node.js.
        StepFailedError: npm failed; the text contains its output.
    """
    find(environ)
    if upgrade:
        (project / "package-lock.json").unlink(missing_ok=True)
    _npm(["install", "--package-lock-only"], project, environ, _LOCK_ADVICE)


def _npm(arguments: Sequence[str], folder: Path, environ: Mapping[str, str], advice: str) -> None:
    node = find(environ)
    done = subprocess.run(  # noqa: S603 - npm, with fixed arguments
        [*node.npm, *arguments, *_OPTIONS],
        cwd=folder,
        env=node.environment(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        raise StepFailedError(["npm", arguments[0]], done.stdout, advice)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m infra.npm")
    commands = parser.add_subparsers(dest="command", required=True)
    installing = commands.add_parser("install", help="install the locked packages")
    installing.add_argument("project", type=Path)
    installing.add_argument("folder", type=Path)
    locking = commands.add_parser("lock", help="write package-lock.json")
    locking.add_argument("project", type=Path)
    locking.add_argument("--upgrade", action="store_true", help="use newer versions")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Install or lock a project, and return the exit code."""
    options = _options(arguments)
    try:
        if options.command == "lock":
            lock(options.project, environ, upgrade=options.upgrade)
        else:
            sys.stdout.write(f"Making {options.folder} from {options.project} ...\n")
            sys.stdout.flush()
            install(options.project, options.folder, environ)
    except NoNodeError as error:
        sys.stderr.write(f"{error}\n")
        return int(options.command == "lock")
    except StepFailedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
