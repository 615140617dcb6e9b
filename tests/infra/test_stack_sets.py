"""StackSets on moto: the resources of both permission models and of a deployment by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.aws.template import Stack, parse, resolve
from support.aws.terraform import Plan, Terraform, TerraformError, checkout, environment
from support.labs.stack_sets_lab import (
    HOME,
    IAM,
    Organization,
    Role,
    created_resources,
    deploy,
    role,
    topic,
)

from services.embedded.aws.server import HUB_ACCOUNT, EmbeddedAws

TEMPLATES = Path(__file__).parents[2] / "infra" / "cloudformation"
MEMBER_ROLES = TEMPLATES / "member-roles.yaml"
REGION_TOPIC = TEMPLATES / "region-topic.yaml"
EXECUTION_ROLE = TEMPLATES / "stackset-execution-role.yaml"

FIRST, SECOND, EXTERNAL = "111122223333", "222233334444", "999988887777"
SHARED = f"arn:aws:ssm:eu-west-1:{EXTERNAL}:parameter/golden"
TARGETS = (
    (HUB_ACCOUNT, "us-east-1"),
    (FIRST, "us-east-1"),
    (FIRST, "eu-west-1"),
    (SECOND, "eu-west-1"),  # not the region of the StackSets
)
ROLES = {"ami-tracker-publish", "ami-tracker-read"}
TOPIC = {"ami-tracker-releases"}
PROTOCOLS = ["email", "email-json", "firehose", "https", "lambda", "sqs"]

MODULE = """
variable "inputs" {
  type = any
}

module "members" {
  source = "../modules/members"
%s
}

output "members" {
  value = module.members
}
"""

EXPLAINED = {
    "administration_role_arn": "ignored by the module because of the provider's issue 23464",
    "auto_deployment": "moto does not keep it; AWS does",
    "capabilities": "moto does not keep them; AWS does",
    "managed_execution": "moto always returns that it is off; AWS keeps it",
    "operation_preferences": "an unset number, which the provider reads as 0 without a call",
}
"""Attributes in which a second plan may differ from moto's responses, and the reason."""


def inputs(model: str, targets: tuple[tuple[str, str], ...], **more: object) -> dict[str, Any]:
    """The module's inputs, as the hub passes them."""
    return {
        "name_prefix": "ami-tracker",
        "hub_account_id": HUB_ACCOUNT,
        "home_region": HOME,
        "targets": [{"account_id": account, "region": region} for account, region in targets],
        "lookup_role_name": "ami-tracker-lookup",
        "aggregator_role_name": "ami-tracker-aggregator",
        "read_role_name": "ami-tracker-read",
        "publish_role_name": "ami-tracker-publish",
        "topic_name": "ami-tracker-releases",
        "external_ids": ["new-external-id", "old-external-id"],
        "organization_id": "o-abcdefghij",
        "subscriber_account_ids": [EXTERNAL],
        "parameter_paths": [],
        "shared_parameter_arns": [],
        "permissions_boundary": None,
        "permission_model": model,
        "organizational_unit_ids": [],
        "call_as": "SELF",
        "administration_role_arn": None,
        "execution_role_name": "ami-tracker-stackset-execution",
        "tags": {"team": "platform"},
        **more,
    }


@dataclass(frozen=True, slots=True)
class Deployment:
    """The module, applied with its inputs."""

    aws: EmbeddedAws
    terraform: Terraform
    inputs: Mapping[str, Any]
    organization: Organization | None = None

    def plan(self, **changed: object) -> Plan:
        """The plan with some inputs changed."""
        return self.terraform.plan(inputs={**self.inputs, **changed})

    def places(self, *added: tuple[str, str]) -> list[dict[str, str]]:
        """The targets with additional ones, as an input."""
        more = [{"account_id": account, "region": region} for account, region in added]
        return [*self.inputs["targets"], *more]


def applied(aws: EmbeddedAws, folder: Path, given: Mapping[str, Any]) -> Terraform:
    """Apply the module with these inputs from a separate root module."""
    root = checkout(folder) / "infra" / "terraform" / "lab"
    root.mkdir()
    lines = "\n".join(f"  {name} = var.inputs.{name}" for name in given)
    (root / "main.tf").write_text(MODULE % lines, encoding="utf-8")
    terraform = Terraform(root, environment(aws.endpoint_url, HOME))
    terraform.init()
    terraform.apply(inputs=given)
    return terraform


def real_differences(plan: Plan) -> dict[str, dict[str, Any]]:
    """The changes of existing resources in a plan, without the emulator's differences."""
    found = {
        address: {name: value for name, value in after.items() if name not in EXPLAINED}
        for address, (_, after) in plan.differences().items()
    }
    return {address: after for address, after in found.items() if after}


def actions(aws: EmbeddedAws, since: int) -> list[str]:
    """The write operations since a mark, in order, without consecutive duplicates."""
    wrote = [
        call.operation
        for call in aws.calls(since)
        if not call.operation.startswith(("Describe", "Get", "List"))
    ]
    return [name for name, before in zip(wrote, ["", *wrote], strict=False) if name != before]


# --- the expected policy documents


def statement(sid: str, **more: object) -> dict[str, Any]:
    """An allow statement."""
    return {"Sid": sid, "Effect": "Allow", **more}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust(sid: str, hub_role: str) -> dict[str, Any]:
    """The trust policy of a member role, which allows one role of the hub."""
    return document(
        statement(
            sid,
            Principal={"AWS": f"arn:aws:iam::{HUB_ACCOUNT}:root"},
            Action="sts:AssumeRole",
            Condition={
                "ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{HUB_ACCOUNT}:role/{hub_role}"},
                "StringEquals": {
                    "sts:ExternalId": ["new-external-id", "old-external-id"],
                    "aws:PrincipalOrgID": "o-abcdefghij",
                },
            },
        )
    )


def boundary_of(account_id: str) -> str:
    """The boundary that the execution role's template creates in an account."""
    return f"arn:aws:iam::{account_id}:policy/ami-tracker-members-boundary"


def read_role(regions: list[str], boundary: str | None = None) -> Role:
    """The read role for some regions."""
    in_regions = {"StringEquals": {"aws:RequestedRegion": regions}}
    public = "arn:aws:ssm:*::parameter/aws/service/*"
    may = document(
        statement("LookAtImages", Action="ec2:DescribeImages", Resource="*", Condition=in_regions),
        statement(
            "ReadPublicParameters",
            Action="ssm:GetParameters",
            Resource=public,
            Condition=in_regions,
        ),
    )
    trusts = trust("TheLookupFunctionAlone", "ami-tracker-lookup")
    return Role(trusts, {"look-up-images": may}, boundary)


def publish_role(account_id: str, regions: list[str], boundary: str | None = None) -> Role:
    """The publish role for some regions of an account."""
    may = document(
        statement(
            "PublishReleases",
            Action="sns:Publish",
            Resource=f"arn:aws:sns:*:{account_id}:ami-tracker-releases",
            Condition={"StringEquals": {"aws:RequestedRegion": regions}},
        ),
        statement(
            "EncryptThroughSns",
            Action=["kms:GenerateDataKey*", "kms:Decrypt"],
            Resource=f"arn:aws:kms:*:{account_id}:key/*",
            Condition={
                "StringLike": {"kms:ViaService": "sns.*.amazonaws.com"},
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/ami-tracker-releases"},
            },
        ),
    )
    trusts = trust("TheAggregatorFunctionAlone", "ami-tracker-aggregator")
    return Role(trusts, {"publish-releases": may}, boundary)


def topic_policy(arn: str, *subscribers: dict[str, Any]) -> dict[str, Any]:
    """A topic's policy: only the publish role publishes, TLS is required, these subscribe."""
    account_id = arn.split(":")[4]
    publisher = {"aws:PrincipalArn": f"arn:aws:iam::{account_id}:role/ami-tracker-publish"}
    return document(
        {
            "Sid": "NobodyButThePublishRolePublishes",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {"ArnNotEquals": publisher},
        },
        statement(
            "ThePublishRolePublishes",
            Principal={"AWS": f"arn:aws:iam::{account_id}:root"},
            Action="sns:Publish",
            Resource=arn,
            Condition={"ArnEquals": publisher},
        ),
        {
            "Sid": "NothingWithoutTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["sns:Publish", "sns:Subscribe", "sns:GetTopicAttributes"],
            "Resource": arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        *(
            {**each, "Resource": arn, **from_other_accounts(each, account_id)}
            for each in subscribers
        ),
    )


def from_other_accounts(subscriber: dict[str, Any], account_id: str) -> dict[str, Any]:
    """The condition of a subscriber's statement, which excludes the topic's own account."""
    own = {"StringNotEquals": {"aws:PrincipalAccount": account_id}}
    return {"Condition": subscriber["Condition"] | own}


def subscribers(sid: str, **who: object) -> dict[str, Any]:
    """The statement that allows some accounts to subscribe."""
    return statement(
        sid,
        Principal={"AWS": "*"},
        Action=["sns:Subscribe", "sns:GetTopicAttributes"],
        Condition={
            "StringEquals": {f"aws:{key}": value for key, value in who.items()},
            "StringEqualsIfExists": {"sns:Protocol": PROTOCOLS},
        },
    )


ORGANIZATION = subscribers("TheOrganizationSubscribes", PrincipalOrgID="o-abcdefghij")
LISTED = subscribers("TheListedAccountsSubscribe", PrincipalAccount=[EXTERNAL])


# --- self-managed


@pytest.fixture(scope="class")
def self_managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Self-managed StackSets over three accounts, one of them the hub."""
    given = inputs("SELF_MANAGED", TARGETS)
    with EmbeddedAws() as aws:
        yield Deployment(aws, applied(aws, tmp_path_factory.mktemp("self"), given), given)


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestSelfManaged:
    """Named accounts. The tests depend on their order: the last ones destroy the resources."""

    def test_each_account_has_roles_and_each_target_a_topic(self, self_managed: Deployment) -> None:
        """Each account has its roles once, each target has its topic, and there is nothing else."""
        of_the_hub = {"ami-tracker-stackset-administration", "ami-tracker-stackset-execution"}

        assert created_resources() == {
            (HUB_ACCOUNT, IAM): ROLES | of_the_hub,
            (HUB_ACCOUNT, "us-east-1"): TOPIC,
            (FIRST, IAM): ROLES,
            (FIRST, "us-east-1"): TOPIC,
            (FIRST, "eu-west-1"): TOPIC,
            (SECOND, IAM): ROLES,
            (SECOND, "eu-west-1"): TOPIC,
        }
        assert {
            "stack_set_names": {"roles": "ami-tracker-roles", "topics": "ami-tracker-topics"},
            "topic_arns": {
                f"{account}/{region}": f"arn:aws:sns:{region}:{account}:ami-tracker-releases"
                for account, region in TARGETS
            },
            "execution_role_parameters": self_managed.terraform.state()[
                "module.members.aws_cloudformation_stack.execution_role[0]"
            ]["parameters"],
        } == self_managed.terraform.outputs()["members"]

    @pytest.mark.parametrize("account_id", [HUB_ACCOUNT, FIRST, SECOND])
    def test_roles_have_the_expected_policies(
        self, self_managed: Deployment, account_id: str
    ) -> None:
        """Every account's roles trust only the hub's two roles, for the account's own regions."""
        regions = sorted(region for account, region in TARGETS if account == account_id)
        boundary = boundary_of(account_id)

        assert role(self_managed.aws, account_id, "ami-tracker-read") == read_role(
            regions, boundary
        )
        assert role(self_managed.aws, account_id, "ami-tracker-publish") == publish_role(
            account_id, regions, boundary
        )

    @pytest.mark.parametrize(("account_id", "region"), TARGETS)
    def test_topics_have_the_expected_policies(
        self, self_managed: Deployment, account_id: str, region: str
    ) -> None:
        """Every topic accepts announcements only from its account's publish role."""
        found = topic(self_managed.aws, account_id, region, "ami-tracker-releases")

        assert found["Policy"] == topic_policy(found["TopicArn"], ORGANIZATION, LISTED)
        assert found["KmsMasterKeyId"] == "alias/aws/sns"

    def test_administration_role_is_only_for_these_stack_sets(
        self, self_managed: Deployment
    ) -> None:
        """Only this account's StackSets of these names use the role, and only for the targets."""
        trusts = document(
            statement(
                "TheseStackSetsAlone",
                Principal={"Service": "cloudformation.amazonaws.com"},
                Action="sts:AssumeRole",
                Condition={
                    "StringEquals": {"aws:SourceAccount": HUB_ACCOUNT},
                    "ArnLike": {
                        "aws:SourceArn": [
                            f"arn:aws:cloudformation:*:{HUB_ACCOUNT}:stackset/ami-tracker-{name}:*"
                            for name in ("roles", "topics")
                        ]
                    },
                },
            )
        )
        reaches = document(
            statement(
                "DeployToTheTargets",
                Action="sts:AssumeRole",
                Resource=[
                    f"arn:aws:iam::{account}:role/ami-tracker-stackset-execution"
                    for account in (SECOND, HUB_ACCOUNT, FIRST)
                ],
            )
        )

        assert role(self_managed.aws, HUB_ACCOUNT, "ami-tracker-stackset-administration") == Role(
            trusts, {"deploy-to-the-targets": reaches}
        )

    def test_execution_role_trusts_only_the_administration_role(
        self, self_managed: Deployment
    ) -> None:
        """The hub's execution role comes from the template for other accounts."""
        found = role(self_managed.aws, HUB_ACCOUNT, "ami-tracker-stackset-execution")
        name = f"arn:aws:iam::{HUB_ACCOUNT}:role/ami-tracker-stackset-administration"

        assert found.trust == document(
            statement(
                "TheHubsStackSetsAlone",
                Principal={"AWS": f"arn:aws:iam::{HUB_ACCOUNT}:root"},
                Action="sts:AssumeRole",
                Condition={"ArnEquals": {"aws:PrincipalArn": name}},
            )
        )

    def test_hubs_execution_role_has_the_boundary(self, self_managed: Deployment) -> None:
        """The stack creates the boundary, with the parameters that it must allow."""
        iam = self_managed.aws.client("iam", HOME, HUB_ACCOUNT)
        policies = iam.list_policies(Scope="Local")["Policies"]
        plan = self_managed.plan(
            parameter_paths=["/golden/*", "/base"],
            shared_parameter_arns=[f"{SHARED}/*", SHARED],
        )
        changed = real_differences(plan)[
            "module.members.aws_cloudformation_stack.execution_role[0]"
        ]

        assert [each["Arn"] for each in policies] == [boundary_of(HUB_ACCOUNT)]
        assert changed["parameters"]["ParameterPaths"] == "/base,/golden/*"
        assert changed["parameters"]["SharedParameterArns"] == f"{SHARED},{SHARED}/*"

    @pytest.mark.parametrize(
        ("changed", "expected"),
        [
            ({}, "ami-tracker-members-boundary"),
            ({"permissions_boundary": "team"}, "team"),
            ({"administration_role_arn": f"arn:aws:iam::{HUB_ACCOUNT}:role/own"}, ""),
        ],
        ids=["template", "given", "an organisation's own StackSet roles"],
    )
    def test_roles_get_a_boundary_that_exists(
        self, self_managed: Deployment, changed: dict[str, Any], expected: str
    ) -> None:
        """Only the module's execution role creates a boundary; other boundaries are given."""
        inputs = {**self_managed.inputs, **changed}
        plan = self_managed.terraform.plan("-refresh=false", inputs=inputs)
        roles = plan.values('aws_cloudformation_stack_set.self_managed["roles"]')

        assert roles["parameters"]["PermissionsBoundary"] == expected

    def test_every_parameter_is_given(self, self_managed: Deployment) -> None:
        """All parameters are set: the provider plans changes for parameters with defaults too."""
        state = self_managed.terraform.state()
        stack_sets = "module.members.aws_cloudformation_stack_set.self_managed"
        given = {
            MEMBER_ROLES: state[f'{stack_sets}["roles"]'],
            REGION_TOPIC: state[f'{stack_sets}["topics"]'],
            EXECUTION_ROLE: state["module.members.aws_cloudformation_stack.execution_role[0]"],
        }

        assert {path: set(parse(path.read_text("utf-8"))["Parameters"]) for path in given} == {
            path: set(found["parameters"]) for path, found in given.items()
        }

    def test_second_plan_changes_nothing(self, self_managed: Deployment) -> None:
        """A second plan has only the differences of attributes that moto does not keep."""
        plan = self_managed.plan()

        assert real_differences(plan) == {}
        assert set(plan.changes().values()) == {("update",)}

    def test_new_region_changes_only_its_own_resources(self, self_managed: Deployment) -> None:
        """A new region creates one topic and changes the regions of one account's roles.

        If the region is an opt-in region, the administration role trusts it too. The StackSets and
        the other accounts do not change.
        """
        plan = self_managed.plan(targets=self_managed.places((SECOND, "mx-central-1")))
        created = [a for a, done in plan.changes().items() if done == ("create",)]
        differences = real_differences(plan)
        role_trust = differences.pop("module.members.aws_iam_role.administration[0]")
        roles = differences.pop(
            f'module.members.aws_cloudformation_stack_set_instance.roles["{SECOND}"]'
        )

        assert differences == {}
        assert created == [
            f'module.members.aws_cloudformation_stack_set_instance.topics["{SECOND}/mx-central-1"]'
        ]
        assert roles == {"parameter_overrides": {"Regions": "eu-west-1,mx-central-1"}}
        assert json.loads(role_trust["assume_role_policy"])["Statement"][0]["Principal"][
            "Service"
        ] == [
            "cloudformation.mx-central-1.amazonaws.com",
            "cloudformation.amazonaws.com",
        ]

    def test_administration_role_trusts_an_opt_in_region_of_the_hub(
        self, self_managed: Deployment
    ) -> None:
        """The stacks of roles are in the hub's region, even if it is not a target."""
        plan = self_managed.plan(home_region="mx-central-1")
        (statement,) = plan.policy("aws_iam_role.administration[0]", "assume_role_policy")[
            "Statement"
        ]

        assert "cloudformation.mx-central-1.amazonaws.com" in statement["Principal"]["Service"]

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"organizational_unit_ids": ["ou-abcd-11111111"]}, "organizational_unit_ids cannot"),
            ({"call_as": "DELEGATED_ADMIN"}, "cannot use a delegated administrator"),
            ({"permission_model": "SERVICE_MANAGED"}, "name at least one"),
        ],
    )
    def test_inputs_that_contradict_each_other_are_refused(
        self, self_managed: Deployment, changed: dict[str, Any], said: str
    ) -> None:
        """The plan's error names the input and its permission model."""
        with pytest.raises(TerraformError, match=said):
            self_managed.terraform.plan("-refresh=false", inputs={**self_managed.inputs, **changed})

    def test_stacks_of_a_removed_account_are_deleted_first(self, self_managed: Deployment) -> None:
        """The stacks of a removed account are deleted before the permission to assume its role."""
        kept = [place for place in self_managed.inputs["targets"] if place["account_id"] != FIRST]
        before = self_managed.aws.mark()

        self_managed.terraform.apply(inputs={**self_managed.inputs, "targets": kept})

        done = actions(self_managed.aws, before)
        assert done == ["DeleteStackInstances", "PutRolePolicy", "UpdateStackSet"]
        assert {account for account, _ in created_resources()} == {HUB_ACCOUNT, SECOND}

    def test_destroy_leaves_nothing(self, self_managed: Deployment) -> None:
        """The roles of StackSets are deleted after the last stack."""
        before = self_managed.aws.mark()

        self_managed.terraform.destroy(inputs=dict(self_managed.inputs))

        done = actions(self_managed.aws, before)
        assert done[:2] == ["DeleteStackInstances", "DeleteStackSet"]
        assert set(done[2:]) == {"DeleteRole", "DeleteRolePolicy", "DeleteStack"}
        assert created_resources() == {}


# --- service-managed


@pytest.fixture(scope="class")
def service_managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Service-managed StackSets for a unit with one account, and another one in a nested unit."""
    with EmbeddedAws() as aws:
        organization = Organization(aws)
        workloads = organization.unit("workloads")
        organization.account("platform", workloads)
        organization.account("experiments", organization.unit("sandboxes", workloads))
        organization.account("billing", organization.unit("elsewhere"))
        given = inputs(
            "SERVICE_MANAGED",
            ((organization.accounts["platform"], "us-east-1"), (SECOND, "eu-west-1")),
            organizational_unit_ids=[workloads],
        )
        terraform = applied(aws, tmp_path_factory.mktemp("service"), given)
        yield Deployment(aws, terraform, given, organization)


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestServiceManaged:
    """Organizational units. There is no destroy, which moto does not support here."""

    def test_accounts_of_the_units_have_roles_and_topics(self, service_managed: Deployment) -> None:
        """Nested units are included; the management account and other units are not."""
        assert service_managed.organization is not None
        accounts = service_managed.organization.accounts
        regions = ("us-east-1", "eu-west-1")

        assert created_resources() == {
            (accounts[name], place): ROLES if place == IAM else TOPIC
            for name in ("platform", "experiments")
            for place in (IAM, *regions)
        }

    def test_roles_and_topics_are_those_of_named_accounts(
        self, service_managed: Deployment
    ) -> None:
        """Roles and topics come from the same templates with the same parameters."""
        assert service_managed.organization is not None
        account_id = service_managed.organization.accounts["experiments"]
        regions = ["eu-west-1", "us-east-1"]
        found = topic(service_managed.aws, account_id, "eu-west-1", "ami-tracker-releases")

        assert found["Policy"] == topic_policy(found["TopicArn"], ORGANIZATION, LISTED)
        assert role(service_managed.aws, account_id, "ami-tracker-read") == read_role(regions)
        assert role(service_managed.aws, account_id, "ami-tracker-publish") == publish_role(
            account_id, regions
        )

    def test_second_plan_changes_nothing(self, service_managed: Deployment) -> None:
        """A second plan has only the differences of attributes that moto does not keep.

        The provider would replace the StackSet, because moto does not keep its auto-deployment.
        """
        assert real_differences(service_managed.plan()) == {}

    def test_new_region_changes_only_its_own_resources(self, service_managed: Deployment) -> None:
        """A new region creates one stack instance in each unit and changes the roles' regions."""
        (unit,) = service_managed.inputs["organizational_unit_ids"]
        plan = service_managed.plan(targets=service_managed.places((SECOND, "eu-central-1")))
        created = [a for a, done in plan.changes().items() if done == ("create",)]
        roles = 'module.members.aws_cloudformation_stack_set.service_managed["roles"]'
        differences = real_differences(plan)

        assert created == [
            f'module.members.aws_cloudformation_stack_set_instance.topics["{unit}/eu-central-1"]'
        ]
        assert {at: list(after) for at, after in differences.items()} == {roles: ["parameters"]}
        regions = differences[roles]["parameters"]["Regions"]
        assert regions == "eu-central-1,eu-west-1,us-east-1"

    def test_targets_in_the_management_account_give_a_warning(
        self, service_managed: Deployment
    ) -> None:
        """Service-managed StackSets do not deploy to the management account; the plan warns."""
        plan = service_managed.plan(targets=service_managed.places((HUB_ACCOUNT, "us-east-1")))

        warned = {
            each["address"]["to_display"]
            for each in plan.document["checks"]
            if each["status"] == "fail"
        }

        assert warned == {"module.members.check.management_account"}


# --- by hand


@pytest.fixture
def aws() -> Iterator[EmbeddedAws]:
    """An empty embedded AWS."""
    with EmbeddedAws() as running:
        yield running


BY_HAND_ROLES = {
    "HubAccountId": HUB_ACCOUNT,
    "ExternalIds": "new-external-id,old-external-id",
    "OrganizationId": "o-abcdefghij",
    "Regions": "eu-west-1,us-east-1",
}
BY_HAND_TOPIC = {"OrganizationId": "o-abcdefghij", "SubscriberAccountIds": EXTERNAL}


class TestByHand:
    """The same templates without Terraform and StackSets."""

    def test_defaults_create_the_resources_of_stack_sets(self, aws: EmbeddedAws) -> None:
        """A deployment with only the required parameters creates the same roles and topic."""
        roles = deploy(aws, (FIRST, "eu-west-1"), MEMBER_ROLES, BY_HAND_ROLES)
        outputs = deploy(aws, (FIRST, "us-east-1"), REGION_TOPIC, BY_HAND_TOPIC)
        found = topic(aws, FIRST, "us-east-1", "ami-tracker-releases")
        regions = ["eu-west-1", "us-east-1"]

        assert created_resources() == {(FIRST, IAM): ROLES, (FIRST, "us-east-1"): TOPIC}
        assert role(aws, FIRST, "ami-tracker-read") == read_role(regions)
        assert role(aws, FIRST, "ami-tracker-publish") == publish_role(FIRST, regions)
        assert found["Policy"] == topic_policy(found["TopicArn"], ORGANIZATION, LISTED)
        assert outputs == {"TopicArn": found["TopicArn"]}
        assert roles == {
            "ReadRoleArn": f"arn:aws:iam::{FIRST}:role/ami-tracker-read",
            "PublishRoleArn": f"arn:aws:iam::{FIRST}:role/ami-tracker-publish",
        }

    def test_without_an_organization_no_other_account_may_subscribe(self, aws: EmbeddedAws) -> None:
        """Without an organization there is no condition on it, and no subscriber statement."""
        deploy(aws, (FIRST, HOME), MEMBER_ROLES, {**BY_HAND_ROLES, "OrganizationId": ""})
        deploy(aws, (FIRST, HOME), REGION_TOPIC, {})
        found = topic(aws, FIRST, HOME, "ami-tracker-releases")
        trusts = role(aws, FIRST, "ami-tracker-read").trust["Statement"][0]["Condition"]

        assert found["Policy"] == topic_policy(found["TopicArn"])
        assert list(trusts["StringEquals"]) == ["sts:ExternalId"]

    def test_publish_role_uses_the_customer_key_through_sns(self, aws: EmbeddedAws) -> None:
        """The key has the alias in the publish role's policy, and its rotation is enabled."""
        outputs = deploy(aws, (FIRST, HOME), REGION_TOPIC, {"Encryption": "customer-key"})
        kms = aws.client("kms", HOME, FIRST)
        key_id = outputs["KeyArn"].rpartition("/")[2]
        policy = kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]
        use = {each["Sid"]: each for each in policy["Statement"]}["ThePublishRoleUsesItThroughSns"]

        assert created_resources() == {(FIRST, HOME): TOPIC | {"alias/ami-tracker-releases"}}
        assert topic(aws, FIRST, HOME, "ami-tracker-releases")["KmsMasterKeyId"] == key_id
        assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]
        assert use["Condition"] == {
            "StringEquals": {"kms:ViaService": f"sns.{HOME}.amazonaws.com"},
            "ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{FIRST}:role/ami-tracker-publish"},
        }

    def test_publish_role_names_fifo_topics(self, aws: EmbeddedAws) -> None:
        """The publish role may publish to a FIFO topic, whose name ends in .fifo."""
        deploy(aws, (FIRST, HOME), MEMBER_ROLES, {**BY_HAND_ROLES, "Fifo": "true"})
        deploy(aws, (FIRST, HOME), REGION_TOPIC, {"Fifo": "true"})
        found = topic(aws, FIRST, HOME, "ami-tracker-releases.fifo")
        may = role(aws, FIRST, "ami-tracker-publish").policies["publish-releases"]

        assert found["FifoTopic"] == "true"
        assert found["Policy"] == topic_policy(found["TopicArn"])
        assert may["Statement"][0]["Resource"] == f"arn:aws:sns:*:{FIRST}:ami-tracker-releases.fifo"

    def test_roles_with_a_path_are_created_and_trusted(self, aws: EmbeddedAws) -> None:
        """The ARNs of roles, the trust policies and the topic's policy have the path."""
        below = {"RolePath": "/platform/", "LookupRoleName": "platform/ami-tracker-lookup"}
        outputs = deploy(aws, (FIRST, HOME), MEMBER_ROLES, BY_HAND_ROLES | below)
        publisher = {"PublishRoleName": "platform/ami-tracker-publish"}
        deploy(aws, (FIRST, HOME), REGION_TOPIC, BY_HAND_TOPIC | publisher)
        trusted = role(aws, FIRST, "ami-tracker-read").trust["Statement"][0]["Condition"]
        policy = topic(aws, FIRST, HOME, "ami-tracker-releases")["Policy"]["Statement"]

        assert outputs == {
            "ReadRoleArn": f"arn:aws:iam::{FIRST}:role/platform/ami-tracker-read",
            "PublishRoleArn": f"arn:aws:iam::{FIRST}:role/platform/ami-tracker-publish",
        }
        assert trusted["ArnEquals"] == {
            "aws:PrincipalArn": f"arn:aws:iam::{HUB_ACCOUNT}:role/platform/ami-tracker-lookup"
        }
        assert policy[0]["Condition"]["ArnNotEquals"] == {
            "aws:PrincipalArn": outputs["PublishRoleArn"]
        }

    def test_parameter_paths_and_boundary_are_set_on_the_roles(self, aws: EmbeddedAws) -> None:
        """The read role may read the configured parameters of its own account only."""
        more = {"ParameterPaths": "/golden/*,/base/linux", "PermissionsBoundary": "team/boundary"}
        deploy(aws, (FIRST, HOME), MEMBER_ROLES, BY_HAND_ROLES | more)
        reads = role(aws, FIRST, "ami-tracker-read")
        own = reads.policies["look-up-images"]["Statement"][2]

        assert reads.boundary == f"arn:aws:iam::{FIRST}:policy/team/boundary"
        assert own["Resource"] == [
            "arn:*:ssm:*:*:parameter/golden/*",
            "arn:*:ssm:*:*:parameter/base/linux",
        ]
        assert own["Condition"]["StringEquals"]["aws:ResourceAccount"] == FIRST

    def test_shared_parameters_are_set_on_the_read_role(self, aws: EmbeddedAws) -> None:
        """The read role may read the shared parameters by their ARNs, in its regions."""
        more = {"SharedParameterArns": f"{SHARED}/*,{SHARED}"}
        deploy(aws, (FIRST, HOME), MEMBER_ROLES, BY_HAND_ROLES | more)
        reads = role(aws, FIRST, "ami-tracker-read")
        (shared,) = (
            each
            for each in reads.policies["look-up-images"]["Statement"]
            if each["Sid"] == "ReadSharedParameters"
        )

        assert shared["Resource"] == [f"{SHARED}/*", SHARED]
        assert list(shared["Condition"]["StringEquals"]) == ["aws:RequestedRegion"]

    def test_template_resolver_agrees_with_moto(self, aws: EmbeddedAws) -> None:
        """The policies that the permission tests evaluate are those that CloudFormation creates."""
        deploy(aws, (FIRST, HOME), MEMBER_ROLES, BY_HAND_ROLES)
        deploy(aws, (FIRST, HOME), REGION_TOPIC, BY_HAND_TOPIC)
        here = Stack(FIRST, HOME)
        roles = resolve(parse(MEMBER_ROLES.read_text("utf-8")), BY_HAND_ROLES, here)
        topics = resolve(parse(REGION_TOPIC.read_text("utf-8")), BY_HAND_TOPIC, here)
        resolved = roles["ReadRole"].properties

        assert role(aws, FIRST, "ami-tracker-read") == Role(
            resolved["AssumeRolePolicyDocument"],
            {each["PolicyName"]: each["PolicyDocument"] for each in resolved["Policies"]},
        )
        assert (
            topic(aws, FIRST, HOME, "ami-tracker-releases")["Policy"]
            == topics["TopicPolicy"].properties["PolicyDocument"]
        )
