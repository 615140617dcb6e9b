"""Accounts of the embedded AWS for deployments of stacks, and a listing of their resources.

    with EmbeddedAws() as aws:
        …
        created_resources()   # {("111122223333", "iam"): {"ami-tracker-read", …}, …}

Importing this module changes moto's CloudFormation where it differs from AWS:
* it supports the resource type AWS::SNS::TopicPolicy;
* it removes statements of a managed policy that are AWS::NoValue;
* it describes the value of a list parameter as a string;
* a stack instance uses the StackSet's parameters that it does not override.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.cloudformation.models import Stack, StackInstances
from moto.core.common_models import CloudFormationModel
from moto.iam.models import ManagedPolicy, iam_backends
from moto.kms.models import kms_backends
from moto.sns.models import sns_backends

from services.embedded.aws.server import HUB_ACCOUNT, EmbeddedAws

HOME = "us-east-1"
IAM = "iam"
"""Used in place of a region for IAM resources."""

_ROLE_OF_ORGANIZATIONS = (
    "OrganizationAccountAccessRole"  # in every account that Organizations creates
)

Place = tuple[str, str]
"""An account, and a region or `IAM`."""


class TopicPolicy(CloudFormationModel):
    """`AWS::SNS::TopicPolicy`: moto finds its resource types by their base class."""

    __module__ = "moto.sns.policies"  # moto groups its models by the second part

    def __init__(self, physical_resource_id: str) -> None:
        self.physical_resource_id = physical_resource_id

    @staticmethod
    def cloudformation_name_type() -> str:
        """No name: the resource has none."""
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        """The resource type in templates."""
        return "AWS::SNS::TopicPolicy"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:  # noqa: ARG003 - moto's interface
        """The resource type has no attributes."""
        return False

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **_: object,
    ) -> TopicPolicy:
        """Set the policy of each topic."""
        properties = cloudformation_json["Properties"]
        for arn in properties["Topics"]:
            policy = json.dumps(properties["PolicyDocument"])
            sns_backends[account_id][region_name].set_topic_attribute(arn, "policy", policy)
        return cls(resource_name)

    @classmethod
    def delete_from_cloudformation_json(cls, *_: object) -> None:
        """Do nothing: the policy is deleted with its topic."""


def _managed_policy(
    resource_name: str,
    cloudformation_json: Mapping[str, Any],
    account_id: str,
    region_name: str,
    **more: object,
) -> ManagedPolicy:
    properties = cloudformation_json["Properties"]
    document = _document(properties["PolicyDocument"])
    changed = {**cloudformation_json, "Properties": {**properties, "PolicyDocument": document}}
    return _create_managed_policy(resource_name, changed, account_id, region_name, **more)


def _parameters_as_text(stack: Stack) -> list[dict[str, Any]]:
    return [
        {
            "ParameterKey": name,
            "ParameterValue": ",".join(value) if isinstance(value, list) else value,
        }
        for name, value in stack.resource_map.resolved_parameters.items()
    ]


def _create_with_overrides(
    instances: StackInstances,
    accounts: list[str],
    regions: list[str],
    parameters: list[dict[str, Any]] | dict[str, Any],
    deployment_targets: dict[str, Any],
    permission_model: str,
) -> list[dict[str, Any]]:
    # moto passes overrides as a list, or the StackSet's parameters as a dictionary.
    overridden = _by_name(parameters) if isinstance(parameters, list) else {}
    before = set(instances.stack_instances)
    merged = {**_by_name(instances.parameters), **overridden}
    made: list[dict[str, Any]] = _create_instances(
        instances, accounts, regions, merged, deployment_targets, permission_model
    )
    for instance in set(instances.stack_instances) - before:
        instance.parameters = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in overridden.items()
        ]
    return made


def _by_name(parameters: list[dict[str, Any]] | dict[str, Any]) -> dict[str, Any]:
    if isinstance(parameters, dict):
        return parameters
    return {each["ParameterKey"]: each["ParameterValue"] for each in parameters}


_create_managed_policy = ManagedPolicy.create_from_cloudformation_json
_create_instances: Any = StackInstances.create_instances
_changes: list[tuple[type, str, object]] = [
    (ManagedPolicy, "create_from_cloudformation_json", _managed_policy),
    (Stack, "parameter_list", property(_parameters_as_text)),
    (StackInstances, "create_instances", _create_with_overrides),
]
for _changed, _name, _by in _changes:
    setattr(_changed, _name, _by)


def created_resources() -> dict[Place, set[str]]:
    """The names of all roles, topics and keys in every account and region."""
    table: dict[Place, set[str]] = defaultdict(set)
    for account_id, _, backend in _backends(iam_backends):
        roles = {role.name for role in backend.roles.values()}
        table[account_id, IAM] |= roles - {_ROLE_OF_ORGANIZATIONS}
    for account_id, region, backend in _backends(sns_backends):
        table[account_id, region] |= {topic.name for topic in backend.topics.values()}
    for account_id, region, backend in _backends(kms_backends):
        aliases = {alias for key in backend.keys.values() for alias in key.aliases}
        table[account_id, region] |= {a for a in aliases if not a.startswith("alias/aws/")}
    return {place: names for place, names in table.items() if names}


def _backends(backends: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, Any]]:
    return [
        (account_id, region, backend)
        for account_id, regions in backends.items()
        for region, backend in regions.items()
    ]


@dataclass(frozen=True, slots=True)
class Role:
    """A role of an account: its trust policy, and its inline policies by name."""

    trust: Mapping[str, Any]
    policies: Mapping[str, Mapping[str, Any]]
    boundary: str | None = None


def role(aws: EmbeddedAws, account_id: str, name: str) -> Role:
    """A role of an account."""
    iam = aws.client("iam", HOME, account_id)
    found = iam.get_role(RoleName=name)["Role"]
    # moto's GetRolePolicy returns the policies of CloudFormation as the text of a Python
    # dictionary, so they are read from the backend.
    policies = iam_backends[account_id]["aws"].get_role(name).policies
    return Role(
        trust=_document(found["AssumeRolePolicyDocument"]),
        policies={policy: _document(text) for policy, text in policies.items()},
        boundary=found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
    )


def _document(stored: str | Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(stored if isinstance(stored, str) else json.dumps(stored))
    # moto keeps a statement that is AWS::NoValue as null; CloudFormation removes it.
    statements = [each for each in document["Statement"] if each is not None]
    return document | {"Statement": statements}


def topic(aws: EmbeddedAws, account_id: str, region: str, name: str) -> dict[str, Any]:
    """The attributes of a topic; `Policy` is the parsed policy document."""
    sns = aws.client("sns", region, account_id)
    arn = f"arn:aws:sns:{region}:{account_id}:{name}"
    attributes: dict[str, Any] = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    return attributes | {"Policy": _document(attributes["Policy"])}


def deploy(
    aws: EmbeddedAws, place: Place, template: Path, parameters: Mapping[str, str]
) -> dict[str, str]:
    """Deploy a template without a StackSet and return the stack's outputs."""
    account_id, region = place
    cloudformation = aws.client("cloudformation", region, account_id)
    cloudformation.create_stack(
        StackName=template.stem,
        TemplateBody=template.read_text(encoding="utf-8"),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    stack = cloudformation.describe_stacks(StackName=template.stem)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


class Organization:
    """An organization with the hub as management account; `accounts` are ids by name."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self._api = aws.client("organizations", HOME, HUB_ACCOUNT)
        self._api.create_organization(FeatureSet="ALL")
        self.root: str = self._api.list_roots()["Roots"][0]["Id"]
        self.accounts: dict[str, str] = {}

    def unit(self, name: str, parent: str | None = None) -> str:
        """Create an organizational unit below another one or below the root."""
        made = self._api.create_organizational_unit(ParentId=parent or self.root, Name=name)
        unit_id: str = made["OrganizationalUnit"]["Id"]
        return unit_id

    def account(self, name: str, unit: str) -> None:
        """Create an account in a unit."""
        made = self._api.create_account(AccountName=name, Email=f"{name}@example.com")
        self.accounts[name] = made["CreateAccountStatus"]["AccountId"]
        self._api.move_account(
            AccountId=self.accounts[name], SourceParentId=self.root, DestinationParentId=unit
        )
