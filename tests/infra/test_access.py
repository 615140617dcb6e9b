"""Requests of trusted and untrusted principals, evaluated against the deployed policies.

The evaluator in `iam.py` decides every row. Where ministack can decide a row too, with policies
enforced (`AUTH=true`), its decision must be the same. `UNDECIDED` explains the other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import pytest
from support.aws.deployed import (
    ALARMS,
    BUCKET,
    EXTERNAL,
    FRANKFURT,
    HUB,
    IN_ORGANIZATION,
    IRELAND,
    KEY,
    LISTED,
    MEMBER,
    NEW_ID,
    OLD_ID,
    PREFIX,
    TOKYO,
    VIRGINIA,
    Deployment,
    administrator,
    aws_service,
    bare,
    full,
    hub_arn,
    platform,
    policy_arn,
    role_arn,
    role_named,
    root_user,
    topic_arn,
    topic_key,
    without_permissions,
)
from support.aws.emulated_access import EmulatedAccess
from support.aws.iam import Caller, Decision, Request, Values, authorize
from support.aws.ministack import ministack

from services.aggregator.topics import publish_role
from services.lookup.sources import SESSION_POLICY

pytestmark = [pytest.mark.timeout(900)]

# --- callers

SERVICES: Mapping[str, str] = {
    "CloudFormation": "cloudformation",
    "CloudWatch": "cloudwatch",
    "CloudWatch Logs": f"logs.{VIRGINIA}",
    "EventBridge": "events",
    "EventBridge Scheduler": "scheduler",
    "Lambda": "lambda",
    "S3": "s3",
}


def _service(principal: str, _: Deployment) -> Caller:
    return aws_service(principal)


def _publisher(deployment: Deployment) -> Caller:
    role = publish_role("", NEW_ID, VIRGINIA, deployment.topic_name, "aws")
    return deployment.member_role("publish", MEMBER, role.policy)


CALLERS: Mapping[str, Callable[[Deployment], Caller]] = {
    "scheduler": lambda d: d.hub_role("scheduler"),
    "lookup": lambda d: d.hub_role("lookup"),
    "aggregator": lambda d: d.hub_role("aggregator"),
    "site publisher": lambda d: d.hub_role("publisher"),
    "schedule": lambda d: d.hub_role("schedule"),
    "stack sets": lambda d: d.hub_role("stackset-administration"),
    "reader": lambda d: d.person("read-only"),
    "operator": lambda d: d.person("operator"),
    "site reader": lambda d: d.person("site-reader"),
    "hub's administrator": lambda _: administrator(HUB),
    "hub's root": lambda _: root_user(HUB),
    "lookup without the path": lambda _: role_named(HUB, f"{PREFIX}-lookup"),
    "lookup with another path": lambda _: role_named(HUB, f"teams/{PREFIX}-lookup"),
    "stack sets without the path": lambda _: role_named(HUB, f"{PREFIX}-stackset-administration"),
    "publisher without the path": lambda _: role_named(MEMBER, f"{PREFIX}-publish"),
    "lookup outside the organisation": lambda d: replace(d.hub_role("lookup"), organization_id=""),
    "deployment": lambda d: d.member_role("stackset-execution"),
    "member's read role": lambda d: d.member_role("read", MEMBER, SESSION_POLICY),
    "hub's read role": lambda d: d.member_role("read", HUB, SESSION_POLICY),
    "publisher": _publisher,
    "publisher without a session policy": lambda d: d.member_role("publish", MEMBER),
    "compromised read role": lambda d: d.compromised_role("read"),
    "compromised publish role": lambda d: d.compromised_role("publish"),
    "member's administrator": lambda _: administrator(MEMBER),
    "member's root": lambda _: root_user(MEMBER),
    "member's role without permissions": lambda _: without_permissions(MEMBER),
    "organisation account": lambda _: administrator(IN_ORGANIZATION),
    "organisation account's role without permissions": lambda _: without_permissions(
        IN_ORGANIZATION
    ),
    "organisation account's lookup": lambda _: role_named(IN_ORGANIZATION, f"{PREFIX}-lookup"),
    "organisation account's publisher": lambda _: role_named(IN_ORGANIZATION, f"{PREFIX}-publish"),
    "listed account": lambda _: administrator(LISTED),
    "external account": lambda _: administrator(EXTERNAL),
    "external account's lookup": lambda _: role_named(EXTERNAL, f"{PREFIX}-lookup"),
    "external account's root": lambda _: root_user(EXTERNAL),
    "external account's publisher": lambda _: role_named(EXTERNAL, f"{PREFIX}-publish"),
    **{name: partial(_service, principal) for name, principal in SERVICES.items()},
}

# --- resources and requests

READ, PUBLISH = role_arn(MEMBER, f"{PREFIX}-read"), role_arn(MEMBER, f"{PREFIX}-publish")
ORDERS = f"arn:aws:sns:{IRELAND}:{MEMBER}:orders"
TOPIC, TOPIC_KEY = topic_arn(MEMBER, IRELAND), topic_key(MEMBER, IRELAND)
QUEUE, DEAD_LETTERS, SCHEDULE_DEAD_LETTERS = (
    hub_arn("sqs", f"{PREFIX}-{name}")
    for name in ("lookups", "lookups-dead-letters", "schedule-dead-letters")
)
TABLE, PAYROLL = (hub_arn("dynamodb", f"table/{name}") for name in (PREFIX, "payroll"))
PENDING = f"{TABLE}/index/pending"
SITE, OTHER_BUCKET = f"arn:aws:s3:::{BUCKET}", "arn:aws:s3:::payroll"
PAGE, FEED_FILE = f"{SITE}/index.html", f"{SITE}/feed/{MEMBER}/{IRELAND}/al2023.json"
INDEX, RECORD = f"{SITE}/feed/index.json", f"{SITE}/feed/.published.json"
PUBLIC_PARAMETER = f"arn:aws:ssm:{IRELAND}::parameter/aws/service/eks/optimized-ami/1.33/image_id"


SHOWN = ((PAGE, "the page"), (FEED_FILE, "a file of the feed"), (INDEX, "the index"))


def parameter(name: str, account_id: str = MEMBER, region: str = IRELAND) -> str:
    """The ARN of an account's own parameter."""
    return f"arn:aws:ssm:{region}:{account_id}:parameter{name}"


def function(name: str) -> str:
    """The ARN of one of the functions."""
    return hub_arn("lambda", f"function:{PREFIX}-{name}")


def log(name: str) -> str:
    """The ARN of a log stream of one of the functions."""
    return hub_arn("logs", f"log-group:/aws/lambda/{PREFIX}-{name}:log-stream:2026/11/22/[1]a")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request, the expected decision, and the reason for it."""

    name: str
    who: str
    action: str
    on: str
    allowed: bool
    why: str
    region: str
    context: Mapping[str, Values] = field(default_factory=dict)
    build: Callable[[], Deployment] = full

    def request(self, deployment: Deployment) -> Request:
        """The request, in a deployment."""
        aliases = deployment.aliases_of(self.on)
        known: dict[str, Values] = {"kms:ResourceAliases": aliases} if aliases else {}
        return Request(
            caller=CALLERS[self.who](deployment),
            action=self.action,
            resource=self.on,
            region=self.region,
            context={**known, **self.context},
        )

    def decision(self) -> Decision:
        """The decision of the evaluator."""
        deployment = self.build()
        return deployment.evaluate(self.request(deployment))


def allow(who: str, action: str, on: str, name: str, why: str, **more: Any) -> Row:  # noqa: ANN401 - the other fields of `Row`
    """A request that must be granted."""
    return _row(who, action, on, name=name, why=why, allowed=True, **more)


def deny(who: str, action: str, on: str, name: str, why: str, **more: Any) -> Row:  # noqa: ANN401 - as above
    """A request that must be refused."""
    return _row(who, action, on, name=name, why=why, allowed=False, **more)


def _row(who: str, action: str, on: str, **more: Any) -> Row:  # noqa: ANN401 - as above
    region = on.split(":")[3] if on != "*" else ""
    return Row(**{"who": who, "action": action, "on": on, "region": region or VIRGINIA, **more})


@cache
def first_in_first_out() -> Deployment:
    """The simplest deployment, with FIFO topics."""
    return replace(bare(), parameters={"Fifo": "true"})


def external_id(value: str) -> dict[str, Values]:
    """The condition key of a call with an external id."""
    return {"sts:ExternalId": value}


def source(account_id: str, arn: str) -> dict[str, Values]:
    """The condition keys of a service that acts on behalf of a resource in an account."""
    return {"aws:SourceAccount": account_id, "aws:SourceArn": arn}


def through(service: str, region: str) -> dict[str, Values]:
    """The condition key of a service that calls KMS on behalf of a principal."""
    return {"kms:ViaService": f"{service}.{region}.amazonaws.com"}


def bounded(arn: str) -> dict[str, Values]:
    """The condition key of an IAM request for a role with this permissions boundary."""
    return {"iam:PermissionsBoundary": arn}


def below(prefix: str) -> dict[str, Values]:
    """The condition key of a list of objects with a prefix."""
    return {"s3:prefix": prefix}


def by(protocol: str) -> dict[str, Values]:
    """The condition key of a subscription."""
    return {"sns:Protocol": protocol}


ASSUME = "sts:AssumeRole"
RIGHT, OLD, WRONG = external_id(NEW_ID), external_id(OLD_ID), external_id("guessed")
PLAIN: dict[str, Values] = {"aws:SecureTransport": "false"}
ROLES = {part: role_arn(HUB, f"{PREFIX}-{part}") for part in ("lookup", "schedule")}
ADMINISTRATION = role_arn(HUB, f"{PREFIX}-stackset-administration")
EXECUTION = role_arn(MEMBER, f"{PREFIX}-stackset-execution")
BOUNDARY, WIDE = (policy_arn(MEMBER, name) for name in (f"{PREFIX}-members-boundary", "wide"))
TEAM = policy_arn(MEMBER, "boundaries/team")
PLATFORM_READ, PLATFORM_PUBLISH = (
    role_arn(MEMBER, f"platform/{PREFIX}-{part}") for part in ("read", "publish")
)
BACKDOOR = f"arn:aws:iam::{MEMBER}:user/backdoor"
SECRET = f"arn:aws:secretsmanager:{IRELAND}:{MEMBER}:secret:database-a1b2c3"
OUR_SCHEDULES = source(HUB, hub_arn("scheduler", "schedule-group/default"))
OUR_STACK_SET = source(HUB, hub_arn("cloudformation", f"stackset/{PREFIX}-roles:1a2b"))
CALLED_BY_CLOUDFORMATION: dict[str, Values] = {"aws:CalledVia": ("cloudformation.amazonaws.com",)}
OUR_ALARM = source(HUB, hub_arn("cloudwatch", f"alarm:{PREFIX}-round-missing"))

# fmt: off
ASSUMING = (
    allow("lookup", ASSUME, READ, "lookup reads, new external id", "its job", context=RIGHT),
    allow("lookup", ASSUME, READ, "lookup reads, old external id", "in rotation", context=OLD),
    allow("lookup", ASSUME, role_arn(HUB, f"{PREFIX}-read"), "lookup reads in the hub itself",
          "the hub's account is watched too", context=RIGHT),
    allow("aggregator", ASSUME, PUBLISH, "aggregator publishes, new external id", "its job",
          context=RIGHT),
    allow("aggregator", ASSUME, PUBLISH, "aggregator publishes, old external id", "in rotation",
          context=OLD),
    deny("lookup", ASSUME, READ, "lookup reads, no external id", "the trust policy requires one"),
    deny("lookup", ASSUME, READ, "lookup reads, wrong external id",
         "the trust policy lists two other ids",
         context=WRONG),
    deny("lookup", ASSUME, READ, "lookup reads, old external id after the rotation",
         "rotation ends with the next deployment", context=OLD, build=bare),
    deny("aggregator", ASSUME, PUBLISH, "aggregator publishes, no external id",
         "the trust policy requires one"),
    deny("lookup", ASSUME, PUBLISH, "lookup publishes", "each function has its own role",
         context=RIGHT),
    deny("aggregator", ASSUME, READ, "aggregator reads", "each function has its own role",
         context=RIGHT),
    deny("scheduler", ASSUME, READ, "scheduler reads", "its policy allows no AssumeRole",
         context=RIGHT),
    deny("lookup", ASSUME, role_arn(MEMBER, "deploy"), "lookup assumes a role that trusts the hub",
         "its own policy names only the read roles", context=RIGHT),
    deny("lookup", ASSUME, role_arn(IN_ORGANIZATION, f"{PREFIX}-read"),
         "lookup reads in another account",
         "its own policy names the configured accounts", context=RIGHT),
    deny("hub's administrator", ASSUME, READ, "another role of the hub reads",
         "the trust policy names one role of the hub", context=RIGHT),
    deny("hub's root", ASSUME, READ, "the hub's root reads",
         "the trust policy names a role, not root", context=RIGHT),
    deny("lookup outside the organisation", ASSUME, READ,
         "lookup reads from outside the organisation",
         "the trust policy requires the organisation", context=RIGHT),
    deny("organisation account's lookup", ASSUME, READ,
         "a role of the same name in the organisation reads",
         "the trust policy names the hub's account", context=RIGHT),
    deny("external account's lookup", ASSUME, READ,
         "a role of the same name outside the organisation reads",
         "the trust policy names the hub's account", context=RIGHT),
    deny("external account", ASSUME, READ, "an external account reads with the right external id",
         "the external id by itself grants nothing", context=RIGHT),
    deny("external account's root", ASSUME, PUBLISH,
         "an external root publishes with the right external id",
         "the external id by itself grants nothing", context=RIGHT),
    deny("organisation account", ASSUME, READ, "an organisation account reads",
         "membership in the organisation is not enough",
         context=RIGHT),
    deny("member's administrator", ASSUME, PUBLISH, "an administrator assumes the publish role",
         "the trust policy names only the hub's aggregator", context=RIGHT),
    deny("Lambda", ASSUME, READ, "Lambda assumes the read role", "the roles trust no service",
         context=RIGHT),
    deny("member's read role", ASSUME, PUBLISH, "the read role assumes the publish role",
         "it may assume no role", context=RIGHT),
)

ASSUMING_HUB_ROLES = (
    allow("Lambda", ASSUME, ROLES["lookup"], "Lambda assumes the lookup's role",
          "it runs the function"),
    allow("Lambda", ASSUME, ROLES["lookup"], "Lambda assumes the lookup's role for this account",
          "the function is in this account", context=source(HUB, function("lookup"))),
    deny("Lambda", ASSUME, ROLES["lookup"], "Lambda assumes the lookup's role for another account",
         "confused deputy: another source account", context=source(
             EXTERNAL, f"arn:aws:lambda:{VIRGINIA}:{EXTERNAL}:function:lookup")),
    deny("hub's administrator", ASSUME, ROLES["lookup"],
         "an administrator assumes the lookup's role",
         "it trusts only Lambda"),
    deny("EventBridge Scheduler", ASSUME, ROLES["lookup"], "a schedule assumes the lookup's role",
         "it trusts only Lambda", context=OUR_SCHEDULES),
    allow("EventBridge Scheduler", ASSUME, ROLES["schedule"], "our schedules assume their role",
          "they invoke the functions", context=OUR_SCHEDULES),
    deny("EventBridge Scheduler", ASSUME, ROLES["schedule"],
         "an external schedule assumes our role",
         "confused deputy: another source account", context=source(
             EXTERNAL, f"arn:aws:scheduler:{VIRGINIA}:{EXTERNAL}:schedule-group/default")),
    deny("EventBridge Scheduler", ASSUME, ROLES["schedule"],
         "a schedule of another group assumes our role",
         "the role is for one group",
         context=source(HUB, hub_arn("scheduler", "schedule-group/payroll"))),
    allow("CloudFormation", ASSUME, ADMINISTRATION, "our StackSets assume the administration role",
          "they deploy",
          context=OUR_STACK_SET),
    deny("CloudFormation", ASSUME, ADMINISTRATION,
         "an external StackSet assumes the administration role",
         "confused deputy: another source account", context=source(
             EXTERNAL, f"arn:aws:cloudformation:{VIRGINIA}:{EXTERNAL}:stackset/{PREFIX}-roles:1")),
    deny("CloudFormation", ASSUME, ADMINISTRATION,
         "another StackSet of the hub assumes the administration role",
         "the role is for our StackSets",
         context=source(HUB, hub_arn("cloudformation", "stackset/payroll:1a2b"))),
    allow("stack sets", ASSUME, EXECUTION, "our StackSets deploy to a member", "their job"),
    deny("stack sets", ASSUME, role_arn(MEMBER, "deploy"), "our StackSets assume another role",
         "their policy names the execution role"),
    deny("hub's administrator", ASSUME, EXECUTION, "another role of the hub deploys",
         "the execution role trusts only the administration role"),
    deny("external account", ASSUME, EXECUTION, "an external account deploys",
         "the execution role trusts only the administration role"),
)

DEPLOYING = (
    allow("deployment", "iam:CreateRole", READ, "StackSets create the read role", "their job",
          context=bounded(BOUNDARY)),
    deny("deployment", "iam:CreateRole", role_arn(MEMBER, "root-like"),
         "StackSets create another role",
         "its policy names two roles", context=bounded(BOUNDARY)),
    allow("deployment", "sns:CreateTopic", TOPIC, "StackSets create the topic", "their job"),
    deny("deployment", "sns:DeleteTopic", ORDERS, "StackSets delete another topic",
         "its policy names one topic"),
    deny("deployment", "sns:Publish", TOPIC, "StackSets publish",
         "only the publish role may publish"),
    allow("deployment", "kms:PutKeyPolicy", TOPIC_KEY, "StackSets manage the topic's key",
          "their job", context=CALLED_BY_CLOUDFORMATION),
    deny("deployment", "kms:PutKeyPolicy", TOPIC_KEY, "the execution role manages the key directly",
         "only calls through CloudFormation are allowed"),
    deny("deployment", "kms:Decrypt", TOPIC_KEY, "StackSets decrypt", "they only manage keys",
         context=CALLED_BY_CLOUDFORMATION),
)

# What a principal that may change the StackSet can do through the execution role.
ESCALATING = (
    deny("deployment", "iam:CreateRole", READ, "a role is created without the boundary",
         "its policy could then allow everything"),
    deny("deployment", "iam:CreateRole", READ, "a role is created with a wider boundary",
         "its policy requires our boundary", context=bounded(WIDE)),
    deny("deployment", "iam:CreateRole", READ,
         "a role is created with an AWS managed policy as boundary",
         "its policy requires our boundary",
         context=bounded("arn:aws:iam::aws:policy/AdministratorAccess")),
    deny("deployment", "iam:CreateRole", READ,
         "a role is created with a boundary of the same name in another path",
         "it is another policy",
         context=bounded(policy_arn(MEMBER, f"wide/{PREFIX}-members-boundary"))),
    allow("deployment", "iam:PutRolePolicy", READ, "a role with the boundary gets a policy",
          "the boundary limits it", context=bounded(BOUNDARY)),
    deny("deployment", "iam:PutRolePolicy", READ, "a role without a boundary gets a policy",
         "it could allow everything"),
    deny("deployment", "iam:PutRolePolicy", PUBLISH, "a role with a wider boundary gets a policy",
         "it could allow more", context=bounded(WIDE)),
    deny("deployment", "iam:AttachRolePolicy", READ,
         "a role with the boundary gets an AWS managed policy",
         "the roles have only inline policies", context=bounded(BOUNDARY)),
    allow("deployment", "iam:PutRolePermissionsBoundary", READ, "a role gets the boundary",
          "CloudFormation does so when the template changes", context=bounded(BOUNDARY)),
    deny("deployment", "iam:PutRolePermissionsBoundary", READ, "a role gets a wider boundary",
         "its policy requires our boundary", context=bounded(WIDE)),
    deny("deployment", "iam:DeleteRolePermissionsBoundary", READ, "a role loses its boundary",
         "a role keeps its boundary", context=bounded(BOUNDARY)),
    deny("deployment", "iam:CreatePolicyVersion", BOUNDARY, "the boundary gets a new version",
         "its policy names no policy"),
    deny("deployment", "iam:SetDefaultPolicyVersion", BOUNDARY, "the boundary gets an old version",
         "its policy names no policy"),
    deny("deployment", "iam:DeletePolicy", BOUNDARY, "the boundary is deleted",
         "its policy names no policy"),
    deny("deployment", "iam:CreatePolicy", WIDE, "another boundary is created",
         "its policy names no policy"),
    deny("deployment", "iam:PutRolePolicy", EXECUTION,
         "the execution role gives itself permissions",
         "its policy does not name the role itself", context=bounded(BOUNDARY)),
    deny("deployment", "iam:AttachRolePolicy", EXECUTION,
         "the execution role gets an AWS managed policy",
         "its policy does not name the role itself"),
    deny("deployment", "iam:UpdateAssumeRolePolicy", EXECUTION,
         "the execution role changes its trust policy",
         "its policy does not name the role itself"),
    deny("deployment", "iam:CreateUser", BACKDOOR, "a user is created",
         "it creates only roles and topics"),
    deny("deployment", "iam:PassRole", READ, "the read role is passed to a service",
         "no service uses it"),
    allow("deployment", "iam:UpdateAssumeRolePolicy", READ,
          "the read role trusts an external account",
          "the action has no condition key; the next rows show the consequence"),
    allow("compromised read role", "ec2:DescribeImages", "*",
          "the compromised read role describes images",
          "the boundary allows it", region=TOKYO),
    allow("compromised read role", "ssm:GetParameters", parameter("/golden/base"),
          "the compromised read role reads a configured parameter", "the boundary allows it"),
    deny("compromised read role", "ssm:GetParameters", parameter("/secrets/database"),
         "the compromised read role reads a secret parameter", "the boundary does not name it"),
    deny("compromised read role", "ssm:GetParameters", parameter("/golden/base", IN_ORGANIZATION),
         "the compromised read role reads a parameter of another account",
         "only parameters of the same account"),
    deny("compromised read role", "ssm:GetParameters", parameter("/golden/base"),
         "the compromised read role reads a parameter, none configured", "parameter_paths is empty",
         build=bare),
    allow("compromised read role", "ssm:GetParameters",
          parameter("/images/base", IN_ORGANIZATION),
          "the compromised read role reads a shared parameter", "the boundary names its ARN"),
    deny("compromised read role", "ssm:GetParameters",
         parameter("/secrets/database", IN_ORGANIZATION),
         "the compromised read role reads another shared parameter of the same account",
         "the boundary does not name it"),
    deny("compromised read role", "ssm:GetParameters", parameter("/images/base", LISTED),
         "the compromised read role reads a shared parameter of a third account",
         "the boundary names the account"),
    deny("compromised read role", "ssm:GetParameters",
         parameter("/images/base", IN_ORGANIZATION),
         "the compromised read role reads a shared parameter, none configured",
         "shared_parameter_arns is empty", build=bare),
    deny("compromised read role", "secretsmanager:GetSecretValue", SECRET,
         "the compromised read role reads a secret",
         "the boundary does not allow it"),
    deny("compromised read role", "iam:CreateUser", BACKDOOR,
         "the compromised read role creates a user",
         "the boundary does not allow it"),
    deny("compromised read role", "iam:DeleteRolePermissionsBoundary", READ,
         "the compromised read role removes the boundary", "the boundary does not allow it",
         context=bounded(BOUNDARY)),
    deny("compromised read role", "ec2:RunInstances", "*",
         "the compromised read role starts an instance",
         "the boundary does not allow it", region=IRELAND),
    deny("compromised read role", "sns:Publish", TOPIC, "the compromised read role publishes",
         "the topic accepts only the publish role"),
    allow("compromised publish role", "sns:Publish", TOPIC,
          "the compromised publish role publishes false events",
          "the boundary must allow the role to publish; the runbook describes this"),
    deny("compromised publish role", "sns:Publish", ORDERS,
         "the compromised publish role publishes to another topic",
         "the boundary names the topics"),
    deny("compromised publish role", "kms:Decrypt", f"arn:aws:kms:{IRELAND}:{MEMBER}:key/payroll",
         "the compromised publish role decrypts directly", "only through SNS"),
    deny("compromised publish role", "iam:CreateUser", BACKDOOR,
         "the compromised publish role creates a user", "the boundary does not allow it"),
)

# Roles with the path /platform/ and the organisation's boundary. A path is part of a role's ARN.
WITH_A_PATH = (
    allow("lookup", ASSUME, PLATFORM_READ, "lookup reads with a path", "its job", context=RIGHT,
          build=platform),
    deny("lookup", ASSUME, READ, "lookup reads without the path", "its policy names the path",
         context=RIGHT, build=platform),
    deny("lookup without the path", ASSUME, PLATFORM_READ,
         "a role of the same name without the path reads",
         "the trust policy names the path", context=RIGHT, build=platform),
    deny("lookup with another path", ASSUME, PLATFORM_READ,
         "a role of the same name with another path reads",
         "the trust policy names the path", context=RIGHT, build=platform),
    deny("lookup with another path", ASSUME, READ,
         "a role with a path reads where none is configured",
         "the trust policy names a role without a path", context=RIGHT, build=bare),
    allow("aggregator", ASSUME, PLATFORM_PUBLISH, "aggregator publishes with a path", "its job",
          context=RIGHT, build=platform),
    allow("publisher", "sns:Publish", TOPIC, "the publisher with a path publishes", "its job",
          build=platform),
    deny("publisher without the path", "sns:Publish", TOPIC,
         "a publisher of the same name without the path publishes",
         "the topic policy names the path",
         build=platform),
    allow("stack sets", ASSUME, EXECUTION, "StackSets with a path deploy to a member",
          "the execution role has no path", build=platform),
    deny("stack sets without the path", ASSUME, EXECUTION,
         "an administration role without the path deploys",
         "the execution role's trust policy names the path", build=platform),
    allow("Lambda", ASSUME, role_arn(HUB, f"platform/{PREFIX}-lookup"),
          "Lambda assumes the lookup's role with a path", "it runs the function", build=platform),
    allow("deployment", "iam:CreateRole", PLATFORM_READ, "a role is created with the path",
          "their job", context=bounded(TEAM), build=platform),
    deny("deployment", "iam:CreateRole", PLATFORM_READ,
         "a role is created without the organisation's boundary", "it replaces ours",
         context=bounded(BOUNDARY), build=platform),
    deny("deployment", "iam:CreateRole", READ, "a role is created without the path",
         "its policy names two roles", context=bounded(TEAM), build=platform),
)

LOOKING_UP = (
    allow("member's read role", "ec2:DescribeImages", "*", "images of a configured region",
          "its job",
          region=IRELAND),
    deny("member's read role", "ec2:DescribeImages", "*", "images of another region",
         "the region is not configured", region=TOKYO),
    deny("member's read role", "ec2:DescribeImages", "*", "images of another account's region",
         "each account has its own regions", region=VIRGINIA),
    allow("hub's read role", "ec2:DescribeImages", "*",
          "images of the hub's region with the hub's read role",
          "its job", region=VIRGINIA),
    deny("hub's read role", "ec2:DescribeImages", "*",
         "images of a member's region with the hub's read role",
         "each account has its own regions", region=FRANKFURT),
    deny("member's read role", "ssm:GetParameters", PUBLIC_PARAMETER.replace(IRELAND, VIRGINIA),
         "a public parameter of another account's region", "each account has its own regions"),
    allow("member's read role", "ssm:GetParameters", PUBLIC_PARAMETER, "a public parameter",
          "its job"),
    deny("member's read role", "ssm:GetParameters", PUBLIC_PARAMETER.replace(IRELAND, TOKYO),
         "a public parameter of another region", "the region is not configured"),
    allow("member's read role", "ssm:GetParameters", parameter("/golden/base"),
          "a configured parameter",
          "parameter_paths names it"),
    deny("member's read role", "ssm:GetParameters", parameter("/golden/base"),
         "a parameter, none configured", "parameter_paths is empty", build=bare),
    deny("member's read role", "ssm:GetParameters", parameter("/secrets/database"), "a secret",
         "parameter_paths does not name it"),
    deny("member's read role", "ssm:GetParameters",
         parameter("/aws/reference/secretsmanager/database"),
         "a secret through a Secrets Manager reference", "only /aws/service is public"),
    deny("member's read role", "ssm:GetParameters", parameter("/golden/base", IN_ORGANIZATION),
         "a parameter of another account", "only parameters of the same account"),
    allow("member's read role", "ssm:GetParameters", parameter("/images/base", IN_ORGANIZATION),
          "a shared parameter", "shared_parameter_arns names it"),
    deny("member's read role", "ssm:GetParameters",
         parameter("/secrets/database", IN_ORGANIZATION),
         "another shared parameter of the same account", "shared_parameter_arns does not name it"),
    deny("member's read role", "ssm:GetParameters", parameter("/images/base", LISTED),
         "a shared parameter of a third account", "shared_parameter_arns names the account"),
    deny("member's read role", "ssm:GetParameters",
         parameter("/images/base", IN_ORGANIZATION, FRANKFURT),
         "a shared parameter in another region", "shared_parameter_arns names the region"),
    deny("member's read role", "ssm:GetParameters", parameter("/images/base"),
         "a parameter of the member with the name of a shared one",
         "shared_parameter_arns names the account"),
    deny("member's read role", "ssm:GetParameters", parameter("/images/base", IN_ORGANIZATION),
         "a shared parameter, none configured", "shared_parameter_arns is empty", build=bare),
    deny("member's read role", "kms:Decrypt", f"arn:aws:kms:{IRELAND}:{MEMBER}:key/payroll",
         "decrypting a parameter", "image ids are not encrypted"),
    deny("member's read role", "ssm:GetParametersByPath", parameter("/golden/base"),
         "parameters by their path", "the lookup does not call it"),
    deny("member's read role", "ssm:PutParameter", parameter("/golden/base"), "writing a parameter",
         "the role only reads"),
    deny("member's read role", "ec2:RunInstances", "*", "starting an instance",
         "the role only reads",
         region=IRELAND),
    deny("member's read role", "ec2:DescribeInstances", "*", "listing instances",
         "the role only describes images", region=IRELAND),
    deny("lookup", "ec2:DescribeImages", "*", "images without the read role",
         "the function's own role has no EC2 permissions", region=IRELAND),
)

PUBLISHING_TO_A_TOPIC = (
    allow("publisher", "sns:Publish", TOPIC, "the publisher publishes", "its job"),
    allow("publisher", "sns:Publish", topic_arn(MEMBER, FRANKFURT),
          "the publisher publishes in another configured region",
          "its job"),
    deny("publisher", "sns:Publish", topic_arn(MEMBER, TOKYO),
         "the publisher publishes in another region",
         "the region is not configured"),
    deny("publisher", "sns:Publish", topic_arn(MEMBER, VIRGINIA),
         "the publisher publishes in another account's region",
         "each account has its own regions"),
    deny("publisher", "sns:Publish", TOPIC, "the publisher publishes without TLS",
         "the topic policy denies it",
         context=PLAIN),
    allow("publisher", "sns:Publish", f"{TOPIC}.fifo", "the publisher publishes to a FIFO topic",
          "fifo_topics",
          build=first_in_first_out),
    deny("publisher", "sns:Publish", TOPIC,
         "the publisher publishes to a standard topic instead of the FIFO topic",
         "its policy names only the FIFO topic", build=first_in_first_out),
    deny("publisher", "sns:Publish", ORDERS, "the publisher publishes to another topic",
         "its policy names one topic"),
    deny("publisher without a session policy", "sns:Publish", ORDERS,
         "publish to another topic without a session policy",
         "the role's own policy names one topic"),
    deny("publisher", "sns:Publish", topic_arn(HUB, IRELAND),
         "the publisher publishes to another account's topic",
         "each account has its own publish role"),
    deny("publisher", "sns:SetTopicAttributes", TOPIC, "the publisher changes the topic policy",
         "its policy allows only Publish"),
    deny("aggregator", "sns:Publish", TOPIC, "the aggregator publishes without the publish role",
         "it is a role of another account"),
    deny("member's read role", "sns:Publish", TOPIC, "the read role publishes",
         "only the publish role may publish"),
    deny("member's administrator", "sns:Publish", TOPIC, "the member's administrator publishes",
         "an explicit deny applies to administrators"),
    deny("member's root", "sns:Publish", TOPIC, "the member's root publishes",
         "an explicit deny applies to root"),
    deny("hub's administrator", "sns:Publish", TOPIC, "the hub's administrator publishes",
         "only the member's publish role may publish"),
    deny("organisation account's publisher", "sns:Publish", TOPIC,
         "a role of the same name in the organisation publishes",
         "it is a role of another account"),
    deny("external account's publisher", "sns:Publish", TOPIC,
         "a role of the same name outside the organisation publishes",
         "it is a role of another account"),
    deny("CloudWatch", "sns:Publish", TOPIC, "CloudWatch publishes",
         "the topic policy allows no service",
         context=source(MEMBER, f"arn:aws:cloudwatch:{IRELAND}:{MEMBER}:alarm:any")),
    deny("EventBridge", "sns:Publish", TOPIC, "EventBridge publishes",
         "the topic policy allows no service"),
    deny("S3", "sns:Publish", TOPIC, "S3 publishes", "the topic policy allows no service"),
)

USING_A_TOPICS_KEY = (
    allow("publisher", "kms:GenerateDataKey", TOPIC_KEY, "the publisher encrypts through SNS",
          "publishing needs it", context=through("sns", IRELAND)),
    allow("publisher", "kms:Decrypt", TOPIC_KEY, "the publisher decrypts a data key through SNS",
          "publishing needs it", context=through("sns", IRELAND)),
    deny("publisher", "kms:Decrypt", TOPIC_KEY, "the publisher decrypts directly",
         "only through SNS"),
    deny("publisher", "kms:Decrypt", TOPIC_KEY, "the publisher decrypts through SQS",
         "only through SNS", context=through("sqs", IRELAND)),
    deny("publisher", "kms:Decrypt", f"arn:aws:kms:{IRELAND}:{MEMBER}:key/payroll",
         "the publisher decrypts with another key through SNS", "the key has another alias",
         context={**through("sns", IRELAND), "kms:ResourceAliases": ("alias/payroll",)}),
    deny("publisher", "kms:Decrypt", f"arn:aws:kms:{IRELAND}:{MEMBER}:key/payroll",
         "the publisher decrypts directly with another key of that alias", "only through SNS",
         context={"kms:ResourceAliases": (f"alias/{PREFIX}-releases",)}),
    deny("publisher", "kms:Decrypt", f"arn:aws:kms:{IRELAND}:{MEMBER}:key/payroll",
         "the publisher decrypts where topics have no keys", "no key has the alias", build=bare,
         context={**through("sns", IRELAND), "kms:ResourceAliases": ("alias/payroll",)}),
    deny("member's administrator", "kms:Decrypt", TOPIC_KEY,
         "an administrator decrypts through SNS",
         "the key policy allows only the publish role", context=through("sns", IRELAND)),
    deny("member's administrator", "kms:Decrypt", TOPIC_KEY, "an administrator decrypts directly",
         "administrators manage the key and do not use it"),
    deny("member's root", "kms:Decrypt", TOPIC_KEY, "the member's root decrypts",
         "the key policy allows root only to manage the key"),
    allow("member's administrator", "kms:PutKeyPolicy", TOPIC_KEY,
          "an administrator manages the key",
          "a key without an administrator cannot be managed again"),
    deny("member's read role", "kms:Decrypt", TOPIC_KEY, "the read role decrypts through SNS",
         "the key policy allows only the publish role", context=through("sns", IRELAND)),
    deny("external account", "kms:Decrypt", TOPIC_KEY, "an external account decrypts through SNS",
         "the key policy allows only the publish role", context=through("sns", IRELAND)),
)

SUBSCRIBING = (
    allow("organisation account", "sns:Subscribe", TOPIC, "the organisation subscribes a queue",
          "accounts of the organisation may subscribe", context=by("sqs")),
    allow("organisation account", "sns:Subscribe", TOPIC,
          "the organisation subscribes an email address",
          "accounts of the organisation may subscribe", context=by("email")),
    deny("organisation account", "sns:Subscribe", TOPIC,
         "the organisation subscribes a phone number",
         "the topic's account would pay", context=by("sms")),
    deny("organisation account", "sns:Subscribe", TOPIC, "the organisation subscribes plain HTTP",
         "announcements need encryption in transit", context=by("http")),
    deny("organisation account", "sns:Subscribe", TOPIC, "the organisation subscribes without TLS",
         "the topic policy denies it", context={**by("sqs"), **PLAIN}),
    deny("organisation account's role without permissions", "sns:Subscribe", TOPIC,
         "a role without permissions in the organisation subscribes",
         "the identity policy must allow it too", context=by("sqs")),
    allow("organisation account", "sns:GetTopicAttributes", TOPIC,
          "the organisation reads the topic",
          "CloudFormation calls it when it subscribes"),
    deny("organisation account", "sns:ListSubscriptionsByTopic", TOPIC,
         "the organisation lists subscribers",
         "the list shows their addresses"),
    deny("organisation account", "sns:SetTopicAttributes", TOPIC,
         "the organisation changes the topic policy",
         "only the topic's account may"),
    allow("listed account", "sns:Subscribe", TOPIC, "a listed account subscribes", "it is listed",
          context=by("sqs")),
    deny("external account", "sns:Subscribe", TOPIC, "an external account subscribes",
         "it is neither in the organisation nor listed", context=by("sqs")),
    deny("external account's root", "sns:Subscribe", TOPIC, "an external root subscribes",
         "it is neither in the organisation nor listed", context=by("sqs")),
    allow("member's administrator", "sns:Subscribe", TOPIC, "the topic's account subscribes",
          "it owns the topic", context=by("sqs")),
    deny("member's role without permissions", "sns:Subscribe", TOPIC,
         "a role without permissions in the topic's account subscribes",
         "the identity policy must allow it", context=by("sqs")),
    deny("member's role without permissions", "sns:Subscribe", TOPIC,
         "a role without permissions subscribes, no organisation",
         "the identity policy must allow it", context=by("sqs"), build=bare),
    allow("member's administrator", "sns:Subscribe", TOPIC,
          "the topic's account subscribes, no organisation",
          "it owns the topic", context=by("sqs"), build=bare),
    deny("organisation account", "sns:Subscribe", TOPIC,
         "another account subscribes, no organisation",
         "the topic policy names no other account", context=by("sqs"), build=bare),
)

ALARMING = (
    allow("CloudWatch", "sns:Publish", ALARMS, "our alarms publish", "their job",
          context=OUR_ALARM),
    deny("CloudWatch", "sns:Publish", ALARMS, "an external alarm publishes",
         "confused deputy: another source account", context=source(
             EXTERNAL, f"arn:aws:cloudwatch:{VIRGINIA}:{EXTERNAL}:alarm:noise")),
    deny("EventBridge", "sns:Publish", ALARMS, "another service publishes",
         "only CloudWatch may publish",
         context=source(HUB, hub_arn("events", "rule/noise"))),
    deny("external account", "sns:Publish", ALARMS, "an external account publishes alarms",
         "the topic policy does not name it"),
    deny("hub's administrator", "sns:Publish", ALARMS, "an administrator publishes without TLS",
         "the topic policy denies it", context=PLAIN),
    allow("hub's administrator", "sns:Subscribe", ALARMS, "an operator subscribes to alarms",
          "the hub owns the topic", context=by("email")),
    deny("organisation account", "sns:Subscribe", ALARMS,
         "an organisation account subscribes to alarms",
         "only the hub may subscribe", context=by("email")),
    allow("CloudWatch", "kms:GenerateDataKey", KEY, "our alarms encrypt",
          "alarms cannot publish to an encrypted topic without it",
          context={**OUR_ALARM, "kms:EncryptionContext:aws:sns:topicArn": ALARMS}),
    deny("CloudWatch", "kms:GenerateDataKey", KEY, "an external alarm encrypts",
         "confused deputy: another source account", context={
             "aws:SourceAccount": EXTERNAL, "kms:EncryptionContext:aws:sns:topicArn": ALARMS}),
    deny("CloudWatch", "kms:Decrypt", KEY, "CloudWatch decrypts for another topic",
         "the key policy names one topic",
         context={**OUR_ALARM, "kms:EncryptionContext:aws:sns:topicArn": hub_arn("sns", "orders")}),
    deny("S3", "kms:Decrypt", KEY, "another service decrypts", "the key policy names two services"),
)

USING_THE_HUBS_KEY = (
    allow("CloudWatch Logs", "kms:Encrypt", KEY, "our logs are encrypted", "kms_key_arn is set",
          context={"kms:EncryptionContext:aws:logs:arn": hub_arn(
              "logs", f"log-group:/aws/lambda/{PREFIX}-lookup")}),
    deny("CloudWatch Logs", "kms:Encrypt", KEY, "other logs are encrypted",
         "the key policy names our log groups",
         context={"kms:EncryptionContext:aws:logs:arn": hub_arn("logs", "log-group:payroll")}),
    allow("lookup", "kms:Decrypt", KEY, "lookup decrypts messages through SQS", "its job",
          context=through("sqs", VIRGINIA)),
    deny("lookup", "kms:Decrypt", KEY, "lookup decrypts directly", "only through a service"),
    deny("lookup", "kms:GenerateDataKey", KEY, "lookup encrypts messages", "it sends no messages",
         context=through("sqs", VIRGINIA)),
    deny("external account", "kms:Decrypt", KEY, "an external account decrypts through SQS",
         "the key policy does not name it",
         context=through("sqs", VIRGINIA)),
)

WORKING = (
    allow("scheduler", "dynamodb:Query", TABLE, "scheduler reads rows", "its job"),
    allow("scheduler", "dynamodb:BatchGetItem", TABLE, "scheduler reads round rows", "its job"),
    deny("scheduler", "dynamodb:BatchGetItem", PAYROLL, "scheduler reads rows of another table",
         "its policy names one table"),
    allow("scheduler", "sqs:SendMessage", QUEUE, "scheduler requests lookups", "its job"),
    deny("scheduler", "dynamodb:Query", PAYROLL, "scheduler reads another table",
         "its policy names one table"),
    deny("scheduler", "dynamodb:DeleteItem", TABLE, "scheduler deletes a row",
         "no function deletes rows"),
    deny("scheduler", "sqs:SendMessage", DEAD_LETTERS, "scheduler sends to the dead-letter queue",
         "only the redrive policy moves messages there"),
    deny("scheduler", "sqs:ReceiveMessage", QUEUE, "scheduler receives requests",
         "it only sends them"),
    allow("lookup", "dynamodb:BatchGetItem", TABLE, "lookup reads rows", "its job"),
    allow("lookup", "sqs:ReceiveMessage", QUEUE, "lookup receives requests",
          "its event source mapping does"),
    deny("lookup", "sqs:ReceiveMessage", DEAD_LETTERS, "lookup receives dead letters",
         "only operators read them"),
    deny("lookup", "sqs:SendMessage", QUEUE, "lookup requests lookups", "only the scheduler does"),
    deny("lookup", "dynamodb:Scan", f"{TABLE}/index/pending", "lookup reads pending releases",
         "only the aggregator does"),
    deny("lookup", "dynamodb:DeleteTable", TABLE, "lookup deletes the table", "no function does"),
    allow("aggregator", "dynamodb:Scan", f"{TABLE}/index/pending", "aggregator sweeps", "its job"),
    allow("aggregator", "dynamodb:Query", f"{TABLE}/index/pending",
          "aggregator reads older pending releases", "they are announced first"),
    allow("aggregator", "dynamodb:Query", TABLE, "aggregator reads active images",
          "releases of a target without active images may be closed"),
    deny("aggregator", "dynamodb:Query", PAYROLL, "aggregator queries another table",
         "its policy names one table"),
    deny("aggregator", "dynamodb:Query", f"{TABLE}/index/derive",
         "aggregator queries another index", "it reads only the pending index"),
    deny("aggregator", "dynamodb:Scan", TABLE, "aggregator scans the table",
         "it scans only the pending index"),
    deny("aggregator", "dynamodb:DeleteItem", TABLE, "aggregator deletes a release",
         "it only marks releases"),
    deny("aggregator", "dynamodb:PutItem", TABLE, "aggregator commits a release",
         "it only marks releases"),
    allow("aggregator", "dynamodb:DescribeStream", f"{TABLE}/stream/2026-11-22T07:00:00.000",
          "aggregator reads the stream", "its event source mapping does"),
    deny("aggregator", "dynamodb:DescribeStream", f"{PAYROLL}/stream/2026-11-22T07:00:00.000",
         "aggregator reads another stream", "its policy names one table"),
    deny("aggregator", "sqs:ReceiveMessage", QUEUE, "aggregator receives requests",
         "its policy does not name the queue"),
    allow("lookup", "logs:PutLogEvents", log("lookup"), "lookup writes its log", "its job"),
    deny("lookup", "logs:PutLogEvents", log("aggregator"), "lookup writes another function's log",
         "its policy names its own log group"),
    allow("schedule", "lambda:InvokeFunction", function("scheduler"), "the schedule starts a round",
          "its job"),
    deny("schedule", "lambda:InvokeFunction", function("lookup"), "the schedule invokes the lookup",
         "only the queue invokes it"),
    deny("schedule", "sqs:SendMessage", QUEUE, "the schedule requests lookups",
         "its policy names only its own dead-letter queue"),
    deny("hub's administrator", "sqs:SendMessage", QUEUE, "an administrator sends without TLS",
         "the queue policy denies it", context=PLAIN),
    deny("organisation account", "sqs:SendMessage", QUEUE,
         "an organisation account requests lookups", "the queue policy does not name it"),
    deny("external account", "dynamodb:Query", TABLE, "an external account reads rows",
         "it is a table of another account"),
)
READING = (
    allow("reader", "dynamodb:Query", TABLE, "a reader reads rows",
          "status, history, rollout and coverage"),
    allow("reader", "dynamodb:GetItem", TABLE, "a reader reads the scheduler's note",
          "it lists the regions"),
    allow("reader", "dynamodb:BatchGetItem", TABLE, "a reader reads pending releases by their keys",
          "the index holds only keys"),
    deny("reader", "dynamodb:Query", PENDING, "a reader queries the index of pending releases",
         "pending scans it"),
    allow("reader", "dynamodb:Scan", PENDING, "a reader finds all pending releases",
          "a removed region can have some"),
    deny("reader", "dynamodb:Scan", TABLE, "a reader scans the table", "each read is for a region"),
    deny("reader", "dynamodb:Query", f"{TABLE}/index/derive", "a reader queries another index",
         "no command reads it"),
    deny("reader", "dynamodb:Query", PAYROLL, "a reader reads another table",
         "the policy names one table"),
    *(
        deny("reader", f"dynamodb:{action}", TABLE, f"a reader calls {action}",
             "the policy only reads")
        for action in ("PutItem", "UpdateItem", "DeleteItem", "DeleteTable")
    ),
    deny("reader", "lambda:InvokeFunction", function("aggregator"), "a reader replays a release",
         "only operators replay"),
    deny("reader", "lambda:InvokeFunction", function("scheduler"), "a reader starts a round",
         "only operators start rounds"),
    deny("reader", "sqs:ReceiveMessage", DEAD_LETTERS, "a reader receives dead letters",
         "receiving hides a message from others"),
    deny("reader", "sqs:PurgeQueue", DEAD_LETTERS, "a reader purges dead letters",
         "the policy only reads"),
    deny("reader", "sqs:StartMessageMoveTask", DEAD_LETTERS, "a reader moves dead letters",
         "the policy only reads"),
    deny("reader", ASSUME, READ, "a reader assumes the read role",
         "the trust policy names the lookup's role", context=RIGHT),
    deny("reader", "sns:Publish", TOPIC, "a reader publishes", "only the publish role may publish"),
    allow("reader", "kms:Decrypt", KEY, "a reader decrypts rows through DynamoDB",
          "the table has the key", context=through("dynamodb", VIRGINIA)),
    deny("reader", "kms:Decrypt", KEY, "a reader decrypts directly", "only through DynamoDB"),
    deny("reader", "kms:Decrypt", KEY, "a reader decrypts messages through SQS",
         "a reader receives no messages", context=through("sqs", VIRGINIA)),
    deny("reader", "kms:GenerateDataKey", KEY, "a reader encrypts rows", "the policy only reads",
         context=through("dynamodb", VIRGINIA)),
)

OPERATING = (
    allow("operator", "dynamodb:Query", TABLE, "an operator reads rows",
          "the policy includes read-only"),
    allow("operator", "dynamodb:Scan", PENDING, "an operator finds all pending releases",
          "the policy includes read-only"),
    allow("operator", "lambda:InvokeFunction", function("aggregator"),
          "an operator replays a release", "replay"),
    allow("operator", "lambda:InvokeFunction", function("scheduler"), "an operator starts a round",
          "after a repair, a round for some regions"),
    deny("operator", "lambda:InvokeFunction", function("lookup"), "an operator invokes the lookup",
         "only the queue invokes it"),
    deny("operator", "lambda:InvokeFunction", hub_arn("lambda", "function:payroll"),
         "an operator invokes another function", "the policy names two functions"),
    deny("operator", "lambda:UpdateFunctionCode", function("aggregator"),
         "an operator changes a function's code", "only the deployment does"),
    *(
        allow("operator", f"sqs:{action}", queue, f"an operator calls {action} on {name}",
              "redrive shows and purges them")
        for queue, name in (
            (DEAD_LETTERS, "the dead-letter queue of lookups"),
            (SCHEDULE_DEAD_LETTERS, "the dead-letter queue of the schedules"),
        )
        for action in ("GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "PurgeQueue")
    ),
    *(
        allow("operator", f"sqs:{action}", DEAD_LETTERS,
              f"an operator calls {action} for dead letters of lookups", "redrive moves them")
        for action in ("StartMessageMoveTask", "ListMessageMoveTasks", "CancelMessageMoveTask",
                       "DeleteMessage")
    ),
    deny("operator", "sqs:StartMessageMoveTask", SCHEDULE_DEAD_LETTERS,
         "an operator moves dead letters of the schedules",
         "SQS moves only dead letters of queues"),
    deny("operator", "sqs:DeleteMessage", SCHEDULE_DEAD_LETTERS,
         "an operator deletes single dead letters of the schedules", "they are purged"),
    allow("operator", "sqs:SendMessage", QUEUE, "an operator moves dead letters to the queue",
          "SQS sends them with the caller's permissions"),
    deny("operator", "sqs:SendMessage", DEAD_LETTERS, "an operator sends a dead letter",
         "only the redrive policy moves messages there"),
    deny("operator", "sqs:ReceiveMessage", QUEUE, "an operator receives requests",
         "only the lookup receives them"),
    deny("operator", "sqs:PurgeQueue", QUEUE, "an operator purges requests",
         "only dead letters are purged"),
    deny("operator", "sqs:PurgeQueue", hub_arn("sqs", "payroll"),
         "an operator purges another queue", "the policy names two queues"),
    deny("operator", "sqs:SetQueueAttributes", DEAD_LETTERS, "an operator changes a queue",
         "only the deployment does"),
    deny("operator", "sqs:ReceiveMessage", DEAD_LETTERS, "an operator receives without TLS",
         "the queue policy denies it", context=PLAIN),
    *(
        deny("operator", f"dynamodb:{action}", TABLE, f"an operator calls {action}",
             "only the functions write rows")
        for action in ("PutItem", "UpdateItem", "DeleteItem")
    ),
    deny("operator", "sns:Publish", TOPIC, "an operator publishes",
         "replay goes through the aggregator"),
    deny("operator", "sns:Publish", ALARMS, "an operator publishes an alarm",
         "the policy does not name the topic"),
    deny("operator", ASSUME, READ, "an operator assumes the read role with the external id",
         "the trust policy names the lookup's role", context=RIGHT),
    deny("operator", ASSUME, PUBLISH, "an operator assumes the publish role with the external id",
         "the trust policy names the aggregator's role", context=RIGHT),
    deny("operator", ASSUME, ROLES["lookup"], "an operator assumes the lookup's role",
         "it trusts only Lambda"),
    allow("operator", "kms:Decrypt", KEY, "an operator decrypts dead letters through SQS",
          "the queues have the key", context=through("sqs", VIRGINIA)),
    allow("operator", "kms:GenerateDataKey", KEY, "an operator encrypts moved messages through SQS",
          "the destination has the key", context=through("sqs", VIRGINIA)),
    allow("operator", "kms:Decrypt", KEY, "an operator decrypts rows through DynamoDB",
          "the policy includes read-only", context=through("dynamodb", VIRGINIA)),
    deny("operator", "kms:GenerateDataKey", KEY, "an operator encrypts rows",
         "the policy writes no rows", context=through("dynamodb", VIRGINIA)),
    deny("operator", "kms:Decrypt", KEY, "an operator decrypts directly",
         "only through a service"),
)

PUBLISHING_THE_SITE = (
    allow("site publisher", "dynamodb:Query", TABLE, "the site's publisher reads rows",
          "page and feed show them"),
    allow("site publisher", "dynamodb:GetItem", TABLE, "the site's publisher reads the note",
          "it lists the regions"),
    allow("site publisher", "dynamodb:BatchGetItem", TABLE, "the site's publisher reads releases",
          "they are read by their keys"),
    allow("site publisher", "dynamodb:Scan", PENDING, "the site's publisher reads pending releases",
          "the page shows them"),
    deny("site publisher", "dynamodb:Scan", TABLE, "the site's publisher scans the table",
         "each read is for a region"),
    deny("site publisher", "dynamodb:Query", PAYROLL, "the site's publisher reads another table",
         "its policy names one table"),
    *(
        deny("site publisher", f"dynamodb:{action}", TABLE, f"the site's publisher calls {action}",
             "it only reads the table")
        for action in ("PutItem", "UpdateItem", "DeleteItem")
    ),
    allow("site publisher", "s3:ListBucket", SITE, "the site's publisher lists the feed",
          "it writes only what has changed", context=below("feed/")),
    deny("site publisher", "s3:ListBucket", SITE, "the site's publisher lists the bucket",
         "only the feed's folder is its own"),
    deny("site publisher", "s3:ListBucket", SITE, "the site's publisher lists another folder",
         "only the feed's folder is its own", context=below("reports/")),
    deny("site publisher", "s3:ListBucket", OTHER_BUCKET,
         "the site's publisher lists another bucket",
         "its policy names one bucket", context=below("feed/")),
    *(
        allow("site publisher", "s3:PutObject", on, f"the site's publisher writes {name}",
              "its job")
        for on, name in (*SHOWN, (RECORD, "the record"))
    ),
    deny("site publisher", "s3:PutObject", f"{SITE}/about.html",
         "the site's publisher writes another object", "its policy names page and feed"),
    deny("site publisher", "s3:PutObject", f"{OTHER_BUCKET}/feed/index.json",
         "the site's publisher writes to another bucket", "its policy names one bucket"),
    allow("site publisher", "s3:DeleteObject", FEED_FILE,
          "the site's publisher deletes a file of the feed", "its pair is no longer tracked"),
    deny("site publisher", "s3:DeleteObject", PAGE, "the site's publisher deletes the page",
         "it only overwrites the page"),
    allow("site publisher", "s3:GetObject", RECORD, "the site's publisher reads its record",
          "it has what the last run wrote"),
    allow("site publisher", "s3:GetObject", INDEX, "the site's publisher reads the earlier index",
          "it has the entries of pairs that cannot be read"),
    deny("site publisher", "s3:GetObject", FEED_FILE,
         "the site's publisher reads a file of the feed", "it only writes them"),
    deny("site publisher", "s3:PutBucketPolicy", SITE, "the site's publisher changes the policy",
         "only the deployment does"),
    deny("site publisher", "s3:PutObject", INDEX, "the site's publisher writes without TLS",
         "the bucket policy denies it", context=PLAIN),
    deny("site publisher", "sns:Publish", TOPIC, "the site's publisher publishes an event",
         "the topic policy names the publish role"),
    deny("site publisher", ASSUME, PUBLISH, "the site's publisher assumes the publish role",
         "the trust policy names the aggregator's role", context=RIGHT),
    allow("site publisher", "kms:GenerateDataKey", KEY, "the site's publisher encrypts objects",
          "the bucket has the key", context=through("s3", VIRGINIA)),
    allow("site publisher", "kms:Decrypt", KEY, "the site's publisher decrypts its record",
          "the bucket has the key", context=through("s3", VIRGINIA)),
    deny("site publisher", "kms:Decrypt", KEY, "the site's publisher decrypts directly",
         "only through a service"),
    deny("site publisher", "kms:Decrypt", KEY, "the site's publisher decrypts messages",
         "it receives none", context=through("sqs", VIRGINIA)),
    allow("schedule", "lambda:InvokeFunction", function("publisher"),
          "the schedule publishes the site", "its job"),
)

READING_THE_SITE = (
    *(
        allow("site reader", "s3:GetObject", on, f"a reader of the site reads {name}",
              "its purpose")
        for on, name in SHOWN
    ),
    allow("site reader", "s3:ListBucket", SITE, "a reader of the site lists the feed",
          "a folder is copied by its list", context=below("feed/")),
    deny("site reader", "s3:ListBucket", OTHER_BUCKET, "a reader of the site lists another bucket",
         "the policy names one bucket", context=below("feed/")),
    deny("site reader", "s3:GetObject", f"{OTHER_BUCKET}/index.html",
         "a reader of the site reads another bucket", "the policy names one bucket"),
    deny("site reader", "s3:GetObject", PAGE, "a reader of the site reads without TLS",
         "the bucket policy denies it", context=PLAIN),
    *(
        deny("site reader", f"s3:{action}", PAGE, f"a reader of the site calls {action}",
             "the policy only reads")
        for action in ("PutObject", "DeleteObject")
    ),
    deny("site reader", "dynamodb:Query", TABLE, "a reader of the site reads rows",
         "that is the policy read-only"),
    allow("site reader", "kms:Decrypt", KEY, "a reader of the site decrypts objects through S3",
          "the bucket has the key", context=through("s3", VIRGINIA)),
    deny("site reader", "kms:Decrypt", KEY, "a reader of the site decrypts directly",
         "only through S3"),
    deny("reader", "s3:GetObject", PAGE, "a reader of the table reads the page",
         "that is the policy site-reader"),
    *(
        deny(function_, "s3:PutObject", INDEX, f"{function_} writes to the site",
             "only its publisher does")
        for function_ in ("scheduler", "lookup", "aggregator")
    ),
    deny("hub's administrator", "s3:GetObject", PAGE, "an administrator reads the page without TLS",
         "the bucket policy denies it", context=PLAIN),
    deny("organisation account", "s3:GetObject", PAGE, "an organisation account reads the page",
         "the bucket policy allows no account"),
    deny("member's administrator", "s3:GetObject", PAGE, "a member's administrator reads the page",
         "the bucket policy allows no account"),
    deny("external account", "s3:GetObject", PAGE, "an external account reads the page",
         "the bucket policy allows no account"),
    deny("external account", "s3:PutObject", INDEX, "an external account writes to the site",
         "the bucket policy allows no account"),
    deny("CloudWatch", "s3:GetObject", PAGE, "a service reads the page",
         "the bucket policy allows no service"),
)
# fmt: on

TABLE_OF_REQUESTS = (
    *ASSUMING,
    *ASSUMING_HUB_ROLES,
    *DEPLOYING,
    *ESCALATING,
    *WITH_A_PATH,
    *LOOKING_UP,
    *PUBLISHING_TO_A_TOPIC,
    *USING_A_TOPICS_KEY,
    *SUBSCRIBING,
    *ALARMING,
    *USING_THE_HUBS_KEY,
    *WORKING,
    *READING,
    *OPERATING,
    *PUBLISHING_THE_SITE,
    *READING_THE_SITE,
)


def by_name(row: Row) -> str:
    """The id of a row's tests."""
    return row.name.translate({ord(" "): "-", ord(","): None, ord("'"): None})


@pytest.mark.parametrize("row", TABLE_OF_REQUESTS, ids=by_name)
def test_policies_decide(row: Row) -> None:
    """Each request is allowed or denied as its row expects."""
    decision = row.decision()

    assert decision.allowed == row.allowed, f"{row.name}: {decision.reason}; expected: {row.why}"


# --- the decisions of ministack

UNDECIDED: Mapping[str, Callable[[Row], bool]] = {
    "ministack accepts no calls from an AWS service principal": lambda row: row.who in SERVICES,
    "ministack has no forward access sessions": (
        lambda row: not {"kms:ViaService", "aws:CalledVia"}.isdisjoint(row.context)
    ),
    "ministack is served only over TLS": lambda row: "aws:SecureTransport" in row.context,
    "ministack puts each account into an organisation of its own": (
        lambda row: (
            row.who.startswith("organisation account")
            or row.who in {"lookup outside the organisation", "member's role without permissions"}
        )
    ),
    "ministack does not evaluate iam:PermissionsBoundary and denies every CreateRole": (
        lambda row: "iam:PermissionsBoundary" in row.context
    ),
    "boundaries on ministack have a test of their own below": (
        lambda row: row.who.startswith("compromised")
    ),
    "iam:PassRole is a permission without an API call of its own": (
        lambda row: row.action == "iam:PassRole"
    ),
    "ministack evaluates GetParameters on all parameters together": (
        lambda row: row.action == "ssm:GetParameters"
    ),
    "ministack evaluates the query of an index with the ARN of the table": (
        lambda row: row.action == "dynamodb:Query" and "/index/" in row.on
    ),
    "ministack allows an account's root to use every key": (
        lambda row: row.who.endswith("root") and row.action.startswith("kms:")
    ),
    "ministack evaluates a log by its group and does not evaluate streams": (
        lambda row: row.action in {"logs:PutLogEvents", "dynamodb:DescribeStream"}
    ),
    "ministack resolves another account's table in the caller's account": (
        lambda row: row.who == "external account" and row.action.startswith("dynamodb:")
    ),
    "ministack has no message move tasks": lambda row: (
        row.action.endswith("MessageMoveTask") or row.action.endswith("MessageMoveTasks")
    ),
    "ministack enforces only the full deployment": lambda row: row.build is not full,
}
"""Why ministack cannot decide a row, and a function that selects these rows."""

DECIDED = [row for row in TABLE_OF_REQUESTS if not any(rule(row) for rule in UNDECIDED.values())]


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedAccess]:
    """The deployment on ministack."""
    with ministack(tmp_path_factory.mktemp("access") / "ministack", {}) as running:
        access = EmulatedAccess(running, full())
        callers = {row.who: CALLERS[row.who](access.deployment) for row in DECIDED}
        access.build(callers, {row.on for row in DECIDED})
        yield access


@pytest.mark.parametrize("row", DECIDED, ids=by_name)
def test_ministack_agrees(row: Row, emulated: EmulatedAccess) -> None:
    """An emulator that enforces the same policies makes the same decision."""
    assert emulated.allows(row.who, row.request(emulated.deployment)) == row.allowed


@pytest.mark.parametrize("limited", [True, False], ids=["with-boundary", "without"])
def test_boundary_limits_a_role_with_all_permissions(
    emulated: EmulatedAccess,
    limited: bool,  # noqa: FBT001 - a table
) -> None:
    """Ministack enforces the members' boundary; the same role without it can create users."""
    compromised = emulated.deployment.compromised_role("read")
    who = f"compromised-{'with' if limited else 'without'}-boundary"
    boundary = compromised.boundary if limited else None
    caller = replace(compromised, arn=role_arn(MEMBER, who), boundary=boundary)
    resources = {
        "iam:CreateUser": BACKDOOR,
        "ec2:DescribeImages": "*",
        "ec2:RunInstances": "*",
        "sns:DeleteTopic": ORDERS,
    }
    requests = [
        Request(caller=caller, action=action, resource=on, region=IRELAND)
        for action, on in resources.items()
    ]
    emulated.build({who: caller}, set(resources.values()))

    found = {each.action: emulated.allows(who, each) for each in requests}

    assert found == {action: not limited or action == "ec2:DescribeImages" for action in resources}
    assert found == {each.action: authorize(each).allowed for each in requests}


def test_table_of_requests_is_complete() -> None:
    """Row names are unique, both decisions occur often, and every reason in UNDECIDED is needed."""
    names = [row.name for row in TABLE_OF_REQUESTS]
    reasons = [[why for why, rule in UNDECIDED.items() if rule(row)] for row in TABLE_OF_REQUESTS]
    needed = {each[0] for each in reasons if len(each) == 1}

    assert len(set(names)) == len(names)
    assert len(names) >= 100
    assert sum(row.allowed for row in TABLE_OF_REQUESTS) >= 30
    assert len(DECIDED) >= 70
    assert needed == set(UNDECIDED)
