"""Who may do what: requests of friends and strangers, judged by the policies as deployed.

The explicit evaluator (`iam.py`) judges every row. Where ministack can judge one too, with policies
enforced (`AUTH=true`), its verdict must be the same; elsewhere the row says why it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import pytest
from deployed import (
    ALARMS,
    COLLEAGUE,
    FRANKFURT,
    HUB,
    IRELAND,
    KEY,
    LISTED,
    MEMBER,
    NEW_ID,
    OLD_ID,
    PREFIX,
    STRANGER,
    TOKYO,
    VIRGINIA,
    Deployment,
    administrator,
    aws,
    bare,
    full,
    hub_arn,
    named,
    owner,
    platform,
    policy_arn,
    powerless,
    role_arn,
    topic_arn,
    topic_key,
)
from emulated_access import EmulatedAccess
from iam import Caller, Request, Values, Verdict, authorize
from ministack import ministack

from services.aggregator.topics import publish_role
from services.lookup.sources import SESSION_POLICY

pytestmark = [pytest.mark.timeout(900)]

# --- who asks

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
    return aws(principal)


def _publisher(deployment: Deployment) -> Caller:
    role = publish_role("", NEW_ID, VIRGINIA, deployment.topic_name, "aws")
    return deployment.member_role("publish", MEMBER, role.policy)


CALLERS: Mapping[str, Callable[[Deployment], Caller]] = {
    "scheduler": lambda d: d.hub_role("scheduler"),
    "lookup": lambda d: d.hub_role("lookup"),
    "aggregator": lambda d: d.hub_role("aggregator"),
    "schedule": lambda d: d.hub_role("schedule"),
    "stack sets": lambda d: d.hub_role("stackset-administration"),
    "hub's administrator": lambda _: administrator(HUB),
    "hub's root": lambda _: owner(HUB),
    "lookup without the path": lambda _: named(HUB, f"{PREFIX}-lookup"),
    "lookup below another path": lambda _: named(HUB, f"teams/{PREFIX}-lookup"),
    "stack sets without the path": lambda _: named(HUB, f"{PREFIX}-stackset-administration"),
    "publisher without the path": lambda _: named(MEMBER, f"{PREFIX}-publish"),
    "lookup outside": lambda d: replace(d.hub_role("lookup"), organization_id=""),
    "deployment": lambda d: d.member_role("stackset-execution"),
    "lookup abroad": lambda d: d.member_role("read", MEMBER, SESSION_POLICY),
    "lookup at home": lambda d: d.member_role("read", HUB, SESSION_POLICY),
    "publisher": _publisher,
    "unnarrowed publisher": lambda d: d.member_role("publish", MEMBER),
    "taken read role": lambda d: d.taken_role("read"),
    "taken publish role": lambda d: d.taken_role("publish"),
    "member's administrator": lambda _: administrator(MEMBER),
    "member's root": lambda _: owner(MEMBER),
    "member's intern": lambda _: powerless(MEMBER),
    "colleague": lambda _: administrator(COLLEAGUE),
    "colleague's intern": lambda _: powerless(COLLEAGUE),
    "colleague's lookup": lambda _: named(COLLEAGUE, f"{PREFIX}-lookup"),
    "colleague's publisher": lambda _: named(COLLEAGUE, f"{PREFIX}-publish"),
    "listed account": lambda _: administrator(LISTED),
    "stranger": lambda _: administrator(STRANGER),
    "stranger's lookup": lambda _: named(STRANGER, f"{PREFIX}-lookup"),
    "stranger's root": lambda _: owner(STRANGER),
    "stranger's publisher": lambda _: named(STRANGER, f"{PREFIX}-publish"),
    **{name: partial(_service, principal) for name, principal in SERVICES.items()},
}

# --- what they ask for

READ, PUBLISH = role_arn(MEMBER, f"{PREFIX}-read"), role_arn(MEMBER, f"{PREFIX}-publish")
ORDERS = f"arn:aws:sns:{IRELAND}:{MEMBER}:orders"
TOPIC, TOPIC_KEY = topic_arn(MEMBER, IRELAND), topic_key(MEMBER, IRELAND)
QUEUE, DEAD_LETTERS = (hub_arn("sqs", f"{PREFIX}-lookups{end}") for end in ("", "-dead-letters"))
TABLE, PAYROLL = (hub_arn("dynamodb", f"table/{name}") for name in (PREFIX, "payroll"))
PUBLIC_PARAMETER = f"arn:aws:ssm:{IRELAND}::parameter/aws/service/eks/optimized-ami/1.33/image_id"


def parameter(name: str, account_id: str = MEMBER) -> str:
    """The ARN of an account's own parameter in Ireland."""
    return f"arn:aws:ssm:{IRELAND}:{account_id}:parameter{name}"


def function(name: str) -> str:
    """The ARN of one of the functions."""
    return hub_arn("lambda", f"function:{PREFIX}-{name}")


def log(name: str) -> str:
    """The ARN of a log stream of one of the functions."""
    return hub_arn("logs", f"log-group:/aws/lambda/{PREFIX}-{name}:log-stream:2026/11/22/[1]a")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request, what has to become of it, and why."""

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

    def verdict(self) -> Verdict:
        """What the evaluator says."""
        deployment = self.build()
        return deployment.judge(self.request(deployment))


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
    """What a call with an external id brings."""
    return {"sts:ExternalId": value}


def source(account_id: str, arn: str) -> dict[str, Values]:
    """What a service brings that acts for something in an account."""
    return {"aws:SourceAccount": account_id, "aws:SourceArn": arn}


def through(service: str, region: str) -> dict[str, Values]:
    """What a service brings that asks KMS in somebody's name."""
    return {"kms:ViaService": f"{service}.{region}.amazonaws.com"}


def bounded(arn: str) -> dict[str, Values]:
    """What IAM knows of a request for a role that has, or would get, a boundary."""
    return {"iam:PermissionsBoundary": arn}


def by(protocol: str) -> dict[str, Values]:
    """What a subscription brings."""
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
    deny("lookup", ASSUME, READ, "lookup reads, no external id", "the trust asks for one"),
    deny("lookup", ASSUME, READ, "lookup reads, wrong external id", "it is neither of the two",
         context=WRONG),
    deny("lookup", ASSUME, READ, "lookup reads, old external id once it has gone",
         "rotation ends with the next deployment", context=OLD, build=bare),
    deny("aggregator", ASSUME, PUBLISH, "aggregator publishes, no external id",
         "the trust asks for one"),
    deny("lookup", ASSUME, PUBLISH, "lookup publishes", "each function has its own role",
         context=RIGHT),
    deny("aggregator", ASSUME, READ, "aggregator reads", "each function has its own role",
         context=RIGHT),
    deny("scheduler", ASSUME, READ, "scheduler reads", "it has no business abroad", context=RIGHT),
    deny("lookup", ASSUME, role_arn(MEMBER, "deploy"), "lookup takes a role that trusts the hub",
         "its own policy names the read roles alone", context=RIGHT),
    deny("lookup", ASSUME, role_arn(COLLEAGUE, f"{PREFIX}-read"), "lookup reads in another account",
         "its own policy names the configured accounts", context=RIGHT),
    deny("hub's administrator", ASSUME, READ, "another role of the hub reads",
         "the trust names one role of the hub", context=RIGHT),
    deny("hub's root", ASSUME, READ, "the hub's root reads", "root is no role", context=RIGHT),
    deny("lookup outside", ASSUME, READ, "lookup reads from outside the organisation",
         "a hub that left the organisation is trusted no more", context=RIGHT),
    deny("colleague's lookup", ASSUME, READ, "a namesake in the organisation reads",
         "the trust names the hub's account", context=RIGHT),
    deny("stranger's lookup", ASSUME, READ, "a namesake outside reads",
         "the trust names the hub's account", context=RIGHT),
    deny("stranger", ASSUME, READ, "a stranger reads, external id guessed",
         "the id opens nothing by itself", context=RIGHT),
    deny("stranger's root", ASSUME, PUBLISH, "a stranger's root publishes, external id guessed",
         "the id opens nothing by itself", context=RIGHT),
    deny("colleague", ASSUME, READ, "a colleague reads", "the organisation is not enough",
         context=RIGHT),
    deny("member's administrator", ASSUME, PUBLISH, "an administrator takes the publish role",
         "nobody there borrows the publisher", context=RIGHT),
    deny("Lambda", ASSUME, READ, "Lambda reads by itself", "the roles trust no service",
         context=RIGHT),
    deny("lookup abroad", ASSUME, PUBLISH, "the read role goes on to the publish role",
         "it may assume nothing", context=RIGHT),
)

BECOMING = (
    allow("Lambda", ASSUME, ROLES["lookup"], "Lambda becomes the lookup", "it runs the function"),
    allow("Lambda", ASSUME, ROLES["lookup"], "Lambda becomes the lookup for this account",
          "its function is here", context=source(HUB, function("lookup"))),
    deny("Lambda", ASSUME, ROLES["lookup"], "Lambda becomes the lookup for another account",
         "the confused deputy", context=source(
             STRANGER, f"arn:aws:lambda:{VIRGINIA}:{STRANGER}:function:lookup")),
    deny("hub's administrator", ASSUME, ROLES["lookup"], "an administrator becomes the lookup",
         "it trusts Lambda alone"),
    deny("EventBridge Scheduler", ASSUME, ROLES["lookup"], "a schedule becomes the lookup",
         "it trusts Lambda alone", context=OUR_SCHEDULES),
    allow("EventBridge Scheduler", ASSUME, ROLES["schedule"], "our schedules take their role",
          "they invoke the functions", context=OUR_SCHEDULES),
    deny("EventBridge Scheduler", ASSUME, ROLES["schedule"], "a stranger's schedule takes our role",
         "the confused deputy", context=source(
             STRANGER, f"arn:aws:scheduler:{VIRGINIA}:{STRANGER}:schedule-group/default")),
    deny("EventBridge Scheduler", ASSUME, ROLES["schedule"], "another group's schedule takes it",
         "the role is for one group",
         context=source(HUB, hub_arn("scheduler", "schedule-group/payroll"))),
    allow("CloudFormation", ASSUME, ADMINISTRATION, "our StackSets administer", "they deploy",
          context=OUR_STACK_SET),
    deny("CloudFormation", ASSUME, ADMINISTRATION, "a stranger's StackSet administers",
         "the confused deputy", context=source(
             STRANGER, f"arn:aws:cloudformation:{VIRGINIA}:{STRANGER}:stackset/{PREFIX}-roles:1")),
    deny("CloudFormation", ASSUME, ADMINISTRATION, "another StackSet of the hub administers",
         "the role is for ours",
         context=source(HUB, hub_arn("cloudformation", "stackset/payroll:1a2b"))),
    allow("stack sets", ASSUME, EXECUTION, "our StackSets deploy to a member", "their job"),
    deny("stack sets", ASSUME, role_arn(MEMBER, "deploy"), "our StackSets take another role",
         "their policy names the execution role"),
    deny("hub's administrator", ASSUME, EXECUTION, "another role of the hub deploys",
         "the execution role trusts the StackSets' role alone"),
    deny("stranger", ASSUME, EXECUTION, "a stranger deploys", "likewise"),
)

DEPLOYING = (
    allow("deployment", "iam:CreateRole", READ, "StackSets make the read role", "their job",
          context=bounded(BOUNDARY)),
    deny("deployment", "iam:CreateRole", role_arn(MEMBER, "root-like"), "StackSets make any role",
         "two roles are theirs", context=bounded(BOUNDARY)),
    allow("deployment", "sns:CreateTopic", TOPIC, "StackSets make the topic", "their job"),
    deny("deployment", "sns:DeleteTopic", ORDERS, "StackSets delete another topic",
         "one topic is theirs"),
    deny("deployment", "sns:Publish", TOPIC, "StackSets publish", "one role publishes"),
    allow("deployment", "kms:PutKeyPolicy", TOPIC_KEY, "StackSets manage the topic's key",
          "their job", context=CALLED_BY_CLOUDFORMATION),
    deny("deployment", "kms:PutKeyPolicy", TOPIC_KEY, "StackSets' role manages it by itself",
         "only CloudFormation may, with that role"),
    deny("deployment", "kms:Decrypt", TOPIC_KEY, "StackSets decrypt", "they manage keys",
         context=CALLED_BY_CLOUDFORMATION),
)

# What anyone who may change the StackSet can have CloudFormation do with the execution role.
ESCALATING = (
    deny("deployment", "iam:CreateRole", READ, "a role is made without the boundary",
         "its policy could then allow everything"),
    deny("deployment", "iam:CreateRole", READ, "a role is made with a wider boundary",
         "one boundary is right", context=bounded(WIDE)),
    deny("deployment", "iam:CreateRole", READ, "a role is made with a boundary of AWS",
         "one boundary is right",
         context=bounded("arn:aws:iam::aws:policy/AdministratorAccess")),
    deny("deployment", "iam:CreateRole", READ, "a role is made with a namesake of the boundary",
         "it is another policy",
         context=bounded(policy_arn(MEMBER, f"wide/{PREFIX}-members-boundary"))),
    allow("deployment", "iam:PutRolePolicy", READ, "a bounded role gets a policy",
          "the boundary limits it", context=bounded(BOUNDARY)),
    deny("deployment", "iam:PutRolePolicy", READ, "a role without a boundary gets a policy",
         "it could allow everything"),
    deny("deployment", "iam:PutRolePolicy", PUBLISH, "a role with a wider boundary gets a policy",
         "it could allow more", context=bounded(WIDE)),
    deny("deployment", "iam:AttachRolePolicy", READ, "a bounded role gets AWS's own policy",
         "the roles have policies of their own alone", context=bounded(BOUNDARY)),
    allow("deployment", "iam:PutRolePermissionsBoundary", READ, "a role gets the boundary",
          "CloudFormation does so when the template changes", context=bounded(BOUNDARY)),
    deny("deployment", "iam:PutRolePermissionsBoundary", READ, "a role gets a wider boundary",
         "one boundary is right", context=bounded(WIDE)),
    deny("deployment", "iam:DeleteRolePermissionsBoundary", READ, "a role loses its boundary",
         "it has one as long as it exists", context=bounded(BOUNDARY)),
    deny("deployment", "iam:CreatePolicyVersion", BOUNDARY, "the boundary gets a new version",
         "it is not theirs"),
    deny("deployment", "iam:SetDefaultPolicyVersion", BOUNDARY, "the boundary gets an old version",
         "it is not theirs"),
    deny("deployment", "iam:DeletePolicy", BOUNDARY, "the boundary is deleted", "it is not theirs"),
    deny("deployment", "iam:CreatePolicy", WIDE, "another boundary is made",
         "no policy is theirs"),
    deny("deployment", "iam:PutRolePolicy", EXECUTION, "the execution role widens itself",
         "it is not theirs", context=bounded(BOUNDARY)),
    deny("deployment", "iam:AttachRolePolicy", EXECUTION, "the execution role gets AWS's policy",
         "it is not theirs"),
    deny("deployment", "iam:UpdateAssumeRolePolicy", EXECUTION, "the execution role trusts others",
         "it is not theirs"),
    deny("deployment", "iam:CreateUser", BACKDOOR, "a user is made", "it makes roles and topics"),
    deny("deployment", "iam:PassRole", READ, "the read role is passed to a service",
         "no service uses it"),
    allow("deployment", "iam:UpdateAssumeRolePolicy", READ, "the read role trusts a stranger",
          "IAM has no condition on it: what the stranger may then do follows"),
    allow("taken read role", "ec2:DescribeImages", "*", "the stranger looks at images",
          "the boundary allows it", region=TOKYO),
    allow("taken read role", "ssm:GetParameters", parameter("/golden/base"),
          "the stranger reads a configured parameter", "the boundary allows it"),
    deny("taken read role", "ssm:GetParameters", parameter("/secrets/database"),
         "the stranger reads a secret parameter", "the boundary does not name it"),
    deny("taken read role", "ssm:GetParameters", parameter("/golden/base", COLLEAGUE),
         "the stranger reads a parameter that a colleague shares", "only the account's own"),
    deny("taken read role", "ssm:GetParameters", parameter("/golden/base"),
         "the stranger reads it where none is configured", "parameter_paths is empty", build=bare),
    deny("taken read role", "secretsmanager:GetSecretValue", SECRET, "the stranger reads a secret",
         "the boundary does not allow it"),
    deny("taken read role", "iam:CreateUser", BACKDOOR, "the stranger makes a user",
         "the boundary does not allow it"),
    deny("taken read role", "iam:DeleteRolePermissionsBoundary", READ,
         "the stranger takes the boundary away", "the boundary does not allow it",
         context=bounded(BOUNDARY)),
    deny("taken read role", "ec2:RunInstances", "*", "the stranger starts an instance",
         "the boundary does not allow it", region=IRELAND),
    deny("taken read role", "sns:Publish", TOPIC, "the stranger publishes as the read role",
         "the topic takes one role"),
    allow("taken publish role", "sns:Publish", TOPIC, "the stranger publishes false events",
          "the boundary must let the role publish: the runbook says so"),
    deny("taken publish role", "sns:Publish", ORDERS, "the stranger publishes to another topic",
         "the boundary names the topics"),
    deny("taken publish role", "kms:Decrypt", f"arn:aws:kms:{IRELAND}:{MEMBER}:key/payroll",
         "the stranger decrypts directly", "only through SNS"),
    deny("taken publish role", "iam:CreateUser", BACKDOOR,
         "the stranger makes a user as the publish role", "the boundary does not allow it"),
)

# Roles below /platform/, with the organisation's own boundary. A role without the path is another.
BELOW_A_PATH = (
    allow("lookup", ASSUME, PLATFORM_READ, "lookup reads below the path", "its job", context=RIGHT,
          build=platform),
    deny("lookup", ASSUME, READ, "lookup reads without the path", "its policy names the path",
         context=RIGHT, build=platform),
    deny("lookup without the path", ASSUME, PLATFORM_READ, "a namesake without the path reads",
         "the trust names the path", context=RIGHT, build=platform),
    deny("lookup below another path", ASSUME, PLATFORM_READ, "a namesake below another path reads",
         "the trust names the path", context=RIGHT, build=platform),
    deny("lookup below another path", ASSUME, READ, "the same where there is no path",
         "the trust names a role without one", context=RIGHT, build=bare),
    allow("aggregator", ASSUME, PLATFORM_PUBLISH, "aggregator publishes below the path", "its job",
          context=RIGHT, build=platform),
    allow("publisher", "sns:Publish", TOPIC, "the publisher below the path publishes", "its job",
          build=platform),
    deny("publisher without the path", "sns:Publish", TOPIC,
         "a namesake of the publisher without the path publishes", "the topic names the path",
         build=platform),
    allow("stack sets", ASSUME, EXECUTION, "StackSets below the path deploy to a member",
          "the execution role has no path", build=platform),
    deny("stack sets without the path", ASSUME, EXECUTION, "a namesake without the path deploys",
         "the execution role names the path", build=platform),
    allow("Lambda", ASSUME, role_arn(HUB, f"platform/{PREFIX}-lookup"),
          "Lambda becomes the lookup below the path", "it runs the function", build=platform),
    allow("deployment", "iam:CreateRole", PLATFORM_READ, "a role is made below the path",
          "their job", context=bounded(TEAM), build=platform),
    deny("deployment", "iam:CreateRole", PLATFORM_READ,
         "a role is made without the organisation's boundary", "it replaces ours",
         context=bounded(BOUNDARY), build=platform),
    deny("deployment", "iam:CreateRole", READ, "a role is made without the path",
         "two roles are theirs", context=bounded(TEAM), build=platform),
)

LOOKING = (
    allow("lookup abroad", "ec2:DescribeImages", "*", "images of a configured region", "its job",
          region=IRELAND),
    deny("lookup abroad", "ec2:DescribeImages", "*", "images of another region",
         "only what is watched", region=TOKYO),
    deny("lookup abroad", "ec2:DescribeImages", "*", "images of another account's region",
         "each account has its own regions", region=VIRGINIA),
    allow("lookup at home", "ec2:DescribeImages", "*", "images of that region in its account",
          "its job", region=VIRGINIA),
    deny("lookup at home", "ec2:DescribeImages", "*", "images there of the other account's region",
         "each account has its own regions", region=FRANKFURT),
    deny("lookup abroad", "ssm:GetParameters", PUBLIC_PARAMETER.replace(IRELAND, VIRGINIA),
         "a public parameter of another account's region", "each account has its own regions"),
    allow("lookup abroad", "ssm:GetParameters", PUBLIC_PARAMETER, "a public parameter", "its job"),
    deny("lookup abroad", "ssm:GetParameters", PUBLIC_PARAMETER.replace(IRELAND, TOKYO),
         "a public parameter of another region", "only what is watched"),
    allow("lookup abroad", "ssm:GetParameters", parameter("/golden/base"), "a configured parameter",
          "parameter_paths names it"),
    deny("lookup abroad", "ssm:GetParameters", parameter("/golden/base"),
         "the same where none is configured", "parameter_paths is empty", build=bare),
    deny("lookup abroad", "ssm:GetParameters", parameter("/secrets/database"), "a secret",
         "parameter_paths does not name it"),
    deny("lookup abroad", "ssm:GetParameters", parameter("/aws/reference/secretsmanager/database"),
         "a secret by way of Secrets Manager", "only /aws/service is public"),
    deny("lookup abroad", "ssm:GetParameters", parameter("/golden/base", COLLEAGUE),
         "a parameter that a colleague shares", "only the account's own"),
    deny("lookup abroad", "ssm:GetParametersByPath", parameter("/golden/base"),
         "parameters by their path", "it is not called"),
    deny("lookup abroad", "ssm:PutParameter", parameter("/golden/base"), "writing a parameter",
         "it reads"),
    deny("lookup abroad", "ec2:RunInstances", "*", "starting an instance", "it looks",
         region=IRELAND),
    deny("lookup abroad", "ec2:DescribeInstances", "*", "listing instances",
         "images are all it looks at", region=IRELAND),
    deny("lookup", "ec2:DescribeImages", "*", "images without the read role",
         "the function has nothing abroad but the role", region=IRELAND),
)

PUBLISHING_TO_A_TOPIC = (
    allow("publisher", "sns:Publish", TOPIC, "the publisher publishes", "its job"),
    allow("publisher", "sns:Publish", topic_arn(MEMBER, FRANKFURT), "in every configured region",
          "its job"),
    deny("publisher", "sns:Publish", topic_arn(MEMBER, TOKYO), "in another region",
         "only what is watched"),
    deny("publisher", "sns:Publish", topic_arn(MEMBER, VIRGINIA), "in another account's region",
         "each account has its own regions"),
    deny("publisher", "sns:Publish", TOPIC, "the publisher without TLS", "the topic refuses it",
         context=PLAIN),
    allow("publisher", "sns:Publish", f"{TOPIC}.fifo", "to a FIFO topic", "fifo_topics",
          build=first_in_first_out),
    deny("publisher", "sns:Publish", TOPIC, "to a plain topic where they are FIFO topics",
         "one topic", build=first_in_first_out),
    deny("publisher", "sns:Publish", ORDERS, "to another topic",
         "its policy names one topic"),
    deny("unnarrowed publisher", "sns:Publish", ORDERS,
         "to another topic, without the session policy", "the role itself is no wider"),
    deny("publisher", "sns:Publish", topic_arn(HUB, IRELAND), "to another account's topic",
         "each account has its publisher"),
    deny("publisher", "sns:SetTopicAttributes", TOPIC, "the publisher opens the topic",
         "it publishes, no more"),
    deny("aggregator", "sns:Publish", TOPIC, "the aggregator without the publish role",
         "it is another account's role"),
    deny("lookup abroad", "sns:Publish", TOPIC, "the read role publishes",
         "one role publishes"),
    deny("member's administrator", "sns:Publish", TOPIC, "the member's administrator publishes",
         "an explicit deny binds administrators"),
    deny("member's root", "sns:Publish", TOPIC, "the member's root publishes",
         "an explicit deny binds root"),
    deny("hub's administrator", "sns:Publish", TOPIC, "the hub's administrator publishes",
         "one role of the member publishes"),
    deny("colleague's publisher", "sns:Publish", TOPIC, "a namesake in the organisation publishes",
         "it is another account's role"),
    deny("stranger's publisher", "sns:Publish", TOPIC, "a namesake outside publishes",
         "it is another account's role"),
    deny("CloudWatch", "sns:Publish", TOPIC, "CloudWatch publishes", "no service does",
         context=source(MEMBER, f"arn:aws:cloudwatch:{IRELAND}:{MEMBER}:alarm:any")),
    deny("EventBridge", "sns:Publish", TOPIC, "EventBridge publishes", "no service does"),
    deny("S3", "sns:Publish", TOPIC, "S3 publishes", "no service does"),
)

USING_A_TOPICS_KEY = (
    allow("publisher", "kms:GenerateDataKey", TOPIC_KEY, "the publisher encrypts through SNS",
          "publishing needs it", context=through("sns", IRELAND)),
    allow("publisher", "kms:Decrypt", TOPIC_KEY, "the publisher opens a data key through SNS",
          "publishing needs it", context=through("sns", IRELAND)),
    deny("publisher", "kms:Decrypt", TOPIC_KEY, "the publisher decrypts directly",
         "only through SNS"),
    deny("publisher", "kms:Decrypt", TOPIC_KEY, "the publisher decrypts through SQS",
         "only through SNS", context=through("sqs", IRELAND)),
    deny("publisher", "kms:Decrypt", f"arn:aws:kms:{IRELAND}:{MEMBER}:key/payroll",
         "the publisher decrypts with another key through SNS", "the alias says which key is meant",
         context={**through("sns", IRELAND), "kms:ResourceAliases": ("alias/payroll",)}),
    deny("publisher", "kms:Decrypt", f"arn:aws:kms:{IRELAND}:{MEMBER}:key/payroll",
         "the publisher decrypts directly with a key that was given the alias", "only through SNS",
         context={"kms:ResourceAliases": (f"alias/{PREFIX}-releases",)}),
    deny("publisher", "kms:Decrypt", f"arn:aws:kms:{IRELAND}:{MEMBER}:key/payroll",
         "the same where topics have no keys", "no key has the alias", build=bare,
         context={**through("sns", IRELAND), "kms:ResourceAliases": ("alias/payroll",)}),
    deny("member's administrator", "kms:Decrypt", TOPIC_KEY, "an administrator opens it by SNS",
         "the key knows one user", context=through("sns", IRELAND)),
    deny("member's administrator", "kms:Decrypt", TOPIC_KEY, "an administrator opens it directly",
         "administrators manage the key and do not use it"),
    deny("member's root", "kms:Decrypt", TOPIC_KEY, "the member's root decrypts",
         "the key's policy must allow, and names root to manage it"),
    allow("member's administrator", "kms:PutKeyPolicy", TOPIC_KEY, "an administrator manages it",
          "a key nobody manages is lost"),
    deny("lookup abroad", "kms:Decrypt", TOPIC_KEY, "the read role decrypts through SNS",
         "the key knows one user", context=through("sns", IRELAND)),
    deny("stranger", "kms:Decrypt", TOPIC_KEY, "a stranger decrypts through SNS",
         "the key knows one user", context=through("sns", IRELAND)),
)

SUBSCRIBING = (
    allow("colleague", "sns:Subscribe", TOPIC, "the organisation subscribes a queue",
          "its accounts may", context=by("sqs")),
    allow("colleague", "sns:Subscribe", TOPIC, "the organisation subscribes an address",
          "its accounts may", context=by("email")),
    deny("colleague", "sns:Subscribe", TOPIC, "the organisation subscribes a telephone",
         "the topic's account would pay", context=by("sms")),
    deny("colleague", "sns:Subscribe", TOPIC, "the organisation subscribes plain HTTP",
         "announcements decide what is rolled out", context=by("http")),
    deny("colleague", "sns:Subscribe", TOPIC, "the organisation subscribes without TLS",
         "the topic refuses it", context={**by("sqs"), **PLAIN}),
    deny("colleague's intern", "sns:Subscribe", TOPIC, "somebody there whom nobody lets",
         "their own account must allow it too", context=by("sqs")),
    allow("colleague", "sns:GetTopicAttributes", TOPIC, "the organisation reads the topic",
          "CloudFormation does when it subscribes"),
    deny("colleague", "sns:ListSubscriptionsByTopic", TOPIC, "the organisation lists subscribers",
         "it would see their addresses"),
    deny("colleague", "sns:SetTopicAttributes", TOPIC, "the organisation opens the topic",
         "it is not theirs"),
    allow("listed account", "sns:Subscribe", TOPIC, "a listed account subscribes", "it is listed",
          context=by("sqs")),
    deny("stranger", "sns:Subscribe", TOPIC, "a stranger subscribes",
         "neither of the organisation nor listed", context=by("sqs")),
    deny("stranger's root", "sns:Subscribe", TOPIC, "a stranger's root subscribes",
         "neither of the organisation nor listed", context=by("sqs")),
    allow("member's administrator", "sns:Subscribe", TOPIC, "the account itself subscribes",
          "it is their topic", context=by("sqs")),
    deny("member's intern", "sns:Subscribe", TOPIC, "anybody of the account itself",
         "the account's own policies decide", context=by("sqs")),
    deny("member's intern", "sns:Subscribe", TOPIC, "anybody of the account, no organisation",
         "the account's own policies decide", context=by("sqs"), build=bare),
    allow("member's administrator", "sns:Subscribe", TOPIC, "the account itself, no organisation",
          "it is their topic", context=by("sqs"), build=bare),
    deny("colleague", "sns:Subscribe", TOPIC, "another account, no organisation",
         "nobody else is named", context=by("sqs"), build=bare),
)

ALARMING = (
    allow("CloudWatch", "sns:Publish", ALARMS, "our alarms publish", "their job",
          context=OUR_ALARM),
    deny("CloudWatch", "sns:Publish", ALARMS, "a stranger's alarm publishes",
         "the confused deputy", context=source(
             STRANGER, f"arn:aws:cloudwatch:{VIRGINIA}:{STRANGER}:alarm:noise")),
    deny("EventBridge", "sns:Publish", ALARMS, "another service publishes", "CloudWatch alone",
         context=source(HUB, hub_arn("events", "rule/noise"))),
    deny("stranger", "sns:Publish", ALARMS, "a stranger publishes alarms", "not their topic"),
    deny("hub's administrator", "sns:Publish", ALARMS, "an administrator alarms without TLS",
         "the topic refuses it", context=PLAIN),
    allow("hub's administrator", "sns:Subscribe", ALARMS, "an operator subscribes to alarms",
          "it is their topic", context=by("email")),
    deny("colleague", "sns:Subscribe", ALARMS, "a colleague subscribes to alarms",
         "they are the hub's own", context=by("email")),
    allow("CloudWatch", "kms:GenerateDataKey", KEY, "our alarms encrypt",
          "else an encrypted topic stays silent",
          context={**OUR_ALARM, "kms:EncryptionContext:aws:sns:topicArn": ALARMS}),
    deny("CloudWatch", "kms:GenerateDataKey", KEY, "a stranger's alarm encrypts",
         "the confused deputy", context={
             "aws:SourceAccount": STRANGER, "kms:EncryptionContext:aws:sns:topicArn": ALARMS}),
    deny("CloudWatch", "kms:Decrypt", KEY, "CloudWatch for another topic", "one topic is encrypted",
         context={**OUR_ALARM, "kms:EncryptionContext:aws:sns:topicArn": hub_arn("sns", "orders")}),
    deny("S3", "kms:Decrypt", KEY, "another service decrypts", "two services use the key"),
)

USING_THE_HUBS_KEY = (
    allow("CloudWatch Logs", "kms:Encrypt", KEY, "our logs are encrypted", "kms_key_arn asks so",
          context={"kms:EncryptionContext:aws:logs:arn": hub_arn(
              "logs", f"log-group:/aws/lambda/{PREFIX}-lookup")}),
    deny("CloudWatch Logs", "kms:Encrypt", KEY, "other logs are encrypted", "the key is for ours",
         context={"kms:EncryptionContext:aws:logs:arn": hub_arn("logs", "log-group:payroll")}),
    allow("lookup", "kms:Decrypt", KEY, "lookup opens messages through SQS", "its job",
          context=through("sqs", VIRGINIA)),
    deny("lookup", "kms:Decrypt", KEY, "lookup decrypts directly", "only through a service"),
    deny("lookup", "kms:GenerateDataKey", KEY, "lookup encrypts messages", "it sends none",
         context=through("sqs", VIRGINIA)),
    deny("stranger", "kms:Decrypt", KEY, "a stranger decrypts through SQS", "not their key",
         context=through("sqs", VIRGINIA)),
)

WORKING = (
    allow("scheduler", "dynamodb:Query", TABLE, "scheduler reads rows", "its job"),
    allow("scheduler", "sqs:SendMessage", QUEUE, "scheduler requests lookups", "its job"),
    deny("scheduler", "dynamodb:Query", PAYROLL, "scheduler reads another table", "one table"),
    deny("scheduler", "dynamodb:DeleteItem", TABLE, "scheduler deletes a row", "nobody deletes"),
    deny("scheduler", "sqs:SendMessage", DEAD_LETTERS, "scheduler fills the dead letters",
         "the queue does that"),
    deny("scheduler", "sqs:ReceiveMessage", QUEUE, "scheduler takes requests", "it sends them"),
    allow("lookup", "dynamodb:BatchGetItem", TABLE, "lookup reads rows", "its job"),
    allow("lookup", "sqs:ReceiveMessage", QUEUE, "lookup takes requests", "its mapping does"),
    deny("lookup", "sqs:ReceiveMessage", DEAD_LETTERS, "lookup takes dead letters",
         "operators look at them"),
    deny("lookup", "sqs:SendMessage", QUEUE, "lookup requests lookups", "the scheduler does"),
    deny("lookup", "dynamodb:Scan", f"{TABLE}/index/pending", "lookup reads what is pending",
         "the aggregator does"),
    deny("lookup", "dynamodb:DeleteTable", TABLE, "lookup deletes the table", "nobody does"),
    allow("aggregator", "dynamodb:Scan", f"{TABLE}/index/pending", "aggregator sweeps", "its job"),
    allow("aggregator", "dynamodb:Query", f"{TABLE}/index/pending",
          "aggregator looks for older pending releases", "they go first"),
    allow("aggregator", "dynamodb:Query", TABLE, "aggregator looks for active images",
          "a target without one may be closed"),
    deny("aggregator", "dynamodb:Query", PAYROLL, "aggregator queries another table", "one table"),
    deny("aggregator", "dynamodb:Query", f"{TABLE}/index/derive",
         "aggregator queries another index", "it reads what is pending"),
    deny("aggregator", "dynamodb:Scan", TABLE, "aggregator reads the whole table",
         "the index is all it needs"),
    deny("aggregator", "dynamodb:DeleteItem", TABLE, "aggregator deletes a release",
         "it closes them"),
    deny("aggregator", "dynamodb:PutItem", TABLE, "aggregator commits a release",
         "it marks them, no more"),
    allow("aggregator", "dynamodb:DescribeStream", f"{TABLE}/stream/2026-11-22T07:00:00.000",
          "aggregator reads the stream", "its mapping does"),
    deny("aggregator", "dynamodb:DescribeStream", f"{PAYROLL}/stream/2026-11-22T07:00:00.000",
         "aggregator reads another stream", "one table"),
    deny("aggregator", "sqs:ReceiveMessage", QUEUE, "aggregator takes requests", "not its queue"),
    allow("lookup", "logs:PutLogEvents", log("lookup"), "lookup writes its log", "its job"),
    deny("lookup", "logs:PutLogEvents", log("aggregator"), "lookup writes another's log",
         "each its own"),
    allow("schedule", "lambda:InvokeFunction", function("scheduler"), "the schedule starts a round",
          "its job"),
    deny("schedule", "lambda:InvokeFunction", function("lookup"), "the schedule invokes the lookup",
         "the queue does"),
    deny("schedule", "sqs:SendMessage", QUEUE, "the schedule requests lookups",
         "its dead letters have a queue of their own"),
    deny("hub's administrator", "sqs:SendMessage", QUEUE, "an administrator sends without TLS",
         "the queue refuses it", context=PLAIN),
    deny("colleague", "sqs:SendMessage", QUEUE, "a colleague requests lookups", "not their queue"),
    deny("stranger", "dynamodb:Query", TABLE, "a stranger reads rows", "not their table"),
)
# fmt: on

TABLE_OF_REQUESTS = (
    *ASSUMING,
    *BECOMING,
    *DEPLOYING,
    *ESCALATING,
    *BELOW_A_PATH,
    *LOOKING,
    *PUBLISHING_TO_A_TOPIC,
    *USING_A_TOPICS_KEY,
    *SUBSCRIBING,
    *ALARMING,
    *USING_THE_HUBS_KEY,
    *WORKING,
)


def by_name(row: Row) -> str:
    """How a row's tests are called."""
    return row.name.translate({ord(" "): "-", ord(","): None, ord("'"): None})


@pytest.mark.parametrize("row", TABLE_OF_REQUESTS, ids=by_name)
def test_policies_decide(row: Row) -> None:
    """Each request is granted or refused as the table says."""
    verdict = row.verdict()

    assert verdict.allowed == row.allowed, f"{row.name}: {verdict.reason}; expected: {row.why}"


# --- what ministack says

NOT_JUDGED: Mapping[str, Callable[[Row], bool]] = {
    "nobody can ask ministack as a service of AWS does": lambda row: row.who in SERVICES,
    "ministack knows no call that a service makes in somebody's name": (
        lambda row: not {"kms:ViaService", "aws:CalledVia"}.isdisjoint(row.context)
    ),
    "ministack is served over TLS alone": lambda row: "aws:SecureTransport" in row.context,
    "ministack has no two accounts in one organisation, and none that leaves its own": (
        lambda row: (
            row.who.startswith("colleague") or row.who in {"lookup outside", "member's intern"}
        )
    ),
    "ministack does not know iam:PermissionsBoundary, and denies the right CreateRole as well": (
        lambda row: "iam:PermissionsBoundary" in row.context
    ),
    "a role on ministack has its deployed policy: what a boundary does is tested below": (
        lambda row: row.who.startswith("taken")
    ),
    "iam:PassRole is a permission that other calls need, and no call": (
        lambda row: row.action == "iam:PassRole"
    ),
    "ministack judges GetParameters on all parameters at once": (
        lambda row: row.action == "ssm:GetParameters"
    ),
    "ministack judges a query of an index by its table": (
        lambda row: row.action == "dynamodb:Query" and "/index/" in row.on
    ),
    "ministack lets an account's root use every key": (
        lambda row: row.who.endswith("root") and row.action.startswith("kms:")
    ),
    "ministack judges a log by its group, and a stream by nothing": (
        lambda row: row.action in {"logs:PutLogEvents", "dynamodb:DescribeStream"}
    ),
    "ministack takes another account's table for one's own": (
        lambda row: row.who == "stranger" and row.action.startswith("dynamodb:")
    ),
    "ministack enforces the other deployment": lambda row: row.build is not full,
}
"""Why ministack cannot judge a row, and which rows these are."""

JUDGED = [row for row in TABLE_OF_REQUESTS if not any(rule(row) for rule in NOT_JUDGED.values())]


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedAccess]:
    """The deployment on ministack."""
    with ministack(tmp_path_factory.mktemp("access") / "ministack", {}) as running:
        access = EmulatedAccess(running, full())
        callers = {row.who: CALLERS[row.who](access.deployment) for row in JUDGED}
        access.build(callers, {row.on for row in JUDGED})
        yield access


@pytest.mark.parametrize("row", JUDGED, ids=by_name)
def test_ministack_agrees(row: Row, emulated: EmulatedAccess) -> None:
    """An emulator that enforces the same policies comes to the same answer."""
    assert emulated.allows(row.who, row.request(emulated.deployment)) == row.allowed


@pytest.mark.parametrize("limited", [True, False], ids=["with-boundary", "without"])
def test_a_boundary_limits_a_role_that_may_do_everything(
    emulated: EmulatedAccess,
    limited: bool,  # noqa: FBT001 - a table
) -> None:
    """The members' boundary is enforced on ministack; the same role without it makes users."""
    taken = emulated.deployment.taken_role("read")
    who = f"taken-{'with' if limited else 'without'}-boundary"
    boundary = taken.boundary if limited else None
    caller = replace(taken, arn=role_arn(MEMBER, who), boundary=boundary)
    asked = {
        "iam:CreateUser": BACKDOOR,
        "ec2:DescribeImages": "*",
        "ec2:RunInstances": "*",
        "sns:DeleteTopic": ORDERS,
    }
    requests = [
        Request(caller=caller, action=action, resource=on, region=IRELAND)
        for action, on in asked.items()
    ]
    emulated.build({who: caller}, set(asked.values()))

    found = {each.action: emulated.allows(who, each) for each in requests}

    assert found == {action: not limited or action == "ec2:DescribeImages" for action in asked}
    assert found == {each.action: authorize(each).allowed for each in requests}


def test_the_table_is_a_table() -> None:
    """Every row has a name of its own, both answers are given often, and every excuse is needed."""
    names = [row.name for row in TABLE_OF_REQUESTS]
    excused = [[why for why, rule in NOT_JUDGED.items() if rule(row)] for row in TABLE_OF_REQUESTS]
    alone = {reasons[0] for reasons in excused if len(reasons) == 1}

    assert len(set(names)) == len(names)
    assert len(names) >= 100
    assert sum(row.allowed for row in TABLE_OF_REQUESTS) >= 30
    assert len(JUDGED) >= 70
    assert set(NOT_JUDGED) == alone
