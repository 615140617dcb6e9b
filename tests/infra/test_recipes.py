"""The Terraform files that docs/recipes.md shows: plans with the AWS provider, without AWS."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.aws.terraform import ROOT, Plan, Terraform, TerraformError, caller, environment
from support.labs.feed_lab import eks_feed, write_feed
from support.recipes import DOCUMENT, recipe_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EXAMPLES = ROOT / "infra" / "examples"
ACCOUNT = "123456789012"
REGIONS = 'regions = ["us-east-1", "eu-west-1", "ap-northeast-1"]'
INDEX = "feed/index.json"


@pytest.fixture(scope="module", name="root")
def make_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    """A root module with all Terraform files of the document, the feed, and the example."""
    folder = tmp_path_factory.mktemp("recipes")
    files = {name: text for name, text in recipe_files().items() if name.endswith(".tf")}
    index = eks_feed(tmp_path_factory.mktemp("lab"))["index.json"]
    write_feed(files | {INDEX: index}, folder)
    shutil.copytree(EXAMPLES / "queue-in-every-region", folder / "queue-in-every-region")
    with caller(ACCOUNT) as endpoint_url:
        terraform = Terraform(folder, environment(endpoint_url))
        terraform.init()
        yield terraform


@pytest.fixture(scope="module", name="plan")
def make_plan(root: Terraform) -> Plan:
    """The plan of the root module."""
    return root.plan("-refresh=false")


def change(root: Terraform, name: str, before: str, after: str) -> Plan:
    """The plan with another text in a file."""
    path = root.folder / name
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    try:
        return root.plan("-refresh=false")
    finally:
        path.write_text(text, encoding="utf-8")


def test_node_groups_have_their_release(plan: Plan) -> None:
    """One has the release of its file, the other the one that is current in the feed."""
    found = {
        values["node_group_name"]: values["release_version"]
        for values in plan.of_type("aws_eks_node_group").values()
    }

    assert found == {"workers": "1.34.2-20260901", "current": "1.34.2-20261126"}


def test_node_group_waits_for_an_image_that_is_well(root: Terraform) -> None:
    """A plan fails if the tracker does not know whether the image is still current."""
    with pytest.raises(TerraformError, match="the image is stale since its last lookup"):
        change(root, INDEX, '"state": "ok"', '"state": "stale"')


def subscribed(plan: Plan) -> set[str]:
    """The regions of the subscriptions, from the names of their stacks."""
    stacks = plan.of_type("aws_cloudformation_stack").values()
    return {stack["name"].removeprefix(f"ami-releases-{ACCOUNT}-") for stack in stacks}


def test_each_region_has_a_subscription(root: Terraform, plan: Plan) -> None:
    """A region more is a subscription more, and the others stay."""
    regions = {"us-east-1", "eu-west-1", "ap-northeast-1"}
    fewer = change(root, "every-region.tf", REGIONS, 'regions = ["us-east-1", "eu-west-1"]')

    assert subscribed(plan) == regions
    assert subscribed(fewer) == regions - {"ap-northeast-1"}
    stacks, all_stacks = (each.of_type("aws_cloudformation_stack") for each in (fewer, plan))
    assert stacks.items() <= all_stacks.items()


def test_files_of_the_document_are_formatted(tmp_path: Path) -> None:
    """They are formatted with `terraform fmt`."""
    files = {name: text for name, text in recipe_files().items() if name.endswith(".tf")}
    write_feed(files, tmp_path)

    assert Terraform(tmp_path, environment("http://127.0.0.1:9")).format_problems() == []


def test_commands_are_those_of_the_example() -> None:
    """The commands for messages are those in the example's README, which is tested."""
    readme = (EXAMPLES / "message" / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ .*$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)

    assert commands
    assert commands == re.findall(r"^\$ .*$", readme, re.MULTILINE)


def test_every_block_is_tested() -> None:
    """Each block of the document has a name, with which the tests find it, or is for a console."""
    blocks = re.findall(r"^(.*)\n```(\w+)$", DOCUMENT.read_text("utf-8"), re.MULTILINE)

    unnamed = [kind for before, kind in blocks if not before.startswith("<!-- ")]
    assert unnamed == ["console"]
    assert len(blocks) == len(recipe_files()) + 1
