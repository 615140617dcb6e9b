"""The CloudFormation templates: what AWS would refuse, and what we would."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from template import Stack, parse, resolve

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
MORE = {"OrganizationId": "o-abcdefghij", "PermissionsBoundary": "team", "ParameterPaths": "/a/*"}
REGIONS = ("us-east-1", "eu-west-1", "mx-central-1", "cn-north-1", "us-gov-west-1")
LARGEST_BODY = 51_200
"""Bytes: more must be fetched from a bucket, which neither people nor our Terraform do."""

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
    (EXECUTION_ROLE, {**HUB, "Encryption": "customer-key", "PermissionsBoundary": "team"}),
)
"""Between them they take both branches of every condition."""

WIDE_ACTIONS = {"RunTheStacksOfTheStackSets": "AWS names it as the least that StackSets need"}
"""Statements that may allow all of a service, and why."""

WIDE_RESOURCES = {
    "LookAtImages": "ec2:DescribeImages knows no resources",
    "ReadStacksAndTemplates": "asked before there is a stack",
    "MakeTheKeys": "a key has no ARN before it is made",
    "AdministratorsManageTheKey": "in a key policy * is the key",
    "ThePublishRoleUsesItThroughSns": "in a key policy * is the key",
}
"""Statements that may allow something on all resources, and why."""

WIDE_PRINCIPALS = {
    "AdministratorsManageTheKey": "a key that names no account can become unmanageable for ever",
}
"""Statements that may allow something to all of an account, and why."""


def template(name: str) -> dict[str, Any]:
    """A template with its short forms written out."""
    return parse((FOLDER / name).read_text(encoding="utf-8"))


def listed(value: str | list[str]) -> list[str]:
    """Policies write one thing without a list."""
    return [value] if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a policy that a template makes."""

    sid: str
    raw: Mapping[str, Any]

    @property
    def allows(self) -> bool:
        """Whether it is no denial."""
        return bool(self.raw["Effect"] == "Allow")

    @property
    def actions(self) -> list[str]:
        """What it is about."""
        return listed(self.raw["Action"])

    @property
    def resources(self) -> list[str]:
        """What it can be done to; nothing in a trust policy, which is about its role."""
        return listed(self.raw.get("Resource", []))

    @property
    def principals(self) -> list[str]:
        """Who may; nobody in a role's own policy, which is about its role."""
        principal = self.raw.get("Principal", {})
        values = [principal] if isinstance(principal, str) else principal.values()
        return [each for value in values for each in listed(value)]

    @property
    def keys(self) -> set[str]:
        """The condition keys that narrow it."""
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
    """Every statement that a deployment makes."""
    resources = resolve(template(name), parameters, HERE).values()
    return [each for found in resources for each in statements(dict(found.properties))]


@cache
def allowed() -> list[Statement]:
    """Every statement that allows something, in all deployments."""
    return [each for name, given in DEPLOYMENTS for each in deployed(name, given) if each.allows]


by_template = pytest.mark.parametrize("name", NAMES)


def test_cfn_lint_finds_nothing() -> None:
    """No error, warning or remark, in old and new regions of every partition that is open."""
    linter = Path(sys.executable).with_name("cfn-lint")
    command = [str(linter), "--include-checks", "I", "--regions", *REGIONS]
    files = [str(FOLDER / name) for name in NAMES]
    done = subprocess.run(
        [*command, "--", *files], capture_output=True, text=True, timeout=600, check=False
    )

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_every_template_is_looked_at_here() -> None:
    """A template that is added is tested."""
    assert sorted(NAMES) == sorted(path.name for path in FOLDER.iterdir())


@by_template
def test_a_template_can_be_sent_whole(name: str) -> None:
    """It is small enough to go into a request."""
    assert len((FOLDER / name).read_bytes()) < LARGEST_BODY


@by_template
def test_parameters_and_outputs_explain_themselves(name: str) -> None:
    """Each says what it is; each parameter says what it may be, and what is wrong if it is not."""
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
def test_the_console_shows_every_parameter_in_a_group(name: str) -> None:
    """Each parameter stands in one group, under a label."""
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
"""What parameters take, and what they do not."""


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
        (REGION_TOPIC, "TopicName", ["releases_2"], ["", "releases.fifo"]),
        (REGION_TOPIC, "SubscriberAccountIds", ["", "444455556666"], ["4444", "*"]),
        (EXECUTION_ROLE, "AdministrationRoleName", *NAME_WITH_A_PATH),
        (EXECUTION_ROLE, "StackSetPrefix", ["ami-tracker"], ["", "1st", "a_b", "*"]),
    ],
)
def test_parameters_take_what_is_meant_and_nothing_else(
    name: str, parameter: str, good: list[str], bad: list[str]
) -> None:
    """CloudFormation matches a list's pattern with each of its members."""
    pattern = template(name)["Parameters"][parameter]["AllowedPattern"]

    assert [each for each in [*good, *bad] if re.fullmatch(pattern, each)] == good


def test_defaults_are_those_of_the_services() -> None:
    """Deployed by hand with defaults, the roles and topics are found by functions with defaults."""
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
def test_no_template_knows_a_partition(name: str) -> None:
    """ARNs and endpoints are built from pseudo parameters, so that China and GovCloud work."""
    text = (FOLDER / name).read_text(encoding="utf-8")

    assert re.findall(r"arn:aws|\.amazonaws\.com\.cn|sns\.[^ ]*\.amazonaws\.com", text) == []


def test_no_statement_allows_more_actions_than_it_names() -> None:
    """No action is a whole service or everything, unless a reason is given here."""
    wide = {each.sid for each in allowed() if any(a.split(":")[-1] == "*" for a in each.actions)}
    inverted = {
        each.sid
        for each in allowed()
        if {"NotAction", "NotResource", "NotPrincipal"} & set(each.raw)
    }

    assert wide == set(WIDE_ACTIONS)
    assert inverted == set()


def test_no_statement_allows_something_on_everything() -> None:
    """No resource is everything, unless a reason is given here."""
    assert {each.sid for each in allowed() if "*" in each.resources} == set(WIDE_RESOURCES)


def test_no_statement_allows_something_to_everybody() -> None:
    """Where an account or everybody is the principal, a condition narrows it to those meant."""
    narrowing = {"aws:PrincipalArn", "aws:PrincipalOrgID", "aws:PrincipalAccount"}
    wide = {each.sid for each in allowed() if each.principals and not each.keys & narrowing}

    assert wide == set(WIDE_PRINCIPALS)


def test_no_statement_names_who_must_exist() -> None:
    """Principals are whole accounts: a role in their place must exist, and dangles when it goes."""
    strange = {
        principal
        for each in allowed()
        for principal in each.principals
        if principal != "*" and not re.fullmatch(r"arn:aws:iam::\d{12}:root", principal)
    }

    assert strange == set()


def test_the_execution_role_can_make_and_remove_what_the_templates_hold() -> None:
    """Each type of resource of the two templates has its calls in the execution role's policy."""
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


def test_without_customer_keys_the_execution_role_touches_none() -> None:
    """Keys are the account's most delicate resources: it gets them only where it needs them."""
    role = resolve(template(EXECUTION_ROLE), HUB, HERE)["ExecutionRole"].properties
    actions = [action for each in statements(dict(role)) for action in each.actions]

    assert [each for each in actions if each.startswith("kms:")] == []


BOUNDARIES = {
    "": "arn:aws:iam::111122223333:policy/ami-tracker-members-boundary",
    "team/bound": "arn:aws:iam::111122223333:policy/team/bound",
    OF_AWS: OF_AWS,
}
"""What is given to the execution role's template, and the boundary that it then requires."""


@pytest.mark.parametrize("given", BOUNDARIES)
def test_no_role_is_made_without_the_boundary(given: str) -> None:
    """What gives a role permissions requires the boundary, and nothing removes or changes it."""
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
    assert {a for a in actions if a.startswith("iam:")} & LIFTING == set()
    assert {a for a in actions if a.startswith("iam:") and "*" in a} == set()


LIFTING = {
    "iam:AttachRolePolicy",
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:DeleteRolePermissionsBoundary",
    "iam:PassRole",
    "iam:SetDefaultPolicyVersion",
}
"""What could lift or avoid a boundary, or is not needed for the roles."""


@pytest.mark.parametrize("given", BOUNDARIES)
def test_roles_have_the_boundary_that_is_given(given: str) -> None:
    """A name is a policy of the account, an ARN a policy of AWS, and nothing is none."""
    expected = BOUNDARIES[given] if given else None
    for name, more in ((MEMBER_ROLES, MEMBER), (EXECUTION_ROLE, HUB)):
        made = resolve(template(name), {**more, "PermissionsBoundary": given}, HERE).values()
        roles = [each.properties for each in made if each.kind == "AWS::IAM::Role"]

        assert {each.get("PermissionsBoundary") for each in roles} == {expected}


def test_roles_have_the_path() -> None:
    """The members' roles have the path that is given, and as before none where none is given."""
    paths = [
        each.properties.get("Path")
        for given in ({}, {"RolePath": "/platform/"})
        for each in resolve(template(MEMBER_ROLES), {**MEMBER, **given}, HERE).values()
    ]

    assert paths == [None, None, "/platform/", "/platform/"]


def test_the_boundary_is_made_where_none_is_given() -> None:
    """An organisation's own boundary replaces ours."""
    ours = resolve(template(EXECUTION_ROLE), HUB, HERE)
    theirs = resolve(template(EXECUTION_ROLE), {**HUB, "PermissionsBoundary": "team"}, HERE)

    assert set(ours) == {"MembersBoundary", "ExecutionRole"}
    assert set(theirs) == {"ExecutionRole"}


def test_the_boundary_allows_what_the_roles_need() -> None:
    """Each action and resource of the two roles, of FIFO topics too, is in the boundary."""
    paths = {"ParameterPaths": "/golden/*,/base/linux"}
    bound = resolve(template(EXECUTION_ROLE), {**HUB, **paths}, HERE)["MembersBoundary"].properties
    allowed = {(a, r) for s in statements(dict(bound)) for a in s.actions for r in s.resources}
    needed = {
        (action, resource)
        for fifo in ("true", "false")
        for each in deployed(MEMBER_ROLES, {**MEMBER, **paths, "Fifo": fifo})
        for action in each.actions
        for resource in each.resources
    }

    assert allowed == needed
