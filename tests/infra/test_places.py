"""A plan that adds or removes one account or region changes only the resources of that target.

A replaced topic loses its subscriptions, and a replaced table its history. An edit of another
target must not replace them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.aws.terraform import Plan, Terraform, checkout, environment, write_manifest
from support.labs.hub_lab import (
    HUB,
    HubLab,
    StackSetCalls,
    complete_stack_sets,
    hub_lab,
    new_changes,
)
from support.labs.stack_sets_lab import HOME, Organization

from services.embedded.aws.server import EmbeddedAws

MEMBER, NEW_MEMBER = "222233334444", "333344445555"
CREATE, UPDATE, DELETE = ("create",), ("update",), ("delete",)

REGIONS = f"""\
regions:
  - {{Name: us-east-1, AccountId: "{HUB}"}}
  - {{Name: eu-west-1, AccountId: "{HUB}"}}
  - {{Name: eu-west-1, AccountId: "{MEMBER}"}}
"""
ANOTHER_REGION = f'  - {{Name: eu-north-1, AccountId: "{HUB}"}}\n'
ANOTHER_ACCOUNT = f'  - {{Name: eu-west-1, AccountId: "{NEW_MEMBER}"}}\n'

INSTANCE = "aws_cloudformation_stack_set_instance"
SELF_MANAGED = "aws_cloudformation_stack_set.self_managed"
SERVICE_MANAGED = "aws_cloudformation_stack_set.service_managed"
POLICIES_WITH_ACCOUNTS = {
    "aws_iam_role_policy.administration[0]": UPDATE,
    "module.aggregator.aws_iam_role_policy.this": UPDATE,
    "module.lookup.aws_iam_role_policy.this": UPDATE,
}


def removed(plan: Plan) -> set[str]:
    """The addresses that a plan deletes or replaces."""
    return {address for address, done in plan.changes().items() if "delete" in done}


# --- the complete hub, with self-managed StackSets


@dataclass
class Running:
    """An applied hub, and a plan of its unchanged configuration."""

    hub: HubLab
    unchanged: Plan

    def plan(self, *, regions: str = REGIONS, **variables: object) -> Plan:
        """The plan for another regions.yaml or other variables."""
        self.hub.watch(regions)
        return self.hub.terraform.plan(**{**VARIABLES, **variables})


VARIABLES: dict[str, Any] = {"external_id": "of-the-places-test", "deletion_protection": False}


@pytest.fixture(scope="class")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A hub whose StackSets are in two accounts and two regions."""
    folder = tmp_path_factory.mktemp("places")
    with complete_stack_sets(), hub_lab(folder, regions=REGIONS) as hub:
        hub.terraform.init()
        hub.terraform.apply(**VARIABLES)
        yield Running(hub, hub.terraform.plan(**VARIABLES))


@pytest.mark.slow
@pytest.mark.timeout(1800)
class TestRunningHub:
    """The hub is on ministack, its StackSets are on moto."""

    def test_without_a_change_nothing_is_removed(self, running: Running) -> None:
        """The emulators' differences are only updates, so replacements show in the plans below."""
        assert removed(running.unchanged) == set()
        assert "aws_dynamodb_table" not in str(running.unchanged.changes())

    def test_adding_a_region(self, running: Running) -> None:
        """A new region creates its topic, and the roles are allowed to use the region."""
        plan = running.plan(regions=REGIONS + ANOTHER_REGION)

        assert removed(plan) == set()
        assert new_changes(plan, running.unchanged) == {
            f'{INSTANCE}.topics["{HUB}/eu-north-1"]': CREATE,
            f'{INSTANCE}.roles["{HUB}"]': UPDATE,
        }
        before, after = plan.differences()[
            f'module.ami_tracker.module.members[0].{INSTANCE}.roles["{HUB}"]'
        ]
        assert before["parameter_overrides"] == {"Regions": "eu-west-1,us-east-1"}
        assert after["parameter_overrides"] == {"Regions": "eu-north-1,eu-west-1,us-east-1"}

    def test_adding_an_account(self, running: Running) -> None:
        """A new account gets its roles and topic, and the hub's roles may assume the new ones."""
        plan = running.plan(regions=REGIONS + ANOTHER_ACCOUNT)

        assert removed(plan) == set()
        assert new_changes(plan, running.unchanged) == {
            f'{INSTANCE}.roles["{NEW_MEMBER}"]': CREATE,
            f'{INSTANCE}.topics["{NEW_MEMBER}/eu-west-1"]': CREATE,
            **POLICIES_WITH_ACCOUNTS,
        }

    def test_another_package_of_the_scheduler(self, running: Running) -> None:
        """The scheduler gets its new package, and no other resource changes."""
        packages = running.hub.tree / "build/packages/scheduler.zip"
        old = packages.read_bytes()
        running.hub.package("scheduler", "another catalogue")
        plan = running.plan()
        packages.write_bytes(old)

        assert removed(plan) == set()
        assert new_changes(plan, running.unchanged) == {
            "module.scheduler.aws_lambda_function.this": UPDATE
        }

    def test_removing_a_region(self, running: Running) -> None:
        """Only the stack instance of the removed region is deleted."""
        plan = running.plan(
            regions=REGIONS.replace(f'  - {{Name: us-east-1, AccountId: "{HUB}"}}\n', "")
        )

        assert new_changes(plan, running.unchanged) == {
            f'{INSTANCE}.topics["{HUB}/us-east-1"]': DELETE,
            f'{INSTANCE}.roles["{HUB}"]': UPDATE,
        }

    def test_removing_an_account(self, running: Running) -> None:
        """Only the stack instances of the removed account are deleted."""
        plan = running.plan(
            regions=REGIONS.replace(f'  - {{Name: eu-west-1, AccountId: "{MEMBER}"}}\n', "")
        )

        assert new_changes(plan, running.unchanged) == {
            f'{INSTANCE}.roles["{MEMBER}"]': DELETE,
            f'{INSTANCE}.topics["{MEMBER}/eu-west-1"]': DELETE,
            **POLICIES_WITH_ACCOUNTS,
        }

    def test_preferences_update_only_the_stack_sets(self, running: Running) -> None:
        """Another tolerance or region order updates the StackSets, not the stack instances."""
        order = ["us-east-1", "eu-west-1"]
        ordered = running.plan(stack_set_region_order=order)
        tolerant = running.plan(stack_set_failure_tolerance_percent=25)

        assert new_changes(ordered, running.unchanged) == {f'{SELF_MANAGED}["topics"]': UPDATE}
        assert new_changes(tolerant, running.unchanged) == {
            f'{SELF_MANAGED}["roles"]': UPDATE,
            f'{SELF_MANAGED}["topics"]': UPDATE,
        }


# --- organizational units


MODULE = """
variable "inputs" {
  type = any
}

module "members" {
  source = "../modules/members"
%s
}
"""


@dataclass
class Units:
    """The members module, applied to the units of an organization."""

    aws: EmbeddedAws
    terraform: Terraform
    calls: StackSetCalls
    inputs: dict[str, Any]
    more: str
    unchanged: Plan

    def plan(self, **changed: object) -> Plan:
        """The plan for other inputs."""
        return self.terraform.plan(inputs={**self.inputs, **changed})

    def targets(self, *regions: str) -> list[dict[str, str]]:
        """An account in some regions."""
        return [{"account_id": MEMBER, "region": region} for region in regions]


@pytest.fixture(scope="class")
def units(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Units]:
    """Service-managed StackSets over two of three units, in two regions."""
    with complete_stack_sets() as calls, EmbeddedAws() as aws:
        organization = Organization(aws)
        ids = [organization.unit(name) for name in ("first", "second", "third")]
        for number, unit in enumerate(ids):
            organization.account(f"account-{number}", unit)
        given: dict[str, Any] = {
            "name_prefix": "ami-tracker",
            "hub_account_id": HUB,
            "home_region": HOME,
            "targets": [{"account_id": MEMBER, "region": r} for r in ("us-east-1", "eu-west-1")],
            "lookup_role_name": "ami-tracker-lookup",
            "aggregator_role_name": "ami-tracker-aggregator",
            "read_role_name": "ami-tracker-read",
            "publish_role_name": "ami-tracker-publish",
            "topic_name": "ami-tracker-releases",
            "external_ids": ["external-id"],
            "organization_id": "o-abcdefghij",
            "permission_model": "SERVICE_MANAGED",
            "organizational_unit_ids": ids[:2],
            "call_as": "SELF",
            "execution_role_name": "ami-tracker-stackset-execution",
            "failure_tolerance_percent": 10,
            "region_order": [],
        }
        root = checkout(tmp_path_factory.mktemp("units")) / "infra/terraform/lab"
        root.mkdir()
        lines = "\n".join(f"  {name} = var.inputs.{name}" for name in given)
        (root / "main.tf").write_text(MODULE % lines, encoding="utf-8")
        terraform = Terraform(root, environment(aws.endpoint_url, HOME))
        terraform.init()
        terraform.apply(inputs=given)
        unchanged = terraform.plan(inputs=given)
        yield Units(aws, terraform, calls, given, ids[2], unchanged)


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestUnits:
    """The tests depend on their order: the last ones apply."""

    def test_without_a_change_nothing_is_removed(self, units: Units) -> None:
        """The emulator keeps the StackSets' attributes, so a plan would show a replacement."""
        assert removed(units.unchanged) == set()

    def test_adding_a_unit(self, units: Units) -> None:
        """A new unit creates only its own stack instances."""
        both = units.inputs["organizational_unit_ids"]
        plan = units.plan(organizational_unit_ids=[units.more, *both])

        assert removed(plan) == set()
        assert new_changes(plan, units.unchanged) == {
            f'{INSTANCE}.roles["{units.more}"]': CREATE,
            f'{INSTANCE}.topics["{units.more}/eu-west-1"]': CREATE,
            f'{INSTANCE}.topics["{units.more}/us-east-1"]': CREATE,
        }

    def test_adding_a_region(self, units: Units) -> None:
        """A new region creates a stack instance in each unit; the roles may use the region."""
        plan = units.plan(targets=units.targets("us-east-1", "eu-west-1", "eu-north-1"))
        first, second = units.inputs["organizational_unit_ids"]

        assert removed(plan) == set()
        assert new_changes(plan, units.unchanged) == {
            f'{INSTANCE}.topics["{first}/eu-north-1"]': CREATE,
            f'{INSTANCE}.topics["{second}/eu-north-1"]': CREATE,
            f'{SERVICE_MANAGED}["roles"]': UPDATE,
        }

    def test_adding_an_account_to_regions_yaml(self, units: Units) -> None:
        """A new account of regions.yaml changes nothing, because the units already contain it."""
        more = {"account_id": NEW_MEMBER, "region": "us-east-1"}
        plan = units.plan(targets=[*units.inputs["targets"], more])

        assert new_changes(plan, units.unchanged) == {}

    def test_removing_a_unit(self, units: Units) -> None:
        """Only the stack instances of the removed unit are deleted."""
        first, second = units.inputs["organizational_unit_ids"]
        plan = units.plan(organizational_unit_ids=[first])

        assert new_changes(plan, units.unchanged) == {
            f'{INSTANCE}.roles["{second}"]': DELETE,
            f'{INSTANCE}.topics["{second}/eu-west-1"]': DELETE,
            f'{INSTANCE}.topics["{second}/us-east-1"]': DELETE,
        }

    def test_removing_a_region(self, units: Units) -> None:
        """Only the stack instances of the removed region are deleted."""
        plan = units.plan(targets=units.targets("us-east-1"))
        first, second = units.inputs["organizational_unit_ids"]

        assert new_changes(plan, units.unchanged) == {
            f'{INSTANCE}.topics["{first}/eu-west-1"]': DELETE,
            f'{INSTANCE}.topics["{second}/eu-west-1"]': DELETE,
            f'{SERVICE_MANAGED}["roles"]': UPDATE,
        }

    def test_new_instances_are_created_with_the_tolerance(self, units: Units) -> None:
        """The maximum concurrency of each operation is its failure tolerance, in percent."""
        made = [each for each in units.calls.operations if each[0] == "CreateStackInstances"]

        assert len(made) == 2 + 4
        assert [preferences for _, _, preferences in made] == 6 * [
            {"FailureTolerancePercentage": 10, "MaxConcurrentPercentage": 10}
        ]

    def test_an_order_of_regions_reaches_the_topics(self, units: Units) -> None:
        """The topics are updated one region at a time; the roles have one region only.

        Provider 5.100 does not send the order itself; one with change 41810 sends it as given.
        A change of these alone is an operation over all instances, and none of it changes a stack.
        """
        order = ["us-east-1", "eu-west-1"]
        before = units.aws.mark()
        del units.calls.operations[:]
        changed = {**units.inputs, "region_order": order, "failure_tolerance_percent": 0}

        units.terraform.apply(inputs=changed)

        # The provider sends 0 percent as a count of 0.
        strict = {"FailureToleranceCount": 0, "MaxConcurrentPercentage": 1}
        operations = sorted(units.calls.operations, key=lambda each: each[1])
        assert operations[1][2].pop("RegionOrder", order) == order
        assert operations == [
            ("UpdateStackSet", "ami-tracker-roles", strict | {"RegionConcurrencyType": "PARALLEL"}),
            (
                "UpdateStackSet",
                "ami-tracker-topics",
                strict | {"RegionConcurrencyType": "SEQUENTIAL"},
            ),
        ]
        wrote = {call.operation for call in units.aws.calls(before)}
        assert {name for name in wrote if not name.startswith(("Describe", "Get", "List"))} == {
            "UpdateStackSet"
        }


# --- too many for self-managed StackSets


@pytest.mark.parametrize(("accounts", "warned"), [(15, False), (16, True)])
def test_more_than_300_self_managed_targets_give_a_warning(
    tmp_path: Path, accounts: int, *, warned: bool
) -> None:
    """The plan succeeds with a warning that recommends service-managed StackSets."""
    with EmbeddedAws() as aws:
        root = checkout(tmp_path) / "infra/terraform/examples/basic"
        lines = [
            f'  - {{Name: eu-north-{region}, AccountId: "{account:012d}"}}\n'
            for account in range(accounts)
            for region in range(20)
        ]
        (tmp_path / "regions.yaml").write_text("regions:\n" + "".join(lines), encoding="utf-8")
        write_manifest(tmp_path)
        terraform = Terraform(root, environment(aws.endpoint_url))
        terraform.init()
        plan = terraform.plan(
            "-refresh=false", external_id="of-the-test", alarm_emails=["team@example.com"]
        )

    failed = [each for each in plan.document["checks"] if each["status"] == "fail"]
    problems = [p["message"] for each in failed for i in each["instances"] for p in i["problems"]]
    assert bool(problems) == warned
    assert all("320 accounts and regions" in problem for problem in problems)
