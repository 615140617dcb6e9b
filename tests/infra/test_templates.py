"""The CloudFormation templates are valid, and their policies follow our rules."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.aws.template import Stack, parse, resolve

from services.aggregator.settings import Settings as AggregatorSettings
from services.lookup.settings import Settings as LookupSettings

FOLDER = Path(__file__).parents[2] / "infra" / "cloudformation"
MEMBER_ROLES = "member-roles.yaml"
REGION_TOPIC = "region-topic.yaml"
EXECUTION_ROLE = "stackset-execution-role.yaml"
NAMES = (MEMBER_ROLES, REGION_TOPIC, EXECUTION_ROLE)

HERE = Stack("111122223333", "eu-west-1")
HUB = {"HubAccountId": "123456789012"}
MEMBER = {**HUB, "ExternalIds": "new-id,old-id", "Regions": "eu-west-1"}
OF_AWS = "arn:aws:iam::aws:policy/PowerUserAccess"
SHARED = "arn:aws:ssm:eu-west-1:333344445555:parameter/golden"
MORE = {
    "OrganizationId": "o-abcdefghij",
    "PermissionsBoundary": "team",
    "ParameterPaths": "/a/*",
    "SharedParameterArns": f"{SHARED}/*",
}
REGIONS = ("us-east-1", "eu-west-1", "mx-central-1", "cn-north-1", "us-gov-west-1")
LARGEST_BODY = 51_200
"""The maximum size of a template in a request, in bytes; larger ones need a bucket."""
LARGEST_MANAGED_POLICY, LARGEST_INLINE_POLICIES = 6_144, 10_240
"""The maximum sizes of a managed policy and of all inline policies of a role, in characters."""

DEPLOYMENTS: tuple[tuple[str, dict[str, str]], ...] = (
    (MEMBER_ROLES, MEMBER),
    (MEMBER_ROLES, {**MEMBER, **MORE, "Fifo": "true"}),
    (MEMBER_ROLES, {**MEMBER, "RolePath": "/platform/", "PermissionsBoundary": OF_AWS}),
    (REGION_TOPIC, {}),
    (
        REGION_TOPIC,
        {
            "OrganizationId": "o-abcdefghij",
            "SubscriberAccountIds": "444455556666,777788889999",
            "Encryption": "customer-key",
            "Fifo": "true",
        },
    ),
    (EXECUTION_ROLE, HUB),
    (EXECUTION_ROLE, {**HUB, "PermissionsBoundary": OF_AWS}),
    (EXECUTION_ROLE, {**HUB, "ParameterPaths": "/a/*,/b"}),
    (EXECUTION_ROLE, {**HUB, "SharedParameterArns": f"{SHARED}/*,{SHARED}"}),
    (EXECUTION_ROLE, {**HUB, "Encryption": "customer-key", "PermissionsBoundary": "team"}),
)
"""Deployments that together use both branches of every condition."""

WIDE_ACTIONS = {"RunTheStacksOfTheStackSets": "the minimum that AWS documents for StackSets"}
"""Statements that may allow all actions of a service, and the reason."""

WIDE_RESOURCES = {
    "LookAtImages": "ec2:DescribeImages has no resource-level permissions",
    "ReadStacksAndTemplates": "called before the stack exists",
    "MakeTheKeys": "a key has no ARN before it is created",
    "AdministratorsManageTheKey": "in a key policy, * is the key itself",
    "ThePublishRoleUsesItThroughSns": "in a key policy, * is the key itself",
}
"""Statements that may have the resource `*`, and the reason."""

WIDE_PRINCIPALS = {
    "AdministratorsManageTheKey": "a key whose policy names no account can become unmanageable",
}
"""Statements that may allow all principals of an account, and the reason."""


def template(name: str) -> dict[str, Any]:
    """A parsed template with long forms of intrinsic functions."""
    return parse((FOLDER / name).read_text(encoding="utf-8"))


def listed(value: str | list[str]) -> list[str]:
    """A value of a policy as a list; a single value may be a string."""
    return [value] if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Statement:
    """A policy statement of a template."""

    sid: str
    raw: Mapping[str, Any]

    @property
    def allows(self) -> bool:
        """Whether the effect is Allow."""
        return bool(self.raw["Effect"] == "Allow")

    @property
    def actions(self) -> list[str]:
        """The actions of the statement."""
        return listed(self.raw["Action"])

    @property
    def resources(self) -> list[str]:
        """The resources; empty in a trust policy."""
        return listed(self.raw.get("Resource", []))

    @property
    def principals(self) -> list[str]:
        """The principals; empty in an identity policy."""
        principal = self.raw.get("Principal", {})
        values = [principal] if isinstance(principal, str) else principal.values()
        return [each for value in values for each in listed(value)]

    @property
    def keys(self) -> set[str]:
        """The condition keys."""
        return {key for keys in self.raw.get("Condition", {}).values() for key in keys}


def statements(found: object) -> Iterator[Statement]:
    """Every statement of every policy document inside a resource's properties."""
    if isinstance(found, list):
        for each in found:
            yield from statements(each)
    if isinstance(found, dict):
        for raw in found.get("Statement", []):
            yield Statement(raw["Sid"], raw)
        for each in found.values():
            yield from statements(each)


def deployed(name: str, parameters: Mapping[str, str]) -> list[Statement]:
    """Every policy statement of a deployment."""
    resources = resolve(template(name), parameters, HERE).values()
    return [each for found in resources for each in statements(dict(found.properties))]


@cache
def allowed() -> list[Statement]:
    """Every allow statement of all deployments."""
    return [each for name, given in DEPLOYMENTS for each in deployed(name, given) if each.allows]


by_template = pytest.mark.parametrize("name", NAMES)


def test_cfn_lint_finds_nothing() -> None:
    """cfn-lint reports no errors, warnings or notes for regions of three partitions."""
    linter = Path(sys.executable).with_name("cfn-lint")
    command = [str(linter), "--include-checks", "I", "--regions", *REGIONS]
    files = [str(FOLDER / name) for name in NAMES]
    done = subprocess.run(
        [*command, "--", *files], capture_output=True, text=True, timeout=600, check=False
    )

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_every_template_is_tested() -> None:
    """NAMES lists every template."""
    assert sorted(NAMES) == sorted(path.name for path in FOLDER.iterdir())


@by_template
def test_template_fits_into_a_request(name: str) -> None:
    """A template is smaller than the maximum size in a request."""
    assert len((FOLDER / name).read_bytes()) < LARGEST_BODY


@by_template
def test_parameters_and_outputs_are_described(name: str) -> None:
    """Parameters and outputs have a description; parameters have allowed values or a pattern."""
    found = template(name)
    unexplained = [
        key
        for key, given in (found["Parameters"] | found["Outputs"]).items()
        if not given.get("Description", "").endswith(".")
    ]
    unbounded = [
        key
        for key, given in found["Parameters"].items()
        if "AllowedValues" not in given
        and not {"AllowedPattern", "ConstraintDescription"} <= set(given)
    ]

    assert (unexplained, unbounded) == ([], [])


@by_template
def test_every_parameter_is_in_a_group(name: str) -> None:
    """Each parameter has a group and a label in the console."""
    found = template(name)
    shown = found["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [each for group in shown["ParameterGroups"] for each in group["Parameters"]]

    assert sorted(found["Parameters"]) == sorted(grouped)
    assert set(found["Parameters"]) == set(shown["ParameterLabels"])


NAME_WITH_A_PATH = (
    ["reader", "ops/reader", "a/b/c", "a" * 64],
    ["", "/ops/reader", "ops/", "ops//x", "*", "a" * 65, "arn:aws:iam::111122223333:role/x"],
)
BOUNDARY = (
    ["", "team", "team/bound", "arn:aws:iam::aws:policy/PowerUserAccess"],
    ["/team", "team/", "*", "arn:aws:iam::111122223333:policy/team"],
)
SHARED_ARNS = (
    ["", SHARED, f"{SHARED}/*", "arn:aws-us-gov:ssm:us-gov-west-1:333344445555:parameter/a/b.c"],
    [
        "/golden/web",
        "*",
        SHARED.removesuffix("golden") + "*",
        f"{SHARED}*",
        f"{SHARED}/",
        f"{SHARED}:3",
        SHARED.replace("333344445555", "*"),
        SHARED.replace("333344445555", ""),
        SHARED.replace("eu-west-1", "*"),
        SHARED.replace(":ssm:", ":secretsmanager:"),
        f"{SHARED} {SHARED}",
    ],
)
"""Valid and invalid values of parameters."""


@pytest.mark.parametrize(
    ("name", "parameter", "good", "bad"),
    [
        (
            MEMBER_ROLES,
            "HubAccountId",
            ["023456789012"],
            ["", "12345678901", "arn:aws:iam::1:root"],
        ),
        (MEMBER_ROLES, "ExternalIds", ["a-long.id/of:us@home"], ["", "x", "two words"]),
        (MEMBER_ROLES, "OrganizationId", ["", "o-abcdefghij"], ["o-ABC", "r-abcd"]),
        (MEMBER_ROLES, "ReadRoleName", ["ami-tracker-read"], ["", "role/x", "a" * 65]),
        *((name, "PermissionsBoundary", *BOUNDARY) for name in (MEMBER_ROLES, EXECUTION_ROLE)),
        (MEMBER_ROLES, "RolePath", ["/", "/platform/", "/a/b/"], ["", "a/", "/a", "//", "/*/"]),
        (MEMBER_ROLES, "LookupRoleName", *NAME_WITH_A_PATH),
        (MEMBER_ROLES, "AggregatorRoleName", *NAME_WITH_A_PATH),
        (REGION_TOPIC, "PublishRoleName", *NAME_WITH_A_PATH),
        (EXECUTION_ROLE, "ReadRoleName", *NAME_WITH_A_PATH),
        (EXECUTION_ROLE, "PublishRoleName", *NAME_WITH_A_PATH),
        (EXECUTION_ROLE, "ExecutionRoleName", ["execution"], ["", "ops/execution"]),
        (
            MEMBER_ROLES,
            "Regions",
            ["eu-west-1", "us-gov-west-1", "ap-southeast-7", "eusc-de-east-1"],
            ["", "eu-west", "EU-WEST-1", "*"],
        ),
        (
            MEMBER_ROLES,
            "ParameterPaths",
            ["", "/golden/*", "/golden/linux", "/a"],
            ["/*", "*", "golden", "/a*", "/a/*/b", "/a/"],
        ),
        (EXECUTION_ROLE, "ParameterPaths", ["", "/golden/*", "/a"], ["/*", "*", "/a*", "/a/"]),
        (MEMBER_ROLES, "SharedParameterArns", *SHARED_ARNS),
        (EXECUTION_ROLE, "SharedParameterArns", *SHARED_ARNS),
        (REGION_TOPIC, "TopicName", ["releases_2"], ["", "releases.fifo"]),
        (REGION_TOPIC, "SubscriberAccountIds", ["", "444455556666"], ["4444", "*"]),
        (EXECUTION_ROLE, "AdministrationRoleName", *NAME_WITH_A_PATH),
        (EXECUTION_ROLE, "StackSetPrefix", ["ami-tracker"], ["", "1st", "a_b", "*"]),
    ],
)
def test_parameters_accept_only_valid_values(
    name: str, parameter: str, good: list[str], bad: list[str]
) -> None:
    """A pattern accepts the valid values; CloudFormation applies it to each member of a list."""
    pattern = template(name)["Parameters"][parameter]["AllowedPattern"]

    assert [each for each in [*good, *bad] if re.fullmatch(pattern, each)] == good


def test_defaults_are_those_of_the_services() -> None:
    """Roles and topics have the same default names in templates and functions."""
    environ = {"TABLE_NAME": "t", "EXTERNAL_ID": "id", "AWS_REGION": "us-east-1"}
    reads, publishes = LookupSettings.from_env(environ), AggregatorSettings.from_env(environ)
    defaults = {
        name: {key: given.get("Default") for key, given in template(name)["Parameters"].items()}
        for name in NAMES
    }

    assert {defaults[name]["ReadRoleName"] for name in (MEMBER_ROLES, EXECUTION_ROLE)} == {
        reads.read_role_name
    }
    assert {defaults[name]["PublishRoleName"] for name in NAMES} == {publishes.publish_role_name}
    assert {defaults[name]["TopicName"] for name in NAMES} == {publishes.topic_name}


@by_template
def test_no_template_names_a_partition(name: str) -> None:
    """ARNs and endpoints use pseudo parameters, which also work in China and GovCloud."""
    text = (FOLDER / name).read_text(encoding="utf-8")

    assert re.findall(r"arn:aws|\.amazonaws\.com\.cn|sns\.[^ ]*\.amazonaws\.com", text) == []


def test_no_statement_has_wildcard_actions() -> None:
    """No action is `*` or `service:*`, except with a reason in WIDE_ACTIONS."""
    wide = {each.sid for each in allowed() if any(a.split(":")[-1] == "*" for a in each.actions)}
    inverted = {
        each.sid
        for each in allowed()
        if {"NotAction", "NotResource", "NotPrincipal"} & set(each.raw)
    }

    assert wide == set(WIDE_ACTIONS)
    assert inverted == set()


def test_no_statement_has_all_resources() -> None:
    """No resource is `*`, except with a reason in WIDE_RESOURCES."""
    assert {each.sid for each in allowed() if "*" in each.resources} == set(WIDE_RESOURCES)


def test_no_statement_allows_all_principals() -> None:
    """If the principal is an account or `*`, a condition limits the principals."""
    narrowing = {"aws:PrincipalArn", "aws:PrincipalOrgID", "aws:PrincipalAccount"}
    wide = {each.sid for each in allowed() if each.principals and not each.keys & narrowing}

    assert wide == set(WIDE_PRINCIPALS)


def test_principals_are_accounts() -> None:
    """Principals are accounts: a role must exist, and its id replaces it when it is deleted."""
    unexpected = {
        principal
        for each in allowed()
        for principal in each.principals
        if principal != "*" and not re.fullmatch(r"arn:aws:iam::\d{12}:root", principal)
    }

    assert unexpected == set()


def test_execution_role_can_create_and_delete_every_resource() -> None:
    """The execution role's policy allows the calls for each resource type of the two templates."""
    needed = {
        "AWS::IAM::Role": {"iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRole"},
        "AWS::SNS::Topic": {"sns:CreateTopic", "sns:DeleteTopic"},
        "AWS::SNS::TopicPolicy": {"sns:SetTopicAttributes"},
        "AWS::KMS::Key": {"kms:CreateKey", "kms:EnableKeyRotation", "kms:ScheduleKeyDeletion"},
        "AWS::KMS::Alias": {"kms:CreateAlias", "kms:DeleteAlias"},
    }
    kinds = {
        raw["Type"]
        for name in (MEMBER_ROLES, REGION_TOPIC)
        for raw in template(name)["Resources"].values()
    }
    given = deployed(EXECUTION_ROLE, {**HUB, "Encryption": "customer-key"})
    allowed = {action for each in given for action in each.actions}

    assert kinds == set(needed)
    assert set().union(*needed.values()) - allowed == set()


def test_execution_role_manages_keys_only_if_needed() -> None:
    """Without customer keys, the execution role has no permissions for KMS."""
    role = resolve(template(EXECUTION_ROLE), HUB, HERE)["ExecutionRole"].properties
    actions = [action for each in statements(dict(role)) for action in each.actions]

    assert [each for each in actions if each.startswith("kms:")] == []


BOUNDARIES = {
    "": "arn:aws:iam::111122223333:policy/ami-tracker-members-boundary",
    "team/bound": "arn:aws:iam::111122223333:policy/team/bound",
    OF_AWS: OF_AWS,
}
"""The template's parameter, and the boundary that the execution role requires."""


@pytest.mark.parametrize("given", BOUNDARIES)
def test_no_role_is_created_without_the_boundary(given: str) -> None:
    """Actions that give a role permissions require the boundary, and no action can remove it."""
    found = deployed(EXECUTION_ROLE, {**HUB, "PermissionsBoundary": given})
    makers = [
        each
        for each in found
        if {"iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"}
        & set(each.actions)
    ]
    boundary = {"iam:PermissionsBoundary": BOUNDARIES[given]}
    actions = {action for each in found for action in each.actions}

    assert [each.raw["Condition"] for each in makers] == [{"ArnEquals": boundary}]
    assert {a for a in actions if a.startswith("iam:")} & FORBIDDEN == set()
    assert {a for a in actions if a.startswith("iam:") and "*" in a} == set()


FORBIDDEN = {
    "iam:AttachRolePolicy",
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:DeleteRolePermissionsBoundary",
    "iam:PassRole",
    "iam:SetDefaultPolicyVersion",
}
"""Actions that could remove or avoid a boundary, or that the roles do not need."""


@pytest.mark.parametrize("given", BOUNDARIES)
def test_roles_have_the_given_boundary(given: str) -> None:
    """A name is a policy of the account, an ARN is an AWS managed policy, empty is no boundary."""
    expected = BOUNDARIES[given] if given else None
    for name, more in ((MEMBER_ROLES, MEMBER), (EXECUTION_ROLE, HUB)):
        made = resolve(template(name), {**more, "PermissionsBoundary": given}, HERE).values()
        roles = [each.properties for each in made if each.kind == "AWS::IAM::Role"]

        assert {each.get("PermissionsBoundary") for each in roles} == {expected}


def test_roles_have_the_path() -> None:
    """The members' roles have the given path, or none."""
    paths = [
        each.properties.get("Path")
        for given in ({}, {"RolePath": "/platform/"})
        for each in resolve(template(MEMBER_ROLES), {**MEMBER, **given}, HERE).values()
    ]

    assert paths == [None, None, "/platform/", "/platform/"]


def test_boundary_is_created_if_none_is_given() -> None:
    """A given boundary replaces the template's own one."""
    default = resolve(template(EXECUTION_ROLE), HUB, HERE)
    given = resolve(template(EXECUTION_ROLE), {**HUB, "PermissionsBoundary": "team"}, HERE)

    assert set(default) == {"MembersBoundary", "ExecutionRole"}
    assert set(given) == {"ExecutionRole"}


def test_boundary_allows_what_the_roles_need() -> None:
    """The boundary has exactly the actions and resources of the two roles, FIFO topics included."""
    parameters = {
        "ParameterPaths": "/golden/*,/base/linux",
        "SharedParameterArns": f"{SHARED}/*,{SHARED}",
    }
    made = resolve(template(EXECUTION_ROLE), {**HUB, **parameters}, HERE)
    bound = made["MembersBoundary"].properties
    allowed = {(a, r) for s in statements(dict(bound)) for a in s.actions for r in s.resources}
    needed = {
        (action, resource)
        for fifo in ("true", "false")
        for each in deployed(MEMBER_ROLES, {**MEMBER, **parameters, "Fifo": fifo})
        for action in each.actions
        for resource in each.resources
    }

    assert allowed == needed


@pytest.mark.parametrize(
    ("name", "given", "condition"),
    [
        (MEMBER_ROLES, MEMBER, {"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}}),
        (EXECUTION_ROLE, HUB, None),
    ],
)
def test_shared_parameters_are_allowed_only_by_their_arns(
    name: str, given: dict[str, str], condition: dict[str, Any] | None
) -> None:
    """The role and its boundary name each shared parameter, and have no statement without one."""
    arns = [f"{SHARED}/*", SHARED]
    found = deployed(name, {**given, "SharedParameterArns": ",".join(arns)})
    (shared,) = (each for each in found if each.sid == "ReadSharedParameters")

    assert (shared.actions, shared.resources) == (["ssm:GetParameters"], arns)
    assert shared.raw.get("Condition") == condition
    assert "ReadSharedParameters" not in {each.sid for each in deployed(name, given)}


@pytest.mark.parametrize(
    "lists",
    [
        {"ParameterPaths": ",".join(f"/golden/{n:06}" for n in range(102))},
        {"SharedParameterArns": ",".join(f"{SHARED}/{n:08}" for n in range(65))},
        {
            "ParameterPaths": ",".join(f"/golden/{n:06}" for n in range(51)),
            "SharedParameterArns": ",".join(f"{SHARED}/{n:08}" for n in range(32)),
        },
    ],
    ids=["paths", "ARNs", "both"],
)
def test_longest_lists_of_parameters_fit_into_the_policies(lists: dict[str, str]) -> None:
    """The 4,096 characters that the module allows fit into the boundary and into the read role."""
    prefix = "a" * 32
    names = {"StackSetPrefix": prefix, "TopicName": f"{prefix}-releases"}
    regions = ",".join(f"us-gov-west-{n}" for n in range(10, 50))
    roles = {**MEMBER, "TopicName": f"{prefix}-releases", "Regions": regions}
    stack = Stack("111122223333", "us-gov-west-1", partition="aws-us-gov")
    bound = resolve(template(EXECUTION_ROLE), {**HUB, **names, **lists}, stack)["MembersBoundary"]
    reads = resolve(template(MEMBER_ROLES), {**roles, **lists}, stack)["ReadRole"]
    (inline,) = reads.properties["Policies"]

    assert _size(bound.properties["PolicyDocument"]) <= LARGEST_MANAGED_POLICY
    assert _size(inline["PolicyDocument"]) <= LARGEST_INLINE_POLICIES


def _size(policy: Mapping[str, Any]) -> int:
    """The characters of a policy, without white space, as IAM counts them."""
    return len(json.dumps(policy, separators=(",", ":")))
