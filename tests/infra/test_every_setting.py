"""Every variable of the module at another value than its default: applied, planned, destroyed.

A new variable fails the first test until it has a value here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.aws.terraform import (
    ROOT,
    SERVICES,
    Plan,
    Terraform,
    checkout,
    environment,
    write_manifest,
)
from support.labs.deployment_lab import DIFFERENCES, Inventory, inventory
from support.labs.hub_lab import HUB, HUB_REGION, HubLab, complete_stack_sets, hub_lab
from support.labs.stack_sets_lab import Organization, created_resources

from infra.terraform_docs import read
from services.embedded.aws.server import HUB_ACCOUNT as MOTO_HUB
from services.embedded.aws.server import EmbeddedAws

pytestmark = [pytest.mark.timeout(1800)]

MEMBER = "222233334444"
REGIONS = f"""\
regions:
  - {{Name: us-east-1, AccountId: "{HUB}"}}
  - {{Name: eu-west-1, AccountId: "{MEMBER}"}}
"""
ROOT_MODULE = """
variable "inputs" {
  type = any
}

module "ami_tracker" {
  source = "../"
%s
}
"""
READ_BY_A_VPC = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ReadFromTheVpc",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::blue-site/team/*",
            "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}},
        }
    ],
}
TOPICS = [f"arn:aws:sns:{HUB_REGION}:{HUB}:{name}" for name in ("pager", "chat")]


def required(tree: Path) -> dict[str, Any]:
    """What has no default."""
    folder = tree / "build/packages"
    packages = {each: str(folder / f"{each}.zip") for each in SERVICES}
    packages["manifest"] = str(folder / "manifest.json")
    return {
        "external_id": "of-the-settings-test",
        "regions_file": str(tree / "regions.yaml"),
        "packages": packages,
    }


ON_MINISTACK: dict[str, Any] = {
    "name_prefix": "blue-tracker",
    "table_name": "blue-table",
    "tags": {"team": "platform"},
    "schedule_expression": "rate(1 hour)",
    "max_removed_percent": 50,
    "parameter_paths": ["/golden/*"],
    "shared_parameter_arns": [f"arn:aws:ssm:{HUB_REGION}:444455556666:parameter/golden/*"],
    "runtime": "python3.12",
    "architecture": "x86_64",
    "ca_bundle": "/var/task/botocore/cacert.pem",
    "lookup_memory_mb": 1024,
    "lookup_maximum_concurrency": 20,
    "log_retention_days": 30,
    "previous_external_ids": ["of-the-day-before"],
    "organization_id": "o-a1b2c3d4e5",
    "subscriber_account_ids": ["444455556666"],
    "permissions_boundary": f"arn:aws:iam::{HUB}:policy/boundaries/team",
    "role_path": "/platform/",
    "create_access_policies": False,
    "site": {
        "enabled": True,
        "interval_minutes": 30,
        "bucket_name": "blue-site",
        "key_prefix": "team/",
        "lag_hours": 24,
        "releases": 5,
        "memory_mb": 2048,
        "old_versions_days": 7,
        "access_log_bucket": "access-logs",
        "bucket_policy": json.dumps(READ_BY_A_VPC),
    },
    "stack_set_model": "NONE",
    "fifo_topics": True,
    "deletion_protection": False,
    "alarm_topic_arn": TOPICS[0],
    "alarm_topic_arns": TOPICS[1:],
    "round_alarm_minutes": 180,
    "images_never_found_threshold": 1,
    "pairs_failing_percent": {"throttling": 2, "access": 1, "image": 20, "other": 1},
    "pairs_stale_percent": 5,
    "targets_failing_threshold": 1,
    "rows_unreadable_threshold": 1,
}
"""Applied together; `kms_key_arn` is a key that is made there."""

INSTEAD_OF_TOPICS: dict[str, Any] = {
    "alarm_topic_arn": None,
    "alarm_topic_arns": [],
    "alarm_emails": ["platform-team@example.com"],
}
"""Applied after the first: addresses and topics exclude each other."""

ON_MOTO: Mapping[str, dict[str, Any]] = {
    "organization": {
        "stack_set_model": "SERVICE_MANAGED",
        "organization_id": "o-a1b2c3d4e5",
        "organizational_unit_ids": [],  # a unit that is made there
        "stack_set_call_as": "DELEGATED_ADMIN",
        "stack_set_failure_tolerance_percent": 25,
        "stack_set_region_order": ["eu-west-1", "us-east-1"],
    },
    "own roles": {
        "stack_set_administration_role_arn": f"arn:aws:iam::{MOTO_HUB}:role/administration",
        "stack_set_execution_role_name": "execution",
        "stack_set_failure_tolerance_percent": 0,
        "stack_set_region_order": ["us-east-1", "eu-west-1"],
    },
}
"""StackSets, which ministack lacks: the members module of the hub, both permission models."""


# --- that nothing is left out


def test_every_variable_is_tried() -> None:
    """The names here are those of the module."""
    tried = {*required(Path()), "kms_key_arn", *ON_MINISTACK, *INSTEAD_OF_TOPICS}
    tried.update(*ON_MOTO.values())

    assert tried == {each.name for each in read(ROOT / "infra/terraform").inputs}


def test_every_value_is_another_than_the_default() -> None:
    """A value that equals the default would show nothing."""
    defaults = {each.name: each.default for each in read(ROOT / "infra/terraform").inputs}
    given = [
        ON_MINISTACK,
        {"alarm_emails": INSTEAD_OF_TOPICS["alarm_emails"]},
        ON_MOTO["own roles"],
    ]
    given += [{k: v for k, v in ON_MOTO["organization"].items() if k != "organizational_unit_ids"}]

    same = [
        name
        for values in given
        for name, value in values.items()
        if json.dumps(value) == defaults[name]
    ]

    assert same == []


# --- the hub, on ministack


def root_module(inputs: Mapping[str, object]) -> str:
    """A root that hands these inputs on to the module."""
    return ROOT_MODULE % "\n".join(f"  {name} = var.inputs.{name}" for name in inputs)


@pytest.fixture(scope="class")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubLab]:
    """A hub before its first apply, and what its settings name."""
    names = {**required(Path()), **ON_MINISTACK, **INSTEAD_OF_TOPICS, "kms_key_arn": None}
    files = {"main.tf": root_module(names)}
    folder = tmp_path_factory.mktemp("settings")
    with hub_lab(folder, "infra/terraform/lab", regions=REGIONS, files=files) as hub:
        for arn in TOPICS:
            hub.aws.client("sns", HUB_REGION, HUB).create_topic(Name=arn.rpartition(":")[2])
        hub.aws.client("s3", HUB_REGION, HUB).create_bucket(Bucket="access-logs")
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        boundary = {"Version": "2012-10-17", "Statement": [everything]}
        hub.aws.client("iam", HUB_REGION, HUB).create_policy(
            PolicyName="team", Path="/boundaries/", PolicyDocument=json.dumps(boundary)
        )
        write_manifest(hub.tree, ON_MINISTACK["runtime"], ON_MINISTACK["architecture"])
        hub.terraform.init()
        yield hub


@pytest.fixture(scope="class")
def inputs(lab: HubLab) -> dict[str, Any]:
    """Every input of the first apply."""
    key = lab.aws.client("kms", HUB_REGION, HUB).create_key()["KeyMetadata"]["Arn"]
    return {**required(lab.tree), **ON_MINISTACK, "alarm_emails": [], "kms_key_arn": key}


@pytest.fixture(scope="class")
def before(lab: HubLab, inputs: Mapping[str, object]) -> Inventory:
    """What the hub account holds before."""
    assert inputs
    return inventory(lab.aws)


def unexplained(plan: Plan) -> set[tuple[str, str]]:
    """What a second plan would change, by type and attribute, beyond what ministack forgets."""
    assert set(plan.changes().values()) <= {("update",)}
    found = {
        (re.findall(r"aws_\w+", address)[-1], attribute)
        for address, (attributes, _) in plan.differences().items()
        for attribute in attributes
    }
    return found - set(DIFFERENCES)


@pytest.mark.slow
class TestHub:
    """The tests follow each other: the last one destroys."""

    def test_it_applies_and_plans_clean(
        self, lab: HubLab, inputs: dict[str, Any], before: Inventory
    ) -> None:
        """The values are taken as they are, and a second plan changes nothing."""
        lab.terraform.apply(inputs=inputs)
        during = inventory(lab.aws)

        assert unexplained(lab.terraform.plan(inputs=inputs)) == set()
        assert {f"blue-tracker-{each}" for each in SERVICES} == during["functions"]
        assert [kind for kind in before if not before[kind] <= during[kind]] == []

    def test_addresses_in_place_of_topics(self, lab: HubLab, inputs: dict[str, Any]) -> None:
        """A topic is made for the addresses, and every alarm goes there."""
        changed = {**inputs, **INSTEAD_OF_TOPICS}
        lab.terraform.apply(inputs=changed)

        assert unexplained(lab.terraform.plan(inputs=changed)) == set()
        arn = f"arn:aws:sns:{HUB_REGION}:{HUB}:blue-tracker-alarms"
        sns = lab.aws.client("sns", HUB_REGION, HUB)
        subscriptions = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
        assert [each["Endpoint"] for each in subscriptions] == INSTEAD_OF_TOPICS["alarm_emails"]

    def test_it_destroys_clean(
        self, lab: HubLab, inputs: dict[str, Any], before: Inventory
    ) -> None:
        """The hub account holds what it held before."""
        lab.terraform.destroy(inputs={**inputs, **INSTEAD_OF_TOPICS})

        assert inventory(lab.aws) == before


# --- StackSets, on moto


@pytest.mark.slow
@pytest.mark.parametrize("model", ON_MOTO)
def test_settings_of_stack_sets(model: str, tmp_path: Path) -> None:
    """They apply and plan clean; self-managed ones destroy clean, too.

    In the emulator, instances of a unit survive their deletion, so that service-managed StackSets
    cannot be destroyed.
    """
    tree = checkout(tmp_path, regions=REGIONS)
    with complete_stack_sets(), EmbeddedAws() as aws:
        given = {**required(tree), **ON_MOTO[model]}
        if model == "organization":
            organization = Organization(aws)
            unit = organization.unit("workloads")
            organization.account("platform", unit)
            given["organizational_unit_ids"] = [unit]
        root = tree / "infra/terraform/lab"
        root.mkdir()
        (root / "main.tf").write_text(root_module(given), encoding="utf-8")
        terraform = Terraform(root, environment(aws.endpoint_url, HUB_REGION))
        members = "-target=module.ami_tracker.module.members"
        terraform.init()
        terraform.apply(members, inputs=given)
        deployed = created_resources()
        plan = terraform.plan(members, inputs=given)
        if model == "own roles":
            terraform.destroy(members, inputs=given)
            left = created_resources()

    assert plan.changes() == {}
    if model == "own roles":
        assert set(deployed) == {
            (HUB, "iam"),
            (HUB, "us-east-1"),
            (MEMBER, "iam"),
            (MEMBER, "eu-west-1"),
        }
        assert left == {}
    else:
        (account_id,) = organization.accounts.values()
        assert set(deployed) == {(account_id, at) for at in ("iam", "us-east-1", "eu-west-1")}
