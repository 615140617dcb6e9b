"""`make deploy` applies exactly the plan that `make plan` printed, and only after a `yes`."""

from __future__ import annotations

import io
import json
import os
import shlex
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.aws.small_root import CONFIGURATION, FIRST, RECORDED, SECRET, documents
from support.aws.terraform import Terraform

from infra.deploy.cli import main
from infra.deploy.plan_file import PLAN, RECORD
from infra.deploy.summary import summary

pytestmark = [pytest.mark.timeout(900)]

PLATFORM = 'variable "runtime" {}\nvariable "architecture" {}\n'
Run = Callable[..., int]


def test_recorded_plans_are_what_terraform_prints(tmp_path: Path) -> None:
    """The recorded plans of the unit tests have the same summaries as plans of this Terraform."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))

    found = {name: summary(plan, "root", []) for name, plan in documents(tmp_path).items()}

    assert found == {name: summary(plan, "root", []) for name, plan in recorded.items()}


class Terminal(io.StringIO):
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        """Return True, as a terminal does."""
        return True


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root module in a repository, with its settings."""
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "main.tf").write_text(CONFIGURATION + PLATFORM, encoding="utf-8")
    (tmp_path / "regions.yaml").write_text("regions: []\n", encoding="utf-8")
    configure(folder, step=1)
    return folder


def configure(root: Path, step: int, more: str = "") -> None:
    """Write the settings of a root."""
    text = f'secret = "{SECRET}"\nstep = {step}\nplaces = {json.dumps(FIRST)}\n{more}'
    (root / "terraform.tfvars").write_text(text, encoding="utf-8")


@pytest.fixture
def run(root: Path) -> Run:
    """A function that runs the command in the repository and returns its exit code."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME")}

    def call(action: str, *options: str) -> int:
        return main([action, "--root", "root", *options], environ, root.parent)

    return call


@pytest.fixture
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace standard input by a text that is not a terminal."""
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))


Output = pytest.CaptureFixture[str]


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Make standard input a terminal with this text."""
    monkeypatch.setattr("sys.stdin", Terminal(text))


def state(root: Path) -> set[str]:
    """The addresses of the deployed resources."""
    return set(Terraform(root, {}).state())


def test_plan_is_saved_printed_and_applied(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    """Both commands print the summary without secrets; `apply` asks once and deletes the plan."""
    assert run("plan") == 0
    planned = capfd.readouterr().out
    modes = {stat.S_IMODE((root / name).stat().st_mode) for name in (PLAN, RECORD)}
    typed(monkeypatch, "yes\n")
    assert run("apply") == 0
    deployed = capfd.readouterr().out

    shown, _, command = planned.rpartition("Apply exactly this plan: ")
    assert command == "make deploy ROOT=root\n"
    assert deployed.startswith(f"{shown}Apply this plan? Only `yes` applies it: ")
    assert "Apply complete! Resources: 9 added" in deployed
    assert "terraform_data.settings" in state(root)
    assert modes == {0o600}
    assert not any((root / name).exists() for name in (PLAN, RECORD))
    assert SECRET not in planned + deployed


def test_plan_without_changes_needs_no_approval(
    root: Path, run: Run, no_terminal: None, capfd: Output
) -> None:
    """Without changes, `apply` succeeds without a terminal, for use in pipelines."""
    del no_terminal
    assert run("plan") == 0
    assert run("apply", "--approve=yes") == 0
    capfd.readouterr()

    assert run("plan") == 0
    assert capfd.readouterr().out.startswith("No changes: all resources match")
    assert run("apply") == 0
    assert capfd.readouterr().out.startswith("No changes: all resources match")
    assert not (root / PLAN).exists()


@pytest.mark.parametrize("answer", ["", "y\n", "no\n", "yes please\n"])
def test_only_yes_applies(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capfd: Output, answer: str
) -> None:
    """Any answer except `yes` changes nothing and keeps the plan."""
    run("plan")
    typed(monkeypatch, answer)

    assert run("apply") == 1
    assert capfd.readouterr().out.endswith("Nothing was changed. The saved plan is kept.\n")
    assert state(root) == set()
    assert (root / PLAN).exists()


def test_interrupt_at_the_question_changes_nothing(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    """An interrupt at the question prints no traceback and keeps the plan."""

    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    run("plan")
    typed(monkeypatch, "")
    monkeypatch.setattr("sys.stdin.readline", interrupted)

    assert run("apply") == 1
    assert capfd.readouterr().err.endswith("Interrupted; nothing was changed.\n")
    assert (root / PLAN).exists()


def test_apply_needs_a_terminal_or_the_approval(
    root: Path, run: Run, no_terminal: None, capfd: Output
) -> None:
    """Without a terminal, the message names the option for pipelines."""
    del no_terminal
    run("plan")

    assert run("apply") == 2
    assert "Set APPROVE=yes to apply the plan without confirmation" in capfd.readouterr().err
    assert state(root) == set()


def test_apply_needs_a_plan(run: Run, capfd: Output) -> None:
    """Without a plan, the message names the command with its root."""
    assert run("apply", "--approve=yes") == 2
    assert "run `make plan ROOT=root` first and read the plan" in capfd.readouterr().err


@pytest.mark.parametrize("file", ["root/terraform.tfvars", "regions.yaml", "root/main.tf"])
def test_file_that_changed_after_the_plan_is_refused(
    root: Path, run: Run, capfd: Output, file: str
) -> None:
    """A changed file makes the saved plan invalid."""
    run("plan")
    path = root.parent / file
    path.write_text(path.read_text(encoding="utf-8") + "\n# later\n", encoding="utf-8")

    assert run("apply", "--approve=yes") == 2
    said = capfd.readouterr().err
    assert f"  {file} (changed)\nRun `make plan ROOT=root` again and read the new plan." in said
    assert state(root) == set()


def test_plan_of_another_command_is_refused(root: Path, run: Run, capfd: Output) -> None:
    """`terraform plan -out=tfplan` replaces the plan, but not the record of `make plan`."""
    run("plan")
    (root / PLAN).write_bytes(b"another")

    assert run("apply", "--approve=yes") == 2
    said = capfd.readouterr().err
    assert "root/tfplan is not the plan that `make plan` saved" in said
    assert "Run `make plan ROOT=root` again" in said


def test_file_that_changes_at_the_question_is_refused(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    """The files are checked again after the confirmation."""

    def answer(*_: object) -> str:
        (root.parent / "regions.yaml").write_text("regions: [{}]\n", encoding="utf-8")
        return "yes\n"

    run("plan")
    typed(monkeypatch, "")
    monkeypatch.setattr("sys.stdin.readline", answer)

    assert run("apply") == 2
    assert "regions.yaml (changed)" in capfd.readouterr().err
    assert state(root) == set()


def test_other_workspace_than_planned_is_refused(root: Path, run: Run, capfd: Output) -> None:
    """Terraform would apply the plan in another workspace whose state is empty as well."""
    run("plan")
    (root / ".terraform").mkdir(exist_ok=True)
    (root / ".terraform" / "environment").write_text("blue", encoding="utf-8")
    (root / "terraform.tfstate.d" / "blue").mkdir(parents=True)

    assert run("apply", "--approve=yes") == 2
    said = capfd.readouterr().err
    assert "saved for the workspace default, not blue: select default (TF_WORKSPACE or" in said
    assert not (root / "terraform.tfstate.d" / "blue" / "terraform.tfstate").exists()


def test_other_region_than_planned_is_refused(root: Path, run: Run, capfd: Output) -> None:
    """A saved plan does not contain the region of the shell."""
    run("plan")
    environ = {"PATH": os.environ["PATH"], "AWS_REGION": "eu-west-2"}

    assert main(["apply", "--root", "root", "--approve=yes"], environ, root.parent) == 2
    said = capfd.readouterr().err
    assert "saved with AWS_REGION not set, not eu-west-2" in said
    assert state(root) == set()


def test_stale_plan_is_refused_by_terraform(root: Path, run: Run, capfd: Output) -> None:
    """After another deployment, Terraform refuses the plan and its message is shown."""
    run("plan")
    Terraform(root, {}).apply(runtime="python3.13", architecture="arm64")
    before = (root / "terraform.tfstate").read_text(encoding="utf-8")

    assert run("apply", "--approve=yes") == 1
    said = capfd.readouterr().err
    assert "Saved plan is stale" in said
    assert "`make plan ROOT=root` again to see the remaining" in said
    assert (root / "terraform.tfstate").read_text(encoding="utf-8") == before
    assert not (root / PLAN).exists()


@pytest.mark.parametrize("action", ["plan", "apply"])
def test_value_of_an_undeclared_variable_is_refused(
    root: Path, run: Run, capfd: Output, action: str
) -> None:
    """Terraform would ignore such a value, for example a misspelt permissions boundary."""
    configure(root, 1, "stepp = 2\n")
    (root / "ours.auto.tfvars").write_text("plases = []\n", encoding="utf-8")

    assert run(action) == 2
    said = capfd.readouterr().err
    assert "root/terraform.tfvars:4: stepp: root has no such variable" in said
    assert "Did you mean step?" in said
    assert "root/ours.auto.tfvars:1: plases: " in said
    assert not (root / PLAN).exists()


def test_undeclared_variable_in_another_file_is_refused(root: Path, capfd: Output) -> None:
    """Terraform's warning about a value in a `-var-file` is an error."""
    (root / "other").write_text("stepp = 2\n", encoding="utf-8")
    environ = {"PATH": os.environ["PATH"], "TF_CLI_ARGS_plan": "-var-file=other"}

    assert main(["plan", "--root", "root"], environ, root.parent) == 2
    assert 'does not declare a variable named "stepp"' in capfd.readouterr().err
    assert not (root / PLAN).exists()


def test_other_platform_than_planned_is_refused(run: Run, capfd: Output) -> None:
    """The packages of a plan are for one runtime and one architecture."""
    run("plan", "--architecture=x86_64")

    assert run("apply", "--approve=yes") == 2
    said = capfd.readouterr().err
    assert "The plan was saved for architecture x86_64, not arm64: run `make deploy` with" in said


def test_failed_plan_deletes_the_earlier_one(root: Path, run: Run, capfd: Output) -> None:
    """A failed plan shows Terraform's message and deletes the earlier plan."""
    run("plan")
    configure(root, 1, "")
    (root / "terraform.tfvars").write_text("step = 1\n", encoding="utf-8")

    assert run("plan") == 1
    assert "No value for required variable (main.tf:1)" in capfd.readouterr().err
    assert not (root / PLAN).exists()


def test_failed_apply_deletes_the_plan(root: Path, run: Run, capfd: Output) -> None:
    """After a failed apply, Terraform's message is shown and the plan is deleted."""
    failing = 'resource "terraform_data" "failing" {\n  provisioner "local-exec" {\n'
    failing += '    command = "exit 3"\n  }\n}\n'
    (root / "failing.tf").write_text(failing, encoding="utf-8")
    run("plan")

    assert run("apply", "--approve=yes") == 1
    assert "The apply failed. Run `make plan" in capfd.readouterr().err
    assert not (root / PLAN).exists()


def test_root_with_a_space_is_quoted(root: Path, capfd: Output) -> None:
    """The commands in messages can be copied into a shell."""
    root.rename(root.parent / "my root")
    arguments, environ = ["--root", "my root/"], {"PATH": os.environ["PATH"]}

    assert main(["apply", *arguments], environ, root.parent) == 2
    assert "run `make plan 'ROOT=my root'` first" in capfd.readouterr().err
    assert main(["plan", *arguments], environ, root.parent) == 0
    assert "Show the whole plan: terraform '-chdir=my root' show tfplan" in capfd.readouterr().out


def test_make_passes_a_root_with_a_space() -> None:
    """`make plan` and `make deploy` pass ROOT as one argument."""
    for target in ("plan", "deploy"):
        made = subprocess.run(
            [*("make", "-n", "-o", "package", "-o", ".venv/.ready"), target, "ROOT=my root"],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=True,
            text=True,
        )

        arguments = shlex.split(made.stdout.splitlines()[-1])
        assert arguments[arguments.index("--root") + 1] == "my root"


def test_root_in_the_home_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path, capfd: Output
) -> None:
    """A ~ that the shell did not replace is the home folder."""
    monkeypatch.setenv("HOME", str(root.parent))

    assert main(["apply", "--root", "~/root"], {}, tmp_path / "repository") == 2
    assert "There is no saved plan in ~/root" in capfd.readouterr().err


def test_folder_that_is_not_a_root_is_named(tmp_path: Path, capfd: Output) -> None:
    """The message names a misspelt ROOT."""
    assert main(["plan", "--root", "roott"], {}, tmp_path) == 2
    assert "roott is not a Terraform root" in capfd.readouterr().err


def test_missing_terraform_is_reported(root: Path, capfd: Output) -> None:
    """Without Terraform, the message has the installation page and no traceback."""
    assert main(["plan", "--root", "root"], {"PATH": "/nowhere"}, root.parent) == 1
    assert "https://developer.hashicorp.com/terraform/install" in capfd.readouterr().err
