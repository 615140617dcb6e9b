"""The policies for people allow every call of the commands of `ami-tracker`, and no other calls.

`test_access.py` makes the same calls on ministack, which enforces the policies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import botocore.session
import pytest
from support.aws.deployed import HUB, KEY, PREFIX, Deployment, bare, full, hub_arn, platform
from support.aws.iam import Request, unused
from support.aws.terraform import HUB_REGION

pytestmark = [pytest.mark.timeout(900)]

READ_ONLY, OPERATOR = "read-only", "operator"
POLICIES = (READ_ONLY, OPERATOR)

# --- the calls of the commands

TABLE = hub_arn("dynamodb", f"table/{PREFIX}")
PENDING = f"{TABLE}/index/pending"
QUEUE, DEAD_LETTERS, SCHEDULE_DEAD_LETTERS = (
    hub_arn("sqs", f"{PREFIX}-{name}")
    for name in ("lookups", "lookups-dead-letters", "schedule-dead-letters")
)
AGGREGATOR, SCHEDULER = (
    hub_arn("lambda", f"function:{PREFIX}-{name}") for name in ("aggregator", "scheduler")
)
VIA_SQS, VIA_DYNAMODB = (
    (("kms:ViaService", f"{service}.{HUB_REGION}.amazonaws.com"),)
    for service in ("sqs", "dynamodb")
)


@dataclass(frozen=True, slots=True)
class Use:
    """A permission that a command needs, by the policy that must allow it."""

    policy: str
    command: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


def _reads(*commands: str) -> tuple[Use, ...]:
    """Each row is read with a query of its region, the scheduler's note by its key."""
    return tuple(
        Use(READ_ONLY, command, action, TABLE)
        for command in commands
        for action in ("dynamodb:Query", "dynamodb:GetItem")
    )


IN_EVERY_DEPLOYMENT = (
    *_reads("status", "history", "rollout", "coverage", "pending"),
    Use(READ_ONLY, "pending", "dynamodb:Scan", PENDING),
    Use(READ_ONLY, "pending", "dynamodb:BatchGetItem", TABLE),
    Use(OPERATOR, "replay", "dynamodb:Query", TABLE),
    Use(OPERATOR, "replay", "lambda:InvokeFunction", AGGREGATOR),
    Use(OPERATOR, "a round by hand (INSTALL.md)", "lambda:InvokeFunction", SCHEDULER),
    *(
        Use(OPERATOR, "redrive, show and purge", f"sqs:{action}", queue)
        for queue in (DEAD_LETTERS, SCHEDULE_DEAD_LETTERS)
        for action in ("GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "PurgeQueue")
    ),
    # SQS: "Troubleshoot dead-letter queue redrive issues", permissions to start, cancel and show.
    # `aws sqs cancel-message-move-task` stops a move.
    *(
        Use(OPERATOR, "redrive, move", f"sqs:{action}", DEAD_LETTERS)
        for action in (
            "StartMessageMoveTask",
            "ListMessageMoveTasks",
            "CancelMessageMoveTask",
            "ReceiveMessage",
            "DeleteMessage",
            "GetQueueAttributes",
        )
    ),
    Use(OPERATOR, "redrive, move", "sqs:SendMessage", QUEUE),
)
WITH_A_KEY = (
    # DynamoDB calls KMS with the caller's permissions; reading needs these two.
    Use(READ_ONLY, "status", "kms:Decrypt", KEY, VIA_DYNAMODB),
    Use(READ_ONLY, "status", "kms:DescribeKey", KEY, VIA_DYNAMODB),
    # SQS: as above; GenerateDataKey for the destination.
    Use(OPERATOR, "redrive", "kms:Decrypt", KEY, VIA_SQS),
    Use(OPERATOR, "redrive", "kms:GenerateDataKey", KEY, VIA_SQS),
)
BUILDS = {"bare": bare, "full": full, "platform": platform}


def _uses(policy: str, build: str) -> list[Use]:
    """What a deployment's policy must allow: an operator runs the reading commands as well."""
    found = [*IN_EVERY_DEPLOYMENT, *(WITH_A_KEY if build == "full" else ())]
    return [use for use in found if use.policy in {READ_ONLY, policy}]


def _request(use: Use, policy: str, deployment: Deployment) -> Request:
    return Request(
        caller=deployment.person(policy),
        action=use.action,
        resource=use.resource,
        region=HUB_REGION,
        context=dict(use.context),
    )


# --- both ways


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("policy", POLICIES)
def test_every_call_is_allowed(policy: str, build: str) -> None:
    """A person with only this policy can use its commands."""
    deployment = BUILDS[build]()
    denied = [
        (use.command, use.action, use.resource)
        for use in _uses(policy, build)
        if not deployment.evaluate(_request(use, policy, deployment)).allowed
    ]

    assert denied == []


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("policy", POLICIES)
def test_every_permission_is_used(policy: str, build: str) -> None:
    """Each action on each resource of each statement is needed by a command."""
    deployment = BUILDS[build]()
    requests = [_request(use, policy, deployment) for use in _uses(policy, build)]

    assert unused(deployment.people_policy(policy), requests) == []


@pytest.mark.parametrize("build", BUILDS)
def test_readers_can_only_read(build: str) -> None:
    """A reader needs no permission of an operator, and has none."""
    deployment = BUILDS[build]()
    allowed = [
        (use.action, use.resource)
        for use in _uses(OPERATOR, build)
        if use.policy == OPERATOR
        and use.action != "dynamodb:Query"
        and deployment.evaluate(_request(use, READ_ONLY, deployment)).allowed
    ]

    assert allowed == []


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("policy", POLICIES)
def test_every_statement_names_resources_of_the_hub(policy: str, build: str) -> None:
    """No action and no resource has a wildcard, and every resource is in the hub's account."""
    document = BUILDS[build]().people_policy(policy)
    parts = [
        value
        for statement in document["Statement"]
        for key in ("Action", "Resource")
        for value in _list(statement[key])
    ]
    resources = [value for s in document["Statement"] for value in _list(s["Resource"])]

    assert [value for value in parts if "*" in value] == []
    assert {arn.split(":")[4] for arn in resources} == {HUB}
    assert {statement["Effect"] for statement in document["Statement"]} == {"Allow"}


def _list(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def test_actions_are_operations_of_the_api() -> None:
    """Each action, except Lambda's InvokeFunction (`Invoke`), has the name of an operation."""
    session = botocore.session.get_session()
    unknown = [
        use.action
        for use in (*IN_EVERY_DEPLOYMENT, *WITH_A_KEY)
        for service, _, name in [use.action.partition(":")]
        if name.replace("InvokeFunction", "Invoke")
        not in session.get_service_model(service).operation_names
    ]

    assert unknown == []


# --- names


@pytest.mark.parametrize(("build", "path"), [(bare, "/"), (platform, "/platform/")])
def test_policies_have_names_and_path(build: Callable[[], Deployment], path: str) -> None:
    """A permission set of IAM Identity Center refers to a policy by its name and path."""
    plan = build().plan
    found = [plan.values(f"aws_iam_policy.{name}[0]") for name in ("read_only", "operator")]
    if build is bare:
        values = plan.values("aws_iam_policy.site_reader[0]")
        assert (values["path"], values["name"]) == (path, f"{PREFIX}-site-reader")

    assert [(values["path"], values["name"]) for values in found] == [
        (path, f"{PREFIX}-read-only"),
        (path, f"{PREFIX}-operator"),
    ]
