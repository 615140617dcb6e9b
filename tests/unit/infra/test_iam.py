"""The policy evaluator follows each rule of IAM's documentation."""

from __future__ import annotations

from typing import Any

import pytest
from support.aws.iam import (
    ANY,
    Caller,
    Policy,
    Request,
    UnsupportedError,
    authorize,
    role_session,
    root,
    service,
)

OWN, OTHER = "111122223333", "444455556666"
ROLE = f"arn:aws:iam::{OWN}:role/worker"
SESSION = f"arn:aws:sts::{OWN}:assumed-role/worker/session"
OTHER_ROLE = f"arn:aws:iam::{OTHER}:role/worker"
TOPIC = f"arn:aws:sns:eu-west-1:{OWN}:releases"
KEY = f"arn:aws:kms:eu-west-1:{OWN}:key/1234"
TARGET_ROLE = f"arn:aws:iam::{OWN}:role/target"
PUBLISH = "sns:Publish"


def policy(*statements: dict[str, Any]) -> Policy:
    """A policy with these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def statement(effect: str = "Allow", action: Any = PUBLISH, **parts: Any) -> dict[str, Any]:  # noqa: ANN401 - as policies have it
    """A statement on the topic; `parts` are further elements."""
    return {"Effect": effect, "Action": action, "Resource": TOPIC, **parts}


def to(principal: Any, effect: str = "Allow", **parts: Any) -> Policy:  # noqa: ANN401 - as above
    """A topic's policy for one principal."""
    return policy(statement(effect, Principal=principal, **parts))


def conditional(operator: str, key: str, values: Any) -> Policy:  # noqa: ANN401 - as above
    """An identity policy under one condition."""
    return policy(statement(Condition={operator: {key: values}}))


def is_allowed(
    caller: Caller,
    resource_policy: Policy | None = None,
    *,
    action: str = PUBLISH,
    resource: str = TOPIC,
    **context: str | tuple[str, ...],
) -> bool:
    """Whether a request in Ireland is allowed; context keys are written `aws__SourceArn`."""
    keys = {name.replace("__", ":"): value for name, value in context.items()}
    request = Request(
        caller=caller, action=action, resource=resource, region="eu-west-1", context=keys
    )
    return authorize(request, resource_policy).allowed


PERMITTED = policy(statement())
NOTHING = policy(statement(action="sns:Subscribe"))
FORBIDDEN = policy(statement("Deny"))


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        pytest.param([], False, id="nothing is allowed by default"),
        pytest.param([PERMITTED], True, id="an allow allows"),
        pytest.param([NOTHING, PERMITTED], True, id="one allow of several policies is enough"),
        pytest.param([PERMITTED, FORBIDDEN], False, id="a deny in another policy is final"),
        pytest.param([policy(statement(action=["sns:*"]))], True, id="actions may have wildcards"),
        pytest.param(
            [policy(statement(action="SNS:pub*"))], True, id="actions are case-insensitive"
        ),
        pytest.param(
            [policy(statement(action="sns:Publis"))], False, id="actions match as a whole"
        ),
        pytest.param([policy(statement(action="sns:Publis?"))], True, id="? matches one character"),
        pytest.param([policy(statement(Resource="*"))], True, id="* matches every resource"),
        pytest.param(
            [policy(statement(Resource="arn:aws:sns:*:111122223333:releases"))],
            True,
            id="a part of an ARN may be *",
        ),
        pytest.param(
            [policy(statement(Resource=["arn:aws:sns:eu-west-1:111122223333:RELEASES"]))],
            False,
            id="resources are case-sensitive",
        ),
        pytest.param(
            [policy(statement(Resource="arn:aws:sns:*:releases:*"))],
            False,
            id="* matches within one part of an ARN",
        ),
    ],
)
def test_identity_policies(identity: list[Policy], expected: bool) -> None:  # noqa: FBT001 - a table
    """With identity policies only, a request needs an allow and no deny."""
    assert is_allowed(role_session(ROLE, *identity)) == expected


def test_actions_without_resources_need_every_resource() -> None:
    """An action without resource-level permissions is allowed only by the resource `*`."""
    listed = policy(
        {**statement(action="ec2:DescribeImages"), "Resource": "arn:aws:ec2:*:*:image/*"}
    )
    every = policy({**statement(action="ec2:DescribeImages"), "Resource": "*"})

    assert [
        is_allowed(role_session(ROLE, each), action="ec2:DescribeImages", resource="*")
        for each in (listed, every)
    ] == [False, True]


@pytest.mark.parametrize(
    ("boundary", "session_policy", "expected"),
    [
        pytest.param(PERMITTED, PERMITTED, True, id="both allow"),
        pytest.param(NOTHING, None, False, id="the boundary does not allow it"),
        pytest.param(None, NOTHING, False, id="the session policy does not allow it"),
        pytest.param(FORBIDDEN, None, False, id="the boundary denies it"),
        pytest.param(None, FORBIDDEN, False, id="the session policy denies it"),
    ],
)
def test_limits(boundary: Policy | None, session_policy: Policy | None, expected: bool) -> None:  # noqa: FBT001 - a table
    """Boundaries and session policies limit what the identity policy allows."""
    caller = role_session(ROLE, PERMITTED, boundary=boundary, session_policy=session_policy)

    assert is_allowed(caller) == expected


def test_limits_grant_nothing() -> None:
    """A boundary or session policy grants no permissions by itself."""
    assert not is_allowed(role_session(ROLE, boundary=ANY, session_policy=ANY))


BARE = role_session(ROLE)
BOUNDED = role_session(ROLE, boundary=NOTHING)
SESSION_BOUND = role_session(ROLE, PERMITTED, session_policy=NOTHING)
HOLDER = role_session(ROLE, PERMITTED)
ROOT_ARN = f"arn:aws:iam::{OWN}:root"


@pytest.mark.parametrize(
    ("caller", "principal", "expected"),
    [
        pytest.param(BARE, {"AWS": ROLE}, True, id="a role needs no identity policy"),
        pytest.param(BOUNDED, {"AWS": ROLE}, False, id="a boundary limits a named role"),
        pytest.param(
            SESSION_BOUND, {"AWS": ROLE}, False, id="a session policy limits a named role"
        ),
        pytest.param(
            BOUNDED, {"AWS": SESSION}, True, id="a boundary does not limit a named session"
        ),
        pytest.param(BOUNDED, "*", True, id="a boundary does not limit *"),
        pytest.param(BARE, {"AWS": [OTHER, "*"]}, True, id="* in a list of principals"),
        pytest.param(BARE, {"AWS": ROOT_ARN}, False, id="an account only delegates"),
        pytest.param(HOLDER, {"AWS": OWN}, True, id="an account with an identity policy"),
        pytest.param(HOLDER, {"AWS": OTHER}, True, id="an identity policy is enough"),
        pytest.param(BARE, {"AWS": OTHER_ROLE}, False, id="a role of another account is not named"),
        pytest.param(root(OWN), {"AWS": ROLE}, True, id="root need not be named"),
        pytest.param(BARE, {"Service": "sns.amazonaws.com"}, False, id="a role is not a service"),
    ],
)
def test_resource_policies_in_the_account(caller: Caller, principal: Any, expected: bool) -> None:  # noqa: ANN401, FBT001 - a table
    """Within an account, either policy allows; the kind of principal decides which limits apply."""
    assert is_allowed(caller, to(principal)) == expected


@pytest.mark.parametrize(
    ("caller", "principal", "expected"),
    [
        pytest.param(role_session(OTHER_ROLE, PERMITTED), {"AWS": OTHER}, True, id="both"),
        pytest.param(
            role_session(OTHER_ROLE), {"AWS": OTHER}, False, id="only the resource policy"
        ),
        pytest.param(role_session(OTHER_ROLE), "*", False, id="only the resource policy, with *"),
        pytest.param(
            role_session(OTHER_ROLE, ANY), {"AWS": OWN}, False, id="only the identity policy"
        ),
        pytest.param(root(OTHER), {"AWS": OWN}, False, id="root of another account"),
        pytest.param(
            role_session(OTHER_ROLE, PERMITTED, session_policy=NOTHING),
            {"AWS": OTHER_ROLE},
            False,
            id="a session policy limits the caller",
        ),
    ],
)
def test_across_accounts(caller: Caller, principal: Any, expected: bool) -> None:  # noqa: ANN401, FBT001 - a table
    """Across accounts, the caller's account and the resource's must both allow."""
    assert is_allowed(caller, to(principal)) == expected


def test_resource_without_a_policy_is_for_its_own_account() -> None:
    """No other account can use a resource without a resource policy."""
    assert is_allowed(HOLDER)
    assert not is_allowed(role_session(OTHER_ROLE, ANY))


def test_resource_denies_are_final() -> None:
    """A deny in the resource's policy applies to root too, and only to the principals it names."""
    denying = policy(
        statement("Deny", Principal="*", Condition={"ArnNotEquals": {"aws:PrincipalArn": ROLE}}),
        statement(Principal="*"),
    )

    assert is_allowed(HOLDER, denying)
    assert not is_allowed(root(OWN), denying)
    assert not is_allowed(service("cloudwatch.amazonaws.com"), denying)
    assert is_allowed(HOLDER, policy(statement("Deny", Principal={"AWS": OTHER})))


def test_services() -> None:
    """A service needs only an allow in the resource's policy, by its name or for `*`."""
    cloudwatch = service("cloudwatch.amazonaws.com")

    assert is_allowed(cloudwatch, to({"Service": "cloudwatch.amazonaws.com"}))
    assert is_allowed(cloudwatch, to("*"))
    assert not is_allowed(cloudwatch, to({"Service": ["events.amazonaws.com"]}))
    assert not is_allowed(cloudwatch, to({"AWS": OWN}))
    assert not is_allowed(cloudwatch)


def trust(principal: Any, **condition: Any) -> Policy:  # noqa: ANN401 - as policies have it
    """A role's trust policy."""
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return policy(allow | ({"Condition": condition} if condition else {}))


MAY_ASSUME = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": TARGET_ROLE})


@pytest.mark.parametrize(
    ("caller", "principal", "expected"),
    [
        pytest.param(role_session(ROLE, MAY_ASSUME), {"AWS": ROOT_ARN}, True, id="both"),
        pytest.param(BARE, {"AWS": ROOT_ARN}, False, id="a trusted account only delegates"),
        pytest.param(BARE, {"AWS": ROLE}, True, id="a trusted role of the same account"),
        pytest.param(
            role_session(ROLE, ANY), {"AWS": OTHER}, False, id="not trusted, same account"
        ),
        pytest.param(root(OWN), {"AWS": OTHER}, False, id="not trusted, root"),
        pytest.param(
            role_session(OTHER_ROLE, MAY_ASSUME),
            {"AWS": OTHER_ROLE},
            True,
            id="from another account",
        ),
        pytest.param(
            role_session(OTHER_ROLE),
            {"AWS": OTHER_ROLE},
            False,
            id="from another account, trust policy only",
        ),
        pytest.param(
            service("lambda.amazonaws.com"), {"Service": "lambda.amazonaws.com"}, True, id="service"
        ),
    ],
)
def test_trust_policies(caller: Caller, principal: Any, expected: bool) -> None:  # noqa: ANN401, FBT001 - a table
    """A role's trust policy must allow, within its own account too."""
    assert (
        is_allowed(caller, trust(principal), action="sts:AssumeRole", resource=TARGET_ROLE)
        == expected
    )


@pytest.mark.parametrize(
    ("external_id", "expected"),
    [("old", True), ("new", True), ("guessed", False), ("OLD", False), (None, False)],
)
def test_external_ids(external_id: str | None, expected: bool) -> None:  # noqa: FBT001 - a table
    """The call must have one of the listed external ids, which are case-sensitive."""
    trusting = trust({"AWS": OWN}, StringEquals={"sts:ExternalId": ["old", "new"]})
    context = {"sts__ExternalId": external_id} if external_id else {}
    caller = role_session(ROLE, MAY_ASSUME)

    assert (
        is_allowed(caller, trusting, action="sts:AssumeRole", resource=TARGET_ROLE, **context)
        == expected
    )


def key_policy(principal: Any, **condition: Any) -> Policy:  # noqa: ANN401 - as policies have it
    """A key's policy that lets a principal decrypt."""
    allow = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Principal": principal}
    return policy(allow | ({"Condition": condition} if condition else {}))


MAY_DECRYPT = policy({"Effect": "Allow", "Action": "kms:*", "Resource": KEY})
VIA_SNS = {"kms:ViaService": "sns.eu-west-1.amazonaws.com", "kms:CallerAccount": OWN}


@pytest.mark.parametrize(
    ("caller", "resource_policy", "context", "expected"),
    [
        pytest.param(
            role_session(ROLE, MAY_DECRYPT), key_policy({"AWS": ROOT_ARN}), {}, True, id="delegated"
        ),
        pytest.param(
            BARE, key_policy({"AWS": ROOT_ARN}), {}, False, id="delegated, no identity policy"
        ),
        pytest.param(
            role_session(ROLE, ANY), key_policy({"AWS": ROLE + "2"}), {}, False, id="not delegated"
        ),
        pytest.param(root(OWN), key_policy({"AWS": ROLE}), {}, False, id="root not named"),
        pytest.param(BARE, key_policy({"AWS": ROLE}), {}, True, id="a named role"),
        pytest.param(
            BARE,
            key_policy("*", StringEquals=VIA_SNS),
            {"kms__ViaService": "sns.eu-west-1.amazonaws.com"},
            True,
            id="all principals of the account, through SNS",
        ),
        pytest.param(
            BARE,
            key_policy("*", StringEquals=VIA_SNS),
            {},
            False,
            id="all principals, not through SNS",
        ),
        pytest.param(
            role_session(OTHER_ROLE, MAY_DECRYPT),
            key_policy("*", StringEquals=VIA_SNS),
            {"kms__ViaService": "sns.eu-west-1.amazonaws.com"},
            False,
            id="through SNS from another account",
        ),
    ],
)
def test_key_policies(
    caller: Caller,
    resource_policy: Policy,
    context: dict[str, str],
    expected: bool,  # noqa: FBT001 - a table
) -> None:
    """A key policy must allow; one that names the account delegates to identity policies."""
    assert (
        is_allowed(caller, resource_policy, action="kms:Decrypt", resource=KEY, **context)
        == expected
    )


ONE, LIST = "aws:SourceArn", "kms:ResourceAliases"


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "given", "expected"),
    [
        ("StringEquals", ONE, "a", "a", True),
        ("StringEquals", ONE, ["b", "a"], "a", True),
        ("StringEquals", ONE, "a", "A", False),
        ("StringEquals", ONE, "a*", "ab", False),
        ("StringEquals", ONE, "a", None, False),
        ("StringEqualsIfExists", ONE, "a", None, True),
        ("StringEqualsIfExists", ONE, "a", "b", False),
        ("StringNotEquals", ONE, "a", "b", True),
        ("StringNotEquals", ONE, ["a", "b"], "b", False),
        ("StringNotEquals", ONE, "a", None, True),
        ("StringLike", ONE, "a?c*", "abcd", True),
        ("StringLike", ONE, "a[bc]", "ab", False),
        ("StringNotLike", ONE, "a*", "ab", False),
        ("ArnEquals", ONE, "arn:aws:sns:*:1:a*", "arn:aws:sns:x:1:ab", True),
        ("ArnLike", ONE, "arn:aws:*:1:a:b", "arn:aws:sns:x:1:b", False),
        ("ArnLike", ONE, "arn:aws:sns:x:1:a", None, False),
        ("ArnNotEquals", ONE, "arn:aws:sns:x:1:a", "arn:aws:sns:x:1:b", True),
        ("ArnNotEquals", ONE, "arn:aws:sns:x:1:a", None, True),
        ("ArnNotEqualsIfExists", ONE, "arn:aws:sns:x:1:a", "arn:aws:sns:x:1:a", False),
        ("ArnNotLike", ONE, "arn:aws:sns:x:1:*", "arn:aws:sns:x:1:a", False),
        ("Bool", "aws:SecureTransport", "false", "False", True),
        ("Bool", "aws:SecureTransport", "false", "true", False),
        ("Bool", "kms:GrantIsForAWSResource", "true", None, False),
        ("BoolIfExists", "kms:GrantIsForAWSResource", "true", None, True),
        ("Null", ONE, "true", None, True),
        ("Null", ONE, "true", "a", False),
        ("Null", ONE, "false", "a", True),
        ("ForAnyValue:StringEquals", LIST, "a", ("b", "a"), True),
        ("ForAnyValue:StringEquals", LIST, ["a", "c"], ("b",), False),
        ("ForAnyValue:StringEquals", LIST, "a", None, False),
        ("ForAllValues:StringEquals", LIST, ["a", "b"], ("b", "a"), True),
        ("ForAllValues:StringEquals", LIST, "a", ("b", "a"), False),
        ("ForAllValues:StringLike", LIST, "a*", None, True),
        ("ForAnyValue:StringEqualsIfExists", LIST, "a", None, True),
    ],
)  # fmt: skip
def test_condition_operators(
    operator: str,
    key: str,
    wanted: Any,  # noqa: ANN401 - as policies have it
    given: Any,  # noqa: ANN401 - as a request has it
    expected: bool,  # noqa: FBT001 - a table
) -> None:
    """Values are alternatives; a missing key fails a plain operator and passes a negated one."""
    context = {} if given is None else {key.replace(":", "__"): given}

    assert is_allowed(role_session(ROLE, conditional(operator, key, wanted)), **context) == expected


def test_conditions_are_all_required() -> None:
    """All operators, and all keys of an operator, must match."""
    both = {
        "StringEquals": {"aws:SourceArn": "a", "aws:SourceAccount": OWN},
        "Bool": {"aws:SecureTransport": "true"},
    }
    caller = role_session(ROLE, policy(statement(Condition=both)))

    assert is_allowed(caller, aws__SourceArn="a", aws__SourceAccount=OWN)
    assert not is_allowed(caller, aws__SourceArn="a")
    assert not is_allowed(
        caller, aws__SourceArn="a", aws__SourceAccount=OWN, aws__SecureTransport="false"
    )


@pytest.mark.parametrize(
    ("caller", "key", "value", "expected"),
    [
        (BARE, "aws:PrincipalArn", ROLE, True),
        (BARE, "AWS:principalarn", ROLE, True),
        (BARE, "aws:PrincipalArn", SESSION, False),
        (BARE, "aws:PrincipalAccount", OWN, True),
        (BARE, "aws:PrincipalOrgID", "o-own", False),
        (role_session(ROLE, organization_id="o-own"), "aws:PrincipalOrgID", "o-own", True),
        (service("sns.amazonaws.com"), "aws:PrincipalArn", "*", False),
        (service("sns.amazonaws.com"), "aws:PrincipalIsAWSService", "true", True),
        (BARE, "aws:PrincipalIsAWSService", "false", True),
        (BARE, "aws:RequestedRegion", "eu-west-1", True),
        (BARE, "aws:ResourceAccount", OWN, True),
        (root(OWN), "aws:PrincipalArn", ROOT_ARN, True),
    ],
)
def test_context_keys_of_the_request(caller: Caller, key: str, value: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """Caller and region are in the request context; keys are case-insensitive."""
    resource_policy = to("*", Condition={"StringLike": {key: value}})

    assert is_allowed(caller, resource_policy) == expected


@pytest.mark.parametrize(
    "identity",
    [
        pytest.param(policy({**statement(), "NotAction": "sns:*"}), id="NotAction"),
        pytest.param(policy({**statement(), "NotResource": "*"}), id="NotResource"),
        pytest.param(policy({"Effect": "Allow", "Action": "*"}), id="no Resource"),
        pytest.param(to("*"), id="a principal in an identity policy"),
        pytest.param(policy(statement("allow")), id="an effect in lower case"),
        pytest.param(policy(statement(Resource="arn:aws:sns:*")), id="an ARN of few parts"),
        pytest.param(policy(statement(Resource="topic/${aws:username}")), id="a policy variable"),
        pytest.param(policy(statement(Resource=7)), id="a number"),
        pytest.param({"Statement": [statement()]}, id="no version"),
        pytest.param({**policy(statement()), "Comment": "x"}, id="an unknown element"),
        pytest.param(conditional("StringMatches", ONE, "a"), id="an unknown operator"),
        pytest.param(conditional("NumericEquals", ONE, "1"), id="an operator that is not used"),
        pytest.param(conditional("ForSome:StringLike", ONE, "1"), id="an unknown quantifier"),
        pytest.param(conditional("ForAnyValue:StringNotLike", LIST, "a"), id="a negated list"),
        pytest.param(conditional("StringEquals", "aws:PrincipleArn", "a"), id="a misspelt key"),
        pytest.param(conditional("StringEquals", LIST, "a"), id="a list without a quantifier"),
    ],
)  # fmt: skip
def test_unknown_elements_are_refused(identity: Policy) -> None:
    """An unsupported element raises an error, even if another policy allows everything."""
    with pytest.raises(UnsupportedError):
        is_allowed(role_session(ROLE, ANY, identity))


@pytest.mark.parametrize(
    "resource_policy",
    [
        pytest.param(policy({**statement(), "NotPrincipal": "*"}), id="NotPrincipal"),
        pytest.param(policy(statement()), id="no principal"),
        pytest.param(to({"Federated": "cognito-identity.amazonaws.com"}), id="a federation"),
        pytest.param(
            to({"AWS": "arn:aws:iam::111122223333:role/work*"}), id="a wildcard in a role"
        ),
        pytest.param(to({"AWS": "arn:aws:iam::111122223333:user/anna"}), id="a user"),
        pytest.param(
            to("*", Condition={"ForAnyValue:StringEquals": {LIST: "a"}}),
            id="a key for identity policies only",
        ),
    ],
)
def test_unknown_principals_are_refused(resource_policy: Policy) -> None:
    """A resource's policy may have only supported principals and condition keys."""
    with pytest.raises(UnsupportedError):
        is_allowed(role_session(ROLE, ANY), resource_policy)


def test_incomplete_requests_are_refused() -> None:
    """Keys and roles need their policy, and unknown context keys raise an error."""
    with pytest.raises(UnsupportedError, match="kms:Decrypt"):
        is_allowed(role_session(ROLE, ANY), action="kms:Decrypt", resource=KEY)
    with pytest.raises(UnsupportedError, match="sts:AssumeRole"):
        is_allowed(role_session(ROLE, ANY), action="sts:AssumeRole", resource=TARGET_ROLE)
    with pytest.raises(UnsupportedError, match="aws:favouritecolour"):
        is_allowed(role_session(ROLE, ANY), aws__FavouriteColour="green")
    with pytest.raises(UnsupportedError, match="several values"):
        is_allowed(
            role_session(ROLE, conditional("StringEquals", ONE, "a")), aws__SourceArn=("a", "b")
        )
    with pytest.raises(UnsupportedError, match="is not the ARN of a role"):
        role_session(SESSION)


def test_decision_has_a_reason() -> None:
    """The reason names the statement that denied the request."""
    resource_policy = to("*", "Deny", Sid="OnlyThePublisher")
    request = Request(caller=HOLDER, action=PUBLISH, resource=TOPIC, region="eu-west-1")

    assert authorize(request, resource_policy).reason == "explicit deny: OnlyThePublisher"
    assert authorize(request).reason == "the identity policy allows it"
