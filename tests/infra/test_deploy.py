"""`make plan` and `make deploy`: what is applied is what was read, and nothing without a yes."""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from small_root import CONFIGURATION, FIRST, RECORDED, SECRET, documents
from terraform import Terraform

from infra.deploy.cli import main
from infra.deploy.plan_file import PLAN, RECORD
from infra.deploy.summary import summary

pytestmark = [pytest.mark.timeout(900)]

PLATFORM = 'variable "runtime" {}\nvariable "architecture" {}\n'
Run = Callable[..., int]


def test_recorded_plans_are_what_terraform_prints(tmp_path: Path) -> None:
    """The unit tests read real plans; another Terraform may print other ones."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))

    found = {name: summary(plan, "root", []) for name, plan in documents(tmp_path).items()}

    assert found == {name: summary(plan, "root", []) for name, plan in recorded.items()}


class Terminal(io.StringIO):
    """A keyboard."""

    def isatty(self) -> bool:
        """Answer as a terminal does."""
        return True


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root in a repository, and its settings."""
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
    """The command in the repository; its exit code."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME")}

    def call(action: str, *options: str) -> int:
        return main([action, "--root", "root", *options], environ, root.parent)

    return call


@pytest.fixture
def no_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is no terminal."""
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))


Output = pytest.CaptureFixture[str]


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Make standard input a terminal with this text."""
    monkeypatch.setattr("sys.stdin", Terminal(text))


def state(root: Path) -> set[str]:
    """What is deployed."""
    return set(Terraform(root, {}).state())


def test_a_plan_is_saved_shown_and_applied(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    """The summary twice, one question, and no plan afterwards; no secret in any output."""
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


def test_nothing_to_change_needs_no_answer(
    root: Path, run: Run, no_keyboard: None, capfd: Output
) -> None:
    """A pipeline that plans and deploys goes on."""
    del no_keyboard
    assert run("plan") == 0
    assert run("apply", "--approve=yes") == 0
    capfd.readouterr()

    assert run("plan") == 0
    assert capfd.readouterr().out.startswith("No changes: everything is as")
    assert run("apply") == 0
    assert capfd.readouterr().out.startswith("No changes: everything is as")
    assert not (root / PLAN).exists()


@pytest.mark.parametrize("answer", ["", "y\n", "no\n", "yes please\n"])
def test_only_yes_applies(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capfd: Output, answer: str
) -> None:
    """Anything else changes nothing and keeps the plan."""
    run("plan")
    typed(monkeypatch, answer)

    assert run("apply") == 1
    assert capfd.readouterr().out.endswith("Nothing was changed. The plan is kept.\n")
    assert state(root) == set()
    assert (root / PLAN).exists()


def test_an_interrupted_question_changes_nothing(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch, capfd: Output
) -> None:
    """No traceback, and the plan is kept."""

    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    run("plan")
    typed(monkeypatch, "")
    monkeypatch.setattr("sys.stdin.readline", interrupted)

    assert run("apply") == 1
    assert capfd.readouterr().err.endswith("Interrupted; nothing was changed.\n")
    assert (root / PLAN).exists()


def test_without_a_terminal_it_does_not_wait(
    root: Path, run: Run, no_keyboard: None, capfd: Output
) -> None:
    """The message names the way for pipelines."""
    del no_keyboard
    run("plan")

    assert run("apply") == 2
    assert "APPROVE=yes applies the plan without the question" in capfd.readouterr().err
    assert state(root) == set()


def test_without_a_plan_there_is_nothing_to_apply(run: Run, capfd: Output) -> None:
    """The message names the command with the root."""
    assert run("apply", "--approve=yes") == 2
    assert "run `make plan ROOT=root` first and read it" in capfd.readouterr().err


@pytest.mark.parametrize("file", ["root/terraform.tfvars", "regions.yaml", "root/main.tf"])
def test_a_file_that_was_changed_since_ends_it(
    root: Path, run: Run, capfd: Output, file: str
) -> None:
    """What would be applied is not what the files say."""
    run("plan")
    path = root.parent / file
    path.write_text(path.read_text(encoding="utf-8") + "\n# later\n", encoding="utf-8")

    assert run("apply", "--approve=yes") == 2
    said = capfd.readouterr().err
    assert f"  {file} (changed)\nRun `make plan ROOT=root` again and read it." in said
    assert state(root) == set()


def test_a_stale_plan_is_refused_by_terraform(root: Path, run: Run, capfd: Output) -> None:
    """Another operator has deployed since; Terraform's own message is shown."""
    run("plan")
    Terraform(root, {}).apply(runtime="python3.13", architecture="arm64")
    before = (root / "terraform.tfstate").read_text(encoding="utf-8")

    assert run("apply", "--approve=yes") == 1
    said = capfd.readouterr().err
    assert "Saved plan is stale" in said
    assert "`make plan ROOT=root` shows what is left" in said
    assert (root / "terraform.tfstate").read_text(encoding="utf-8") == before
    assert not (root / PLAN).exists()


@pytest.mark.parametrize("action", ["plan", "apply"])
def test_a_value_for_no_variable_ends_both(
    root: Path, run: Run, capfd: Output, action: str
) -> None:
    """Terraform would ignore it: a misspelt boundary would not be there."""
    configure(root, 1, "stepp = 2\n")
    (root / "ours.auto.tfvars").write_text("plases = []\n", encoding="utf-8")

    assert run(action) == 2
    said = capfd.readouterr().err
    assert "root/terraform.tfvars:4: stepp: root has no such variable" in said
    assert "Did you mean step?" in said
    assert "root/ours.auto.tfvars:1: plases: " in said
    assert not (root / PLAN).exists()


def test_a_value_of_another_file_ends_it_too(root: Path, capfd: Output) -> None:
    """One that Terraform was asked to read: its own warning is the error."""
    (root / "other").write_text("stepp = 2\n", encoding="utf-8")
    environ = {"PATH": os.environ["PATH"], "TF_CLI_ARGS_plan": "-var-file=other"}

    assert main(["plan", "--root", "root"], environ, root.parent) == 2
    assert 'does not declare a variable named "stepp"' in capfd.readouterr().err
    assert not (root / PLAN).exists()


def test_another_platform_than_planned_is_refused(run: Run, capfd: Output) -> None:
    """The plan's packages are for one runtime and one architecture."""
    run("plan", "--architecture=x86_64")

    assert run("apply", "--approve=yes") == 2
    said = capfd.readouterr().err
    assert "The plan was made for architecture x86_64, not arm64: run `make deploy` with" in said


def test_a_failed_plan_leaves_none(root: Path, run: Run, capfd: Output) -> None:
    """Terraform's message, and no earlier plan that could be applied by mistake."""
    run("plan")
    configure(root, 1, "")
    (root / "terraform.tfvars").write_text("step = 1\n", encoding="utf-8")

    assert run("plan") == 1
    assert "No value for required variable (main.tf:1)" in capfd.readouterr().err
    assert not (root / PLAN).exists()


def test_a_failed_apply_uses_the_plan_up(root: Path, run: Run, capfd: Output) -> None:
    """Terraform says what failed; the next plan shows what is left."""
    failing = 'resource "terraform_data" "failing" {\n  provisioner "local-exec" {\n'
    failing += '    command = "exit 3"\n  }\n}\n'
    (root / "failing.tf").write_text(failing, encoding="utf-8")
    run("plan")

    assert run("apply", "--approve=yes") == 1
    assert "its plan is used up" in capfd.readouterr().err
    assert not (root / PLAN).exists()


def test_a_folder_that_is_no_root_is_named(tmp_path: Path, capfd: Output) -> None:
    """ROOT was misspelt."""
    assert main(["plan", "--root", "roott"], {}, tmp_path) == 2
    assert "roott is not a Terraform root" in capfd.readouterr().err


def test_without_terraform_the_place_to_get_it_is_named(root: Path, capfd: Output) -> None:
    """No traceback."""
    assert main(["plan", "--root", "root"], {"PATH": "/nowhere"}, root.parent) == 1
    assert "https://developer.hashicorp.com/terraform/install" in capfd.readouterr().err
