"""`make plan` and `make deploy` deploy the basic root to ministack."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.aws.ministack import Ministack, ministack
from support.aws.packages import CACHE, ENVIRON, interpreter, require_linux
from support.aws.terraform import ROOT, Terraform, checkout
from support.labs.deployment_lab import HUB, HUB_REGION, IMAGES, OVERRIDE, REGIONS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

EXTERNAL_ID = "not-to-be-printed"
SETTINGS = f"""\
external_id         = "{EXTERNAL_ID}"
stack_set_model     = "NONE"
deletion_protection = false
alarm_emails        = ["team@example.com"]
"""
EXAMPLE = "infra/terraform/examples/basic"
COPIED = ("Makefile", "README.md", "LICENSE", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Repository:
    """A copy of the repository whose hub is deployed to an emulator."""

    folder: Path
    aws: Ministack
    environ: Mapping[str, str]

    @property
    def root(self) -> Path:
        """The root that is deployed."""
        return self.folder / EXAMPLE

    def configure(self, more: str = "") -> None:
        """Write terraform.tfvars."""
        (self.root / "terraform.tfvars").write_text(SETTINGS + more, encoding="utf-8")

    def make(self, target: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run make without a terminal, with the Python environment of the tests."""
        tool = Path(sys.prefix)
        options = f"--cache {CACHE} --python {interpreter()}"
        return subprocess.run(
            [
                *("make", "-o", f"{tool}/.ready", target, f"TOOL={tool}"),
                *(*words, f"PACKAGE_OPTIONS={options}"),
            ],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=1200,
        )

    def terraform(self) -> Terraform:
        """Terraform in the root."""
        return Terraform(self.root, self.aws.environment(HUB, HUB_REGION))

    def printed_outputs(self) -> str:
        """The output of `terraform output`."""
        return subprocess.run(
            [shutil.which("terraform") or "", f"-chdir={self.root}", "output", "-no-color"],
            env=self.environ,
            capture_output=True,
            check=True,
            text=True,
            timeout=120,
        ).stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """The copy, with an emulator to deploy to."""
    require_linux()
    interpreter()
    folder = checkout(tmp_path_factory.mktemp("make"), regions=REGIONS)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("services", "requirements"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in COPIED:
        shutil.copy2(ROOT / name, folder / name)
    shutil.rmtree(folder / "build")
    (folder / "tracked_images").mkdir()
    (folder / "tracked_images/images.yaml").write_text(IMAGES, encoding="utf-8")
    (folder / "infra/terraform/lab_override.tf").write_text(OVERRIDE, encoding="utf-8")
    with ministack(folder / "ministack", {}) as aws:
        names = ["PATH", "HOME", "TF_CLI_ARGS_init"]
        kept = {name: ENVIRON[name] for name in names if name in ENVIRON}
        fixed = {"TF_CLI_CONFIG_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
        environ: dict[str, str] = {**kept, **fixed, **aws.environment(HUB, HUB_REGION)}
        found = Repository(folder, aws, environ)
        found.configure()
        found.terraform().init()
        yield found


def test_deployment_is_planned_and_applied(repository: Repository) -> None:
    """Refused commands change nothing; the applied changes are those of the last plan."""
    repository.configure("max_removed_percnt = 50\n")
    misspelt = repository.make("plan")
    repository.configure()
    too_early = repository.make("deploy", "APPROVE=yes")
    planned = repository.make("plan")
    unanswered = repository.make("deploy")
    tables_before_approval = repository.aws.client("dynamodb", HUB_REGION, HUB).list_tables()
    deployed = repository.make("deploy", "APPROVE=yes")

    assert f"{EXAMPLE}/terraform.tfvars:5: max_removed_percnt: " in misspelt.stderr
    assert "Did you mean max_removed_percent?" in misspelt.stderr
    assert "run `make plan` first and read the plan" in too_early.stderr
    assert planned.returncode == 0, planned.stderr
    assert "aws_lambda_function: 3 (aggregator, lookup, scheduler)" in planned.stdout
    assert len(planned.stdout.splitlines()) < 60
    assert unanswered.returncode != 0
    assert "Set APPROVE=yes to apply the plan" in unanswered.stderr
    assert tables_before_approval["TableNames"] == []
    assert deployed.returncode == 0, deployed.stderr
    assert "Apply complete!" in deployed.stdout
    assert deployed.stdout.count("To create:") == 1
    outputs = repository.terraform().outputs()["ami_tracker"]
    assert outputs["member_roles_parameters"]["ExternalIds"] == EXTERNAL_ID
    seen = planned.stdout + deployed.stdout + deployed.stderr + repository.printed_outputs()
    assert EXTERNAL_ID not in seen


def test_a_change_names_its_attribute_and_stale_packages_are_refused(
    repository: Repository,
) -> None:
    """A plan names the changed setting; a zip that differs from the planned one is refused."""
    repository.configure("max_removed_percent = 50\n")
    planned = repository.make("plan")
    zip_file = repository.folder / "build/packages/scheduler.zip"
    planned_zip = zip_file.read_bytes()
    zip_file.write_bytes(planned_zip + b"later")
    stale = repository.make("deploy", "APPROVE=yes")
    zip_file.write_bytes(planned_zip)
    deployed = repository.make("deploy", "APPROVE=yes")
    functions = repository.aws.client("lambda", HUB_REGION, HUB)
    found = functions.get_function_configuration(FunctionName="ami-tracker-scheduler")

    assert planned.returncode == 0, planned.stderr
    assert (
        "aws_lambda_function: 1 (scheduler)\n"
        '      environment[0].variables.MAX_REMOVED_PERCENT: "20" → "50"'
    ) in planned.stdout
    assert "To create:" not in planned.stdout
    assert "!!" not in planned.stdout
    assert "build/packages/scheduler.zip (changed)" in stale.stderr
    assert deployed.returncode == 0, deployed.stderr
    assert found["Environment"]["Variables"]["MAX_REMOVED_PERCENT"] == "50"
    state = json.loads((repository.root / "terraform.tfstate").read_text(encoding="utf-8"))
    assert state["outputs"]["ami_tracker"]["sensitive"] is True
