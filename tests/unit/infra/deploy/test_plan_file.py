"""A saved plan is private, and is applied only if its source files have not changed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from infra.deploy.errors import UsageError
from infra.deploy.plan_file import (
    PLAN,
    RECORD,
    Record,
    Sources,
    changed,
    discard,
    load,
    prepare,
    region_of,
    save,
    sources_of,
)

RECORDED = Record(
    digests={"a": "1"},
    settings={"runtime": "python3.13"},
    sources={"zips": ["z"]},
    warnings=("careful",),
    workspace="default",
    region="eu-west-1",
    plan_digest="2",
)


def test_record_is_saved_and_loaded(tmp_path: Path) -> None:
    """A record is loaded unchanged, and other users can read neither it nor the plan."""
    prepare(tmp_path)
    save(tmp_path, RECORDED)

    assert load(tmp_path, "root", "make plan") == RECORDED
    for name in (PLAN, RECORD):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_plan_is_private_before_terraform_writes_it(tmp_path: Path) -> None:
    """An earlier plan and its record are deleted, and the new plan file is private."""
    (tmp_path / PLAN).write_text("earlier", encoding="utf-8")
    (tmp_path / RECORD).write_text("earlier", encoding="utf-8")

    prepare(tmp_path)

    assert (tmp_path / PLAN).read_bytes() == b""
    assert stat.S_IMODE((tmp_path / PLAN).stat().st_mode) == 0o600
    assert not (tmp_path / RECORD).exists()


def test_missing_plan_is_reported(tmp_path: Path) -> None:
    """After a plan is discarded, the message names the command that creates one."""
    prepare(tmp_path)
    save(tmp_path, RECORDED)
    discard(tmp_path)

    with pytest.raises(UsageError, match="no saved plan in root: run `make plan ROOT=root` first"):
        load(tmp_path, "root", "make plan ROOT=root")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"schema": 1}', '{"schema": 2}'])
def test_plan_without_a_valid_record_is_refused(tmp_path: Path, content: str | None) -> None:
    """A plan of `terraform plan -out`, which has no record, is refused."""
    prepare(tmp_path)
    if content is not None:
        (tmp_path / RECORD).write_text(content, encoding="utf-8")

    with pytest.raises(UsageError, match="The plan in root was not saved by this version: run `m`"):
        load(tmp_path, "root", "m")


def test_differences_are_named() -> None:
    """Changed, new and missing files are named."""
    before, now = {"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}

    assert changed(before, now) == ["b (changed)", "d (new)", "c (missing)"]
    assert changed(before, before) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a root, packages and images."""
    files = (
        "root/main.tf",
        "root/terraform.tfvars",
        "root/terraform.tfstate",
        "regions.yaml",
        "blue/regions.yaml",
        "build/packages/lookup.zip",
        "build/blue/lookup.zip",
        "tracked_images/team/x.yaml",
        "infra/terraform/variables.tf",
        "infra/terraform/modules/key/main.tf",
        "infra/terraform/README.md",
        "infra/cloudformation/topic.yaml",
    )
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    return tmp_path


def planned(zip_path: str, **variables: str) -> dict[str, object]:
    """A plan with one function in a module, with paths relative to the root."""
    function = {"type": "aws_lambda_function", "values": {"filename": zip_path}}
    module = {"resources": [{"type": "aws_sqs_queue", "values": {}}], "child_modules": []}
    return {
        "variables": {name: {"value": value} for name, value in variables.items()},
        "planned_values": {
            "root_module": {
                "child_modules": [{**module, "child_modules": [{"resources": [function]}]}]
            }
        },
    }


def test_all_sources_of_a_plan_are_recorded(repository: Path) -> None:
    """The sources are settings, code, templates, packages, regions and images."""
    plan = planned("./../build/packages/lookup.zip")

    found = sources_of(repository, repository / "root", plan)

    assert set(found.digests()) == {
        "root/main.tf",
        "root/terraform.tfvars",
        "regions.yaml",
        "build/packages/lookup.zip",
        "tracked_images/team/x.yaml",
        "infra/terraform/variables.tf",
        "infra/terraform/modules/key/main.tf",
        "infra/cloudformation/topic.yaml",
    }
    assert Sources.from_names(repository, repository / "root", found.named()) == found


def test_other_packages_and_regions_files_are_recorded(repository: Path) -> None:
    """The record has the given packages and regions file instead of the repository's files."""
    plan = planned("../build/blue/lookup.zip", regions_file="../blue/regions.yaml")

    found = set(sources_of(repository, repository / "root", plan).digests())

    assert {"build/blue/lookup.zip", "blue/regions.yaml"} <= found
    assert not {"regions.yaml", "tracked_images/team/x.yaml"} & found


def test_files_outside_of_the_repository_have_absolute_paths(
    repository: Path, tmp_path: Path
) -> None:
    """A file outside of the repository is recorded with its absolute path."""
    found = Sources(repository / "infra", repository / "root", (), tmp_path / "regions.yaml")

    assert str(tmp_path / "regions.yaml") in found.digests()


def test_region_of_the_shell_counts_if_the_plan_has_none() -> None:
    """The provider prefers the root's region to AWS_REGION, and that to AWS_DEFAULT_REGION."""
    shell = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}

    assert region_of({}, shell) == "eu-west-1"
    assert region_of({}, {**shell, "AWS_REGION": ""}) == "eu-west-2"
    assert region_of({"variables": {"region": {}}}, {}) == ""
    assert region_of({"variables": {"region": {"value": "us-east-1"}}}, shell) == ""
