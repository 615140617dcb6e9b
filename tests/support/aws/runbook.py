"""Runs the commands of documents unchanged, in a checkout and on an emulator."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_AWS = ROOT / ".venv-awscli" / "bin"
_BLOCK = re.compile(r"^( *)```console\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SECONDS = 600

_SHELL = """\
set -euo pipefail
# `make plan` builds the packages first; the test has built them already.
make() {
  local root=infra/terraform/examples/basic argument
  for argument in "$@"; do case $argument in ROOT=*) root=${argument#ROOT=} ;; esac; done
  terraform -chdir="$root" init -input=false >/dev/null
  case $1 in
    plan) terraform -chdir="$root" plan -input=false -out=runbook.tfplan ;;
    deploy) terraform -chdir="$root" apply -input=false runbook.tfplan ;;
    *) echo "make $1 is not known to the test" >&2; return 1 ;;
  esac
}
"""


def steps(heading: str, document: str = "infra/README.md") -> list[str]:
    """The commands of each `console` block of a document's section, up to the next heading.

    Raises:
        LookupError: there is no such heading.
    """
    text = (ROOT / document).read_text(encoding="utf-8")
    found = re.search(
        rf"^##+ {re.escape(heading)}$\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise LookupError(heading)
    return [_commands(block, indent) for indent, block in _BLOCK.findall(found[1])]


def _commands(block: str, indent: str) -> str:
    """The block without its prompts; a command ends before the next prompt."""
    lines = [line.removeprefix(indent) for line in block.splitlines()]
    return "\n".join(line.removeprefix("$ ") for line in lines)


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell in a checkout, with the AWS command line and Terraform on an emulator."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, commands: str) -> str:
        """Run the commands and return their standard output.

        Skips the test where the AWS command line or jq is missing.

        Raises:
            AssertionError: a command failed; the message has all output.
        """
        if not (_AWS / "aws").exists():
            pytest.skip("the AWS command line is not installed: `make test` installs it")
        if shutil.which("jq") is None:
            pytest.skip("jq is not installed")
        done = subprocess.run(
            ["bash", "-c", _SHELL + commands],  # noqa: S607 - the user's own shell
            cwd=self.folder,
            env={
                **self.environment,
                "PATH": f"{_AWS}{os.pathsep}{os.environ['PATH']}",
                "AWS_PAGER": "",
                "AWS_DEFAULT_REGION": self.environment["AWS_REGION"],
                "TF_CLI_ARGS_destroy": "-auto-approve",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout
