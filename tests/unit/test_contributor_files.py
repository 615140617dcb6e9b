"""The files for contributors: hooks, templates, the workflow. They parse and name what exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
HOOKS = ROOT / ".pre-commit-config.yaml"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")


def parsed(path: Path) -> Any:  # noqa: ANN401 - what a YAML file holds
    """The content of a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def targets() -> set[str]:
    """The targets of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


@pytest.mark.parametrize("path", [HOOKS, *sorted(GITHUB.rglob("*.yml"))], ids=lambda p: p.name)
def test_file_is_yaml(path: Path) -> None:
    """Each file is a YAML mapping."""
    assert isinstance(parsed(path), dict)


def test_hooks_call_make_and_download_nothing() -> None:
    """Each hook is local, uses the tools of the system, and calls an existing make target."""
    repositories = parsed(HOOKS)["repos"]
    hooks = [hook for repository in repositories for hook in repository["hooks"]]

    assert {repository["repo"] for repository in repositories} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert {hook["entry"] for hook in hooks} <= {f"make {target}" for target in targets()}


def test_every_fast_check_is_a_hook() -> None:
    """What `make check` does, the hooks do."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    check = re.findall(r"^check: ([a-z ]+)##", text, re.MULTILINE)[0].split()
    hooks = [hook["entry"] for hook in parsed(HOOKS)["repos"][0]["hooks"]]

    assert hooks == [f"make {target}" for target in check]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_is_pinned_and_may_only_read(path: Path) -> None:
    """Actions have a full version, and the token of a run cannot write."""
    workflow = parsed(path)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    actions = [step["uses"] for step in steps if "uses" in step]

    assert actions
    assert [a for a in actions if not re.fullmatch(r"[\w/-]+@v\d+\.\d+\.\d+", a)] == []
    assert workflow["permissions"] == {"contents": "read"}


def test_a_workflow_runs_every_check() -> None:
    """A workflow runs `.ci/run`, with Terraform as it is, without a wrapper."""
    steps = [
        step for path in WORKFLOWS for job in parsed(path)["jobs"].values() for step in job["steps"]
    ]
    (terraform,) = (s["with"] for s in steps if "setup-terraform" in s.get("uses", ""))

    assert "bash .ci/run" in [step.get("run") for step in steps]
    assert (ROOT / ".ci" / "run").is_file()
    assert terraform["terraform_wrapper"] is False


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_issue_form_is_complete(path: Path) -> None:
    """A form has a name, a description, and fields with ids of their own and a label."""
    form = parsed(path)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in fields]

    assert form["name"]
    assert form["description"]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in fields)
