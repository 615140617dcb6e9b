"""Runs Terraform in a root, and reads its JSON messages."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.deploy.errors import TerraformFailedError

_MISSING = (
    "terraform is not installed or not on the PATH: "
    "https://developer.hashicorp.com/terraform/install"
)


@dataclass(frozen=True, slots=True)
class Message:
    """A warning or an error of Terraform."""

    severity: str
    summary: str
    detail: str
    location: str = ""

    def __str__(self) -> str:
        location = f" ({self.location})" if self.location else ""
        return f"{self.summary}{location}: {' '.join(self.detail.split())}".rstrip(": ")


@dataclass(frozen=True, slots=True)
class Terraform:
    """Terraform in a root."""

    root: Path
    environ: Mapping[str, str]

    def init(self) -> None:
        """Install providers and modules; the output of Terraform is shown only if it fails.

        Raises:
            TerraformFailedError: the root cannot be initialised.
        """
        done = self._captured(["init", "-input=false", "-no-color"])
        if done.returncode != 0:
            raise TerraformFailedError("init", f"{done.stdout}{done.stderr}")

    def workspace(self) -> str:
        """The selected workspace.

        Raises:
            TerraformFailedError: the root is not initialised, or the name is invalid.
        """
        done = self._captured(["workspace", "show"])
        if done.returncode != 0:
            command = "workspace show"
            raise TerraformFailedError(command, done.stderr)
        return done.stdout.strip()

    def plan(self, out: str, variables: Mapping[str, str]) -> list[Message]:
        """Save a plan to a file in the root, and return the warnings.

        Raises:
            TerraformFailedError: no plan could be saved.
        """
        given = [f"-var={name}={value}" for name, value in variables.items()]
        done = self._captured(["plan", "-json", "-input=false", f"-out={out}", *given])
        messages = list(read_messages(done.stdout))
        # 2: success with changes, if TF_CLI_ARGS_plan contains -detailed-exitcode.
        if done.returncode not in {0, 2}:
            silent = f"no output, exit code {done.returncode}"
            errors = [str(message) for message in messages if message.severity == "error"]
            raise TerraformFailedError("plan", "\n".join(errors) or done.stderr or silent)
        return [message for message in messages if message.severity == "warning"]

    def show(self, plan: str) -> dict[str, Any]:
        """A saved plan as a document.

        Raises:
            TerraformFailedError: the file is not a plan of this root.
        """
        done = self._captured(["show", "-json", "-no-color", plan])
        if done.returncode != 0:
            raise TerraformFailedError("show", done.stderr)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def apply(self, plan: str, *, color: bool) -> int:
        """Apply a saved plan with Terraform's output, and return its exit code.

        An interrupt is sent to Terraform as well; this waits until Terraform has stopped.

        Raises:
            TerraformFailedError: Terraform is not installed.
        """
        options = [] if color else ["-no-color"]
        process = self._started(["apply", "-input=false", *options, plan])
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue

    def _captured(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run Terraform and return its output.

        An interrupt is sent to Terraform as well. This waits until Terraform has stopped: it must
        release the lock of the state, which `subprocess.run` would prevent by killing it.
        """
        process = self._started(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        interrupted = False
        while True:
            try:
                stdout, stderr = process.communicate()
                break
            except KeyboardInterrupt:
                interrupted = True
        if interrupted:
            raise KeyboardInterrupt
        return subprocess.CompletedProcess(
            arguments, process.returncode, _text(stdout), _text(stderr)
        )

    def _started(
        self, arguments: Sequence[str], stdout: int | None = None, stderr: int | None = None
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - Terraform
                self._command(arguments),
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        except FileNotFoundError as error:
            raise TerraformFailedError(arguments[0], _MISSING) from error

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return ["terraform", f"-chdir={self.root}", *arguments]

    def _environment(self) -> dict[str, str]:
        return {**self.environ, "TF_IN_AUTOMATION": "1"}


def _text(output: bytes) -> str:
    """Terraform's output, which is UTF-8 in every locale."""
    return output.decode("utf-8", errors="replace")


def read_messages(output: str) -> Iterator[Message]:
    """The warnings and errors among the JSON lines that Terraform prints."""
    for line in output.splitlines():
        if not line.startswith("{"):
            continue
        found = json.loads(line).get("diagnostic")
        if found:
            where = found.get("range")
            location = f"{where['filename']}:{where['start']['line']}" if where else ""
            detail = found.get("detail", "")
            yield Message(found["severity"], found["summary"], detail, location)
