"""The command `python -m infra.deploy`, which `make plan` and `make deploy` run.

Exit codes are those of `ami-tracker`: 0 for success, 1 for a failure, 2 for invalid usage or
configuration.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.deploy import plan_file
from infra.deploy.errors import DeployError, UsageError
from infra.deploy.plan_file import PLAN, Record, Sources
from infra.deploy.settings import declared, undeclared, undeclared_message
from infra.deploy.summary import is_empty, summary
from infra.deploy.terraform import Terraform

_REPOSITORY = Path(__file__).parents[2]
_DEFAULT_ROOT = "infra/terraform/examples/basic"
_DEFAULTS = {"runtime": "python3.13", "architecture": "arm64"}
_FAILED_CHECK = "Check block assertion failed"
"""Terraform's warning about a failed check, which is also in the plan's list of checks."""
_UNDECLARED = "Value for undeclared variable"
_APPROVAL = "yes"


@dataclass(frozen=True, slots=True)
class Job:
    """A root to plan or deploy, with its settings."""

    repository: Path
    root: Path
    shown_root: str
    settings: Mapping[str, str]
    terraform: Terraform

    def command(self, target: str) -> str:
        """Return the make command for the same root, runtime and architecture."""
        words = ["make", target]
        if self.shown_root != _DEFAULT_ROOT:
            words.append(f"ROOT={self.shown_root}")
        for name, value in self.settings.items():
            if value != _DEFAULTS[name]:
                words.append(f"{name.upper()}={value}")
        return shlex.join(words)


def main(
    arguments: Sequence[str], environ: Mapping[str, str], repository: Path = _REPOSITORY
) -> int:
    """Plan or deploy a root, and return the exit code."""
    options = _parser().parse_args(arguments)
    # make passes ~ as it is.
    root = (repository / Path(options.root).expanduser()).resolve()
    job = Job(
        repository=repository.resolve(),
        root=root,
        shown_root=options.root.rstrip("/"),
        settings={name: getattr(options, name) for name in _DEFAULTS},
        terraform=Terraform(root, environ),
    )
    try:
        _check(job)
        if options.action == "plan":
            _plan(job)
            return 0
        return _apply(job, options.approve)
    except DeployError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; nothing was changed.\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m infra.deploy")
    parser.add_argument("action", choices=("plan", "apply"))
    parser.add_argument("--root", default=_DEFAULT_ROOT, metavar="DIR", help="the Terraform root")
    for name, default in _DEFAULTS.items():
        text = f"the {name} of the packages (default: {default})"
        parser.add_argument(f"--{name}", default=default, metavar="NAME", help=text)
    text = "yes: apply without asking for confirmation"
    parser.add_argument("--approve", default="", choices=("", _APPROVAL), help=text)
    return parser


def _check(job: Job) -> None:
    """Check that the folder is a root, and that it declares all variables that get a value.

    Raises:
        UsageError: a check failed; the text names every such value.
    """
    if not any(job.root.glob("*.tf")):
        problem = f"{job.shown_root} is not a Terraform root: it has no *.tf file. Correct ROOT."
        raise UsageError(problem)
    names = declared(job.root)
    problems = [
        undeclared_message(value, names, f"{job.shown_root}/{value.file.name}", job.shown_root)
        for value in undeclared(job.root)
    ]
    if problems:
        raise UsageError("\n".join(problems))


def _plan(job: Job) -> None:
    """Save a plan and print its summary; if this fails, the plan is deleted.

    Raises:
        DeployError: no plan could be saved.
    """
    plan_file.prepare(job.root)
    try:
        document, warnings = _planned(job)
        sources = plan_file.sources_of(job.repository, job.root, document)
        record = Record(
            digests=sources.digests(),
            settings=job.settings,
            sources=sources.named(),
            warnings=warnings,
            workspace=job.terraform.workspace(),
            region=plan_file.region_of(document, job.terraform.environ),
            plan_digest=plan_file.digest(job.root),
        )
        plan_file.save(job.root, record)
    except BaseException:
        plan_file.discard(job.root)
        raise
    sys.stdout.write(summary(document, job.shown_root, warnings))
    if not is_empty(document):
        sys.stdout.write(f"Apply exactly this plan: {job.command('deploy')}\n")


def _planned(job: Job) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Save a plan; return it as a document, with Terraform's warnings.

    Raises:
        DeployError: no plan could be saved.
    """
    sys.stderr.write("Planning with Terraform ...\n")
    job.terraform.init()
    warnings = job.terraform.plan(PLAN, job.settings)
    if ignored := [str(warning) for warning in warnings if warning.summary == _UNDECLARED]:
        raise UsageError("\n".join(ignored))
    kept = tuple(str(warning) for warning in warnings if warning.summary != _FAILED_CHECK)
    return job.terraform.show(PLAN), kept


def _apply(job: Job, approval: str) -> int:
    """Apply the saved plan if it is current and approved, and return the exit code.

    Raises:
        DeployError: nothing was applied.
    """
    again = job.command("plan")
    record = plan_file.load(job.root, job.shown_root, again)
    _check_settings(job, record)
    _check_current(job, record)
    job.terraform.init()
    _check_workspace(job, record)
    document = job.terraform.show(PLAN)
    _check_region(job, record, plan_file.region_of(document, job.terraform.environ))
    sys.stdout.write(summary(document, job.shown_root, record.warnings))
    sys.stdout.flush()
    if is_empty(document):
        plan_file.discard(job.root)
        return 0
    if approval != _APPROVAL and not _confirmed():
        sys.stdout.write("Nothing was changed. The saved plan is kept.\n")
        return 1
    _check_current(job, record)
    try:
        code = job.terraform.apply(PLAN, color=sys.stdout.isatty())
    finally:
        plan_file.discard(job.root)
    if code == 0:
        return 0
    sys.stderr.write(f"The apply failed. Run `{again}` again to see the remaining changes.\n")
    return 1


def _check_settings(job: Job, record: Record) -> None:
    for name, value in record.settings.items():
        if job.settings.get(name) != value:
            problem = (
                f"The plan was saved for {name} {value}, not {job.settings.get(name)}: run "
                f"`make deploy` with {name.upper()}={value}, or `{job.command('plan')}` again."
            )
            raise UsageError(problem)


def _check_current(job: Job, record: Record) -> None:
    """Check that neither the plan nor its sources have changed; also after the confirmation.

    Raises:
        UsageError: a file has changed.
    """
    again = job.command("plan")
    if plan_file.digest(job.root) != record.plan_digest:
        problem = (
            f"{job.shown_root}/{PLAN} is not the plan that `make plan` saved: another command has "
            f"replaced it. Run `{again}` again and read the new plan."
        )
        raise UsageError(problem)
    sources = Sources.from_names(job.repository, job.root, record.sources)
    if different := plan_file.changed(record.digests, sources.digests()):
        files = "\n".join(f"  {each}" for each in different)
        problem = (
            f"These files have changed since the plan was saved:\n{files}\n"
            f"Run `{again}` again and read the new plan."
        )
        raise UsageError(problem)


def _check_workspace(job: Job, record: Record) -> None:
    workspace = job.terraform.workspace()
    if workspace != record.workspace:
        problem = (
            f"The plan was saved for the workspace {record.workspace}, not {workspace}: select "
            f"{record.workspace} (TF_WORKSPACE or `terraform -chdir={job.shown_root} workspace "
            f"select`), or run `{job.command('plan')}` again."
        )
        raise UsageError(problem)


def _check_region(job: Job, record: Record, region: str) -> None:
    if region != record.region:
        problem = (
            f"The plan was saved with AWS_REGION {record.region or 'not set'}, not "
            f"{region or 'not set'}, and {job.shown_root} has no region of its own: set AWS_REGION "
            f"as before, or run `{job.command('plan')}` again."
        )
        raise UsageError(problem)


def _confirmed() -> bool:
    """Ask for confirmation; return whether the answer is yes.

    Raises:
        UsageError: standard input is not a terminal.
    """
    if not sys.stdin.isatty():
        problem = (
            "Nothing was changed: `make deploy` asks for confirmation, and standard input is not a "
            "terminal. Set APPROVE=yes to apply the plan without confirmation."
        )
        raise UsageError(problem)
    sys.stdout.write(f"Apply this plan? Only `{_APPROVAL}` applies it: ")
    sys.stdout.flush()
    return sys.stdin.readline().strip() == _APPROVAL
