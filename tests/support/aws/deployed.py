"""The policies of a deployment and the principals whose requests they decide.

The hub's policies come from a Terraform plan. The members' policies come from the templates and
parameters that the same plan passes to the StackSets. No policy is copied into this module.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from services.embedded.tracker.resources import EXTERNAL_ID
from services.kernel.model import Target
from support.aws.iam import (
    ANY,
    Caller,
    Decision,
    Policy,
    Request,
    authorize,
    role_session,
    root,
    service,
)
from support.aws.template import Resource, Stack, parse, resolve
from support.aws.terraform import HUB_ACCOUNT, HUB_REGION, Plan, rendered

HUB, MEMBER = HUB_ACCOUNT, "222233334444"
IN_ORGANIZATION, LISTED, EXTERNAL = "333344445555", "444455556666", "666677778888"
ORGANIZATION, OTHER_ORGANIZATION = "o-ourcompany1", "o-elsewhere11"
NEW_ID, OLD_ID = EXTERNAL_ID, "previous-external-id"
VIRGINIA, IRELAND, FRANKFURT, TOKYO = "us-east-1", "eu-west-1", "eu-central-1", "ap-northeast-1"
TARGETS = (
    Target(HUB, VIRGINIA),
    Target(HUB, IRELAND),
    Target(MEMBER, IRELAND),
    Target(MEMBER, FRANKFURT),
)
PREFIX = "ami-tracker"
ALARMS = f"arn:aws:sns:{HUB_REGION}:{HUB}:{PREFIX}-alarms"
KEY = f"arn:aws:kms:{HUB_REGION}:{HUB}:key/0a0a0a0a-0000-4000-8000-000000000000"
"""The hub's customer key."""
BUCKET = f"{PREFIX}-site-{HUB}-{HUB_REGION}"
"""The bucket of the report page and the feed."""
SHARED = f"arn:aws:ssm:{IRELAND}:{IN_ORGANIZATION}:parameter/images/*"
"""Parameters of another account that the full deployment may read."""

_REGIONS = "regions:\n" + "".join(
    f'  - Name: {target.region}\n    AccountId: "{target.account_id}"\n' for target in TARGETS
)
_ORGANIZATIONS = {
    HUB: ORGANIZATION,
    MEMBER: ORGANIZATION,
    IN_ORGANIZATION: ORGANIZATION,
    EXTERNAL: OTHER_ORGANIZATION,
}


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="deployed-")  # deleted when the process ends


def _rendered(**variables: Any) -> Plan:  # noqa: ANN401 - the example's variables
    folder = Path(_folder().name)
    return rendered(folder, "basic", regions=_REGIONS, external_id=NEW_ID, **variables)


@cache
def bare() -> Deployment:
    """The simplest deployment with a site: no organisation, no keys, only public parameters."""
    return Deployment(_rendered(site={"enabled": True}))


@cache
def full() -> Deployment:
    """A deployment with everything: an organisation, customer keys, a site, two external ids."""
    plan = _rendered(
        previous_external_ids=[OLD_ID],
        organization_id=ORGANIZATION,
        subscriber_account_ids=[LISTED],
        parameter_paths=["/golden/*"],
        shared_parameter_arns=[SHARED],
        kms_key_arn=KEY,
        site={"enabled": True},
    )
    return Deployment(plan)


@cache
def platform() -> Deployment:
    """A deployment with an IAM path and the organisation's own permissions boundary."""
    return Deployment(_rendered(role_path="/platform/", permissions_boundary="boundaries/team"))


@cache
def key_policy() -> Policy:
    """The policy of the hub's customer key, as the module creates it for the organisation."""
    plan = rendered(
        Path(_folder().name),
        "organization",
        regions=_REGIONS,
        external_id=NEW_ID,
        organization_id=ORGANIZATION,
        organizational_unit_ids=["r-ab12"],
        customer_keys=True,
        alarm_emails=["operators@example.com"],
    )
    return plan.policy("aws_kms_key.this")


@dataclass(frozen=True)
class Deployment:
    """The roles, topics, queues and keys that a plan creates, in the hub and in the members.

    `parameters` overrides the parameters that the plan passes to the members' templates.
    """

    plan: Plan = field(repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)

    # --- sessions

    def hub_role(self, part: str) -> Caller:
        """A session of one of the hub's own roles, such as `lookup`."""
        found = self.plan.role_policies(f"{PREFIX}-{part}")
        (arn,) = (arn for arn in self._hub_roles if arn.endswith(f"/{PREFIX}-{part}"))
        return role_session(arn, *found, organization_id=ORGANIZATION)

    def member_role(
        self, part: str, account_id: str = MEMBER, session_policy: Policy | None = None
    ) -> Caller:
        """A session of the `read` or the `publish` role of a member account."""
        arn = self._member_arn(part, account_id)
        properties = self._members[arn].properties
        return role_session(
            arn,
            *(each["PolicyDocument"] for each in properties["Policies"]),
            organization_id=_ORGANIZATIONS[account_id],
            boundary=self.boundary_of(arn),
            session_policy=session_policy,
        )

    def compromised_role(self, part: str, account_id: str = MEMBER) -> Caller:
        """A session of a member's role with all permissions; the role keeps its boundary."""
        arn = self._member_arn(part, account_id)
        organization_id = _ORGANIZATIONS[account_id]
        boundary = self.boundary_of(arn)
        return role_session(arn, ANY, organization_id=organization_id, boundary=boundary)

    def person(self, policy: str) -> Caller:
        """A session of a role of the hub with one of the policies for people: `operator`."""
        return role_named(HUB, policy, self.people_policy(policy))

    def people_policy(self, policy: str) -> Policy:
        """The document of one of the policies for people."""
        return self.plan.policy(f"aws_iam_policy.{policy.replace('-', '_')}[0]")

    def boundary_of(self, arn: str) -> Policy | None:
        """The boundary of a member's role, as the execution role's template creates it.

        The organisation's own boundary is not in the template; it is treated as unlimited.
        """
        name = self._members[arn].properties.get("PermissionsBoundary")
        made = {
            policy_arn(arn.split(":")[4], each.properties["ManagedPolicyName"]): each.properties
            for each in self._execution(arn.split(":")[4]).values()
            if each.kind == "AWS::IAM::ManagedPolicy"
        }
        if name is None:
            return None
        return made[name]["PolicyDocument"] if made else ANY

    def _member_arn(self, part: str, account_id: str) -> str:
        (arn,) = (
            arn
            for arn in self._members
            if arn.split(":")[4] == account_id and arn.endswith(f"/{PREFIX}-{part}")
        )
        return arn

    # --- resources

    def evaluate(self, request: Request) -> Decision:
        """Whether the request is authorised; a role's trust policy applies only to AssumeRole.

        A bucket's ARN has no account: the bucket of the site is the hub's.
        """
        if bucket_of(request.resource) == BUCKET:
            request = replace(request, owner=HUB)
        assumes = request.action == "sts:AssumeRole"
        has_policy = ":iam:" not in request.resource or assumes
        return authorize(request, self.policy_of(request.resource) if has_policy else None)

    @property
    def topic_name(self) -> str:
        """The name of the topics, as the aggregator's settings have it."""
        (arn,) = self._topics[TARGETS[0]]["TopicPolicy"].properties["Topics"]
        return str(arn).rpartition(":")[2]

    def policy_of(self, arn: str) -> Policy | None:
        """The resource-based policy of a resource, None if it has none.

        Roles and keys outside of the deployment have the widest usual policy: they trust the hub's
        account, or delegate to the identity policies of their account. Other accounts share all of
        their parameters with hub and member, so only the policies of the deployment can deny them.
        """
        if ":role/" in arn:
            return self._trust.get(arn) or _trusting(HUB)
        if ":kms:" in arn:
            return self._keys.get(arn) or _delegating(arn.split(":")[4])
        if ":ssm:" in arn and arn.split(":")[4] not in {"", HUB, MEMBER}:
            return _shared(arn)
        return self._policies.get(arn.partition("/")[0] if bucket_of(arn) else arn)

    def aliases_of(self, arn: str) -> tuple[str, ...]:
        """The aliases of a topic's key."""
        return self._aliases.get(arn, ())

    @cached_property
    def _hub_roles(self) -> dict[str, str]:
        """The address of each role of the hub, by its ARN."""
        return {
            role_arn(HUB, f"{values['path']}{values['name']}".removeprefix("/")): address
            for address, values in self.plan.of_type("aws_iam_role").items()
        }

    @cached_property
    def _trust(self) -> dict[str, Policy]:
        hub = {
            arn: self.plan.policy(address, "assume_role_policy")
            for arn, address in self._hub_roles.items()
        }
        members = {
            arn: role.properties["AssumeRolePolicyDocument"] for arn, role in self._members.items()
        }
        return hub | members

    @cached_property
    def _members(self) -> dict[str, Resource]:
        """Every role that the StackSets create, and the execution role that they use."""
        found = {}
        for account_id in {target.account_id for target in TARGETS}:
            made = self._stack_set("roles", account_id, HUB_REGION) | self._execution(account_id)
            for role in made.values():
                if role.kind == "AWS::IAM::Role":
                    path = role.properties.get("Path", "/")
                    name = f"{path}{role.properties['RoleName']}".removeprefix("/")
                    found[role_arn(account_id, name)] = role
        return found

    @cached_property
    def _topics(self) -> dict[Target, dict[str, Resource]]:
        return {t: self._stack_set("topics", t.account_id, t.region) for t in TARGETS}

    @cached_property
    def _policies(self) -> dict[str, Policy]:
        """The policies of queues, topics and the bucket, by ARN."""
        found: dict[str, Policy] = {
            f"arn:aws:sqs:{HUB_REGION}:{HUB}:{values['name']}": self.plan.policy(address)
            for address, values in self.plan.of_type("aws_sqs_queue").items()
        }
        found |= {ALARMS: self.plan.policy("aws_sns_topic_policy.alarms[0]")}
        if self.plan.of_type("aws_s3_bucket_policy"):
            found |= {f"arn:aws:s3:::{BUCKET}": self.plan.policy("aws_s3_bucket_policy.site[0]")}
        for made in self._topics.values():
            properties = made["TopicPolicy"].properties
            found |= dict.fromkeys(properties["Topics"], properties["PolicyDocument"])
        return found

    @cached_property
    def _keys(self) -> dict[str, Policy]:
        found = {KEY: key_policy()}
        for target, made in self._topics.items():
            if key := made.get("Key"):
                found[topic_key(target.account_id, target.region)] = key.properties["KeyPolicy"]
        return found

    @cached_property
    def _aliases(self) -> dict[str, tuple[str, ...]]:
        return {
            topic_key(target.account_id, target.region): (alias.properties["AliasName"],)
            for target, made in self._topics.items()
            if (alias := made.get("KeyAlias"))
        }

    def _stack_set(self, part: str, account_id: str, region: str) -> dict[str, Resource]:
        for values in self.plan.of_type("aws_cloudformation_stack_set").values():
            if values["name"] == f"{PREFIX}-{part}":
                given = {**values["parameters"], **self._overrides(part, account_id)}
                given |= {name: v for name, v in self.parameters.items() if name in given}
                return resolve(parse(values["template_body"]), given, Stack(account_id, region))
        raise LookupError(part)

    def _overrides(self, part: str, account_id: str) -> dict[str, str]:
        """The parameter overrides of the account's stack instance."""
        for address, values in self.plan.of_type("aws_cloudformation_stack_set_instance").items():
            if f".{part}[" in address and values.get("account_id") == account_id:
                return dict(values.get("parameter_overrides") or {})
        return {}

    def _execution(self, account_id: str) -> dict[str, Resource]:
        """The execution role's resources; all accounts use the template of the hub's stack."""
        (values,) = self.plan.of_type("aws_cloudformation_stack").values()
        stack = Stack(account_id, HUB_REGION)
        return resolve(parse(values["template_body"]), values["parameters"], stack)


def _trusting(account_id: str) -> Policy:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _delegating(account_id: str) -> Policy:
    statement = {
        "Effect": "Allow",
        "Action": "kms:*",
        "Resource": "*",
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _shared(arn: str) -> Policy:
    """The policy of a parameter that is shared with the hub and the member through AWS RAM."""
    statement = {
        "Effect": "Allow",
        "Action": ["ssm:DescribeParameters", "ssm:GetParameter", "ssm:GetParameters"],
        "Resource": arn,
        "Principal": {"AWS": [f"arn:aws:iam::{account_id}:root" for account_id in (HUB, MEMBER)]},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


# --- names


def role_arn(account_id: str, name: str) -> str:
    """The ARN of a role."""
    return f"arn:aws:iam::{account_id}:role/{name}"


def policy_arn(account_id: str, name: str) -> str:
    """The ARN of a managed policy."""
    return f"arn:aws:iam::{account_id}:policy/{name}"


def topic_arn(account_id: str, region: str) -> str:
    """The ARN of a region's topic."""
    return f"arn:aws:sns:{region}:{account_id}:{PREFIX}-releases"


def topic_key(account_id: str, region: str) -> str:
    """The ARN of the key of a region's topic: its logical id is used as the key id."""
    return f"arn:aws:kms:{region}:{account_id}:key/Key"


def bucket_of(arn: str) -> str:
    """The bucket of the ARN of a bucket or an object; empty for another ARN."""
    resource = arn.removeprefix("arn:aws:s3:::")
    return "" if resource == arn else resource.partition("/")[0]


def hub_arn(service_name: str, resource: str) -> str:
    """The ARN of a resource in the hub."""
    return f"arn:aws:{service_name}:{HUB_REGION}:{HUB}:{resource}"


# --- callers


def administrator(account_id: str) -> Caller:
    """A role with all permissions in its account."""
    return role_named(account_id, "administrator")


def role_named(account_id: str, name: str, *identity: Policy) -> Caller:
    """A role of any name, with the given policies or all permissions."""
    organization_id = _ORGANIZATIONS.get(account_id, "")
    return role_session(
        role_arn(account_id, name), *(identity or (ANY,)), organization_id=organization_id
    )


def without_permissions(account_id: str) -> Caller:
    """A role whose identity policy allows nothing."""
    nothing = {"Version": "2012-10-17", "Statement": []}
    return role_named(account_id, "no-permissions", nothing)


def root_user(account_id: str) -> Caller:
    """The root user of an account."""
    return root(account_id, organization_id=_ORGANIZATIONS.get(account_id, ""))


def aws_service(name: str) -> Caller:
    """The principal of an AWS service."""
    return service(f"{name}.amazonaws.com")
