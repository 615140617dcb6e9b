"""The evaluator of policies, rule by rule, as IAM's documentation states them."""

from __future__ import annotations

from typing import Any

import pytest
from iam import (
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

OURS, THEIRS = "111122223333", "444455556666"
ROLE = f"arn:aws:iam::{OURS}:role/worker"
SESSION = f"arn:aws:sts::{OURS}:assumed-role/worker/session"
FOREIGN_ROLE = f"arn:aws:iam::{THEIRS}:role/worker"
TOPIC = f"arn:aws:sns:eu-west-1:{OURS}:releases"
KEY = f"arn:aws:kms:eu-west-1:{OURS}:key/1234"
TARGET_ROLE = f"arn:aws:iam::{OURS}:role/target"
PUBLISH = "sns:Publish"


def policy(*statements: dict[str, Any]) -> Policy:
    """A policy of these statements."""
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


def ask(
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
        pytest.param([policy(statement(action=["sns:*"]))], True, id="actions take wildcards"),
        pytest.param([policy(statement(action="SNS:pub*"))], True, id="actions ignore case"),
        pytest.param([policy(statement(action="sns:Publis"))], False, id="actions match whole"),
        pytest.param([policy(statement(action="sns:Publis?"))], True, id="? is one character"),
        pytest.param([policy(statement(Resource="*"))], True, id="* is every resource"),
        pytest.param(
            [policy(statement(Resource="arn:aws:sns:*:111122223333:releases"))],
            True,
            id="a part of an ARN may be *",
        ),
        pytest.param(
            [policy(statement(Resource=["arn:aws:sns:eu-west-1:111122223333:RELEASES"]))],
            False,
            id="resources mind case",
        ),
        pytest.param(
            [policy(statement(Resource="arn:aws:sns:*:releases:*"))],
            False,
            id="* stays in its part of an ARN",
        ),
    ],
)
def test_identity_policies(identity: list[Policy], expected: bool) -> None:  # noqa: FBT001 - a table
    """By identity policies alone, a request needs an allow and no deny."""
    assert ask(role_session(ROLE, *identity)) == expected


def test_actions_without_resources_need_every_resource() -> None:
    """What knows no resources is allowed by `*` only, whatever ARNs are listed."""
    listed = policy(
        {**statement(action="ec2:DescribeImages"), "Resource": "arn:aws:ec2:*:*:image/*"}
    )
    every = policy({**statement(action="ec2:DescribeImages"), "Resource": "*"})

    assert [
        ask(role_session(ROLE, each), action="ec2:DescribeImages", resource="*")
        for each in (listed, every)
    ] == [False, True]


@pytest.mark.parametrize(
    ("boundary", "session_policy", "expected"),
    [
        pytest.param(PERMITTED, PERMITTED, True, id="both allow"),
        pytest.param(NOTHING, None, False, id="the boundary lacks it"),
        pytest.param(None, NOTHING, False, id="the session policy lacks it"),
        pytest.param(FORBIDDEN, None, False, id="the boundary denies it"),
        pytest.param(None, FORBIDDEN, False, id="the session policy denies it"),
    ],
)
def test_limits(boundary: Policy | None, session_policy: Policy | None, expected: bool) -> None:  # noqa: FBT001 - a table
    """Boundaries and session policies narrow what the identity policy allows."""
    caller = role_session(ROLE, PERMITTED, boundary=boundary, session_policy=session_policy)

    assert ask(caller) == expected


def test_limits_grant_nothing() -> None:
    """A boundary or session policy that allows something gives nobody anything."""
    assert not ask(role_session(ROLE, boundary=ANY, session_policy=ANY))


BARE = role_session(ROLE)
BOUNDED = role_session(ROLE, boundary=NOTHING)
SESSION_BOUND = role_session(ROLE, PERMITTED, session_policy=NOTHING)
HOLDER = role_session(ROLE, PERMITTED)
ROOT_ARN = f"arn:aws:iam::{OURS}:root"


@pytest.mark.parametrize(
    ("caller", "principal", "expected"),
    [
        pytest.param(BARE, {"AWS": ROLE}, True, id="a role needs no identity policy"),
        pytest.param(BOUNDED, {"AWS": ROLE}, False, id="but its boundary limits it"),
        pytest.param(SESSION_BOUND, {"AWS": ROLE}, False, id="and so does its session policy"),
        pytest.param(BOUNDED, {"AWS": SESSION}, True, id="no boundary limits a named session"),
        pytest.param(BOUNDED, "*", True, id="nor everybody"),
        pytest.param(BARE, {"AWS": [THEIRS, "*"]}, True, id="everybody, the other way"),
        pytest.param(BARE, {"AWS": ROOT_ARN}, False, id="an account only delegates"),
        pytest.param(HOLDER, {"AWS": OURS}, True, id="to those with an identity policy"),
        pytest.param(HOLDER, {"AWS": THEIRS}, True, id="who need no allow of the resource"),
        pytest.param(BARE, {"AWS": FOREIGN_ROLE}, False, id="another role is somebody else"),
        pytest.param(root(OURS), {"AWS": ROLE}, True, id="root may without being named"),
        pytest.param(BARE, {"Service": "sns.amazonaws.com"}, False, id="a role is no service"),
    ],
)
def test_resource_policies_in_the_account(caller: Caller, principal: Any, expected: bool) -> None:  # noqa: ANN401, FBT001 - a table
    """Within an account, identity or resource allows; the kind of principal says what may limit."""
    assert ask(caller, to(principal)) == expected


@pytest.mark.parametrize(
    ("caller", "principal", "expected"),
    [
        pytest.param(role_session(FOREIGN_ROLE, PERMITTED), {"AWS": THEIRS}, True, id="both"),
        pytest.param(role_session(FOREIGN_ROLE), {"AWS": THEIRS}, False, id="resource alone"),
        pytest.param(role_session(FOREIGN_ROLE), "*", False, id="even for everybody"),
        pytest.param(role_session(FOREIGN_ROLE, ANY), {"AWS": OURS}, False, id="identity alone"),
        pytest.param(root(THEIRS), {"AWS": OURS}, False, id="root of another account"),
        pytest.param(
            role_session(FOREIGN_ROLE, PERMITTED, session_policy=NOTHING),
            {"AWS": FOREIGN_ROLE},
            False,
            id="a session policy limits here as well",
        ),
    ],
)
def test_across_accounts(caller: Caller, principal: Any, expected: bool) -> None:  # noqa: ANN401, FBT001 - a table
    """Across accounts, the caller's account and the resource's must both allow."""
    assert ask(caller, to(principal)) == expected


def test_a_resource_without_a_policy_is_its_accounts_alone() -> None:
    """Nobody reaches another account's resource that bears no policy."""
    assert ask(HOLDER)
    assert not ask(role_session(FOREIGN_ROLE, ANY))


def test_resource_denies_are_final() -> None:
    """A deny in the resource's policy binds root too, and only those whom it names."""
    denying = policy(
        statement("Deny", Principal="*", Condition={"ArnNotEquals": {"aws:PrincipalArn": ROLE}}),
        statement(Principal="*"),
    )

    assert ask(HOLDER, denying)
    assert not ask(root(OURS), denying)
    assert not ask(service("cloudwatch.amazonaws.com"), denying)
    assert ask(HOLDER, policy(statement("Deny", Principal={"AWS": THEIRS})))


def test_services() -> None:
    """A service needs the resource's allow, by name or for everybody, and nothing else."""
    cloudwatch = service("cloudwatch.amazonaws.com")

    assert ask(cloudwatch, to({"Service": "cloudwatch.amazonaws.com"}))
    assert ask(cloudwatch, to("*"))
    assert not ask(cloudwatch, to({"Service": ["events.amazonaws.com"]}))
    assert not ask(cloudwatch, to({"AWS": OURS}))
    assert not ask(cloudwatch)


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
        pytest.param(BARE, {"AWS": ROLE}, True, id="a trusted role of the account may"),
        pytest.param(role_session(ROLE, ANY), {"AWS": THEIRS}, False, id="trust is not optional"),
        pytest.param(root(OURS), {"AWS": THEIRS}, False, id="not even for root"),
        pytest.param(
            role_session(FOREIGN_ROLE, MAY_ASSUME), {"AWS": FOREIGN_ROLE}, True, id="from abroad"
        ),
        pytest.param(
            role_session(FOREIGN_ROLE), {"AWS": FOREIGN_ROLE}, False, id="from abroad, trust alone"
        ),
        pytest.param(
            service("lambda.amazonaws.com"), {"Service": "lambda.amazonaws.com"}, True, id="service"
        ),
    ],
)
def test_trust_policies(caller: Caller, principal: Any, expected: bool) -> None:  # noqa: ANN401, FBT001 - a table
    """A role's trust policy must allow, in its own account too."""
    assert ask(caller, trust(principal), action="sts:AssumeRole", resource=TARGET_ROLE) == expected


@pytest.mark.parametrize(
    ("external_id", "expected"),
    [("old", True), ("new", True), ("guessed", False), ("OLD", False), (None, False)],
)
def test_external_ids(external_id: str | None, expected: bool) -> None:  # noqa: FBT001 - a table
    """One of the listed external ids has to be given, letter for letter."""
    trusting = trust({"AWS": OURS}, StringEquals={"sts:ExternalId": ["old", "new"]})
    context = {"sts__ExternalId": external_id} if external_id else {}
    caller = role_session(ROLE, MAY_ASSUME)

    assert (
        ask(caller, trusting, action="sts:AssumeRole", resource=TARGET_ROLE, **context) == expected
    )


def key_policy(principal: Any, **condition: Any) -> Policy:  # noqa: ANN401 - as policies have it
    """A key's policy that lets a principal decrypt."""
    allow = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Principal": principal}
    return policy(allow | ({"Condition": condition} if condition else {}))


MAY_DECRYPT = policy({"Effect": "Allow", "Action": "kms:*", "Resource": KEY})
VIA_SNS = {"kms:ViaService": "sns.eu-west-1.amazonaws.com", "kms:CallerAccount": OURS}


@pytest.mark.parametrize(
    ("caller", "guard", "context", "expected"),
    [
        pytest.param(
            role_session(ROLE, MAY_DECRYPT), key_policy({"AWS": ROOT_ARN}), {}, True, id="delegated"
        ),
        pytest.param(BARE, key_policy({"AWS": ROOT_ARN}), {}, False, id="delegated, not taken up"),
        pytest.param(
            role_session(ROLE, ANY), key_policy({"AWS": ROLE + "2"}), {}, False, id="not delegated"
        ),
        pytest.param(root(OURS), key_policy({"AWS": ROLE}), {}, False, id="root locked out"),
        pytest.param(BARE, key_policy({"AWS": ROLE}), {}, True, id="a role that the key names"),
        pytest.param(
            BARE,
            key_policy("*", StringEquals=VIA_SNS),
            {"kms__ViaService": "sns.eu-west-1.amazonaws.com"},
            True,
            id="everybody of the account, through SNS",
        ),
        pytest.param(BARE, key_policy("*", StringEquals=VIA_SNS), {}, False, id="directly instead"),
        pytest.param(
            role_session(FOREIGN_ROLE, MAY_DECRYPT),
            key_policy("*", StringEquals=VIA_SNS),
            {"kms__ViaService": "sns.eu-west-1.amazonaws.com"},
            False,
            id="through SNS from another account",
        ),
    ],
)
def test_key_policies(
    caller: Caller,
    guard: Policy,
    context: dict[str, str],
    expected: bool,  # noqa: FBT001 - a table
) -> None:
    """A key's own policy must allow; naming the account lets identity policies decide."""
    assert ask(caller, guard, action="kms:Decrypt", resource=KEY, **context) == expected


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
    """Values are alternatives; a missing key fails what is asserted and passes what is negated."""
    context = {} if given is None else {key.replace(":", "__"): given}

    assert ask(role_session(ROLE, conditional(operator, key, wanted)), **context) == expected


def test_conditions_are_all_required() -> None:
    """Operators, and keys within one, must hold together."""
    both = {
        "StringEquals": {"aws:SourceArn": "a", "aws:SourceAccount": OURS},
        "Bool": {"aws:SecureTransport": "true"},
    }
    caller = role_session(ROLE, policy(statement(Condition=both)))

    assert ask(caller, aws__SourceArn="a", aws__SourceAccount=OURS)
    assert not ask(caller, aws__SourceArn="a")
    assert not ask(
        caller, aws__SourceArn="a", aws__SourceAccount=OURS, aws__SecureTransport="false"
    )


@pytest.mark.parametrize(
    ("caller", "key", "value", "expected"),
    [
        (BARE, "aws:PrincipalArn", ROLE, True),
        (BARE, "AWS:principalarn", ROLE, True),
        (BARE, "aws:PrincipalArn", SESSION, False),
        (BARE, "aws:PrincipalAccount", OURS, True),
        (BARE, "aws:PrincipalOrgID", "o-ours", False),
        (role_session(ROLE, organization_id="o-ours"), "aws:PrincipalOrgID", "o-ours", True),
        (service("sns.amazonaws.com"), "aws:PrincipalArn", "*", False),
        (service("sns.amazonaws.com"), "aws:PrincipalIsAWSService", "true", True),
        (BARE, "aws:PrincipalIsAWSService", "false", True),
        (BARE, "aws:RequestedRegion", "eu-west-1", True),
        (BARE, "aws:ResourceAccount", OURS, True),
        (root(OURS), "aws:PrincipalArn", ROOT_ARN, True),
    ],
)
def test_what_the_caller_brings(caller: Caller, key: str, value: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """Who asks, and where, stands in the context; keys ignore case."""
    guard = to("*", Condition={"StringLike": {key: value}})

    assert ask(caller, guard) == expected


@pytest.mark.parametrize(
    "identity",
    [
        pytest.param(policy({**statement(), "NotAction": "sns:*"}), id="NotAction"),
        pytest.param(policy({**statement(), "NotResource": "*"}), id="NotResource"),
        pytest.param(policy({"Effect": "Allow", "Action": "*"}), id="no Resource"),
        pytest.param(to("*"), id="a principal in an identity policy"),
        pytest.param(policy(statement("allow")), id="an effect in small letters"),
        pytest.param(policy(statement(Resource="arn:aws:sns:*")), id="an ARN of few parts"),
        pytest.param(policy(statement(Resource="topic/${aws:username}")), id="a policy variable"),
        pytest.param(policy(statement(Resource=7)), id="a number"),
        pytest.param({"Statement": [statement()]}, id="no version"),
        pytest.param({**policy(statement()), "Comment": "x"}, id="a strange element"),
        pytest.param(conditional("StringMatches", ONE, "a"), id="an unknown operator"),
        pytest.param(conditional("NumericEquals", ONE, "1"), id="an operator that is not used"),
        pytest.param(conditional("ForSome:StringLike", ONE, "1"), id="an unknown quantifier"),
        pytest.param(conditional("ForAnyValue:StringNotLike", LIST, "a"), id="a negated list"),
        pytest.param(conditional("StringEquals", "aws:PrincipleArn", "a"), id="a misspelt key"),
        pytest.param(conditional("StringEquals", LIST, "a"), id="a list without a quantifier"),
    ],
)  # fmt: skip
def test_unknown_elements_are_refused(identity: Policy) -> None:
    """What is not evaluated raises, whatever else the policies say."""
    with pytest.raises(UnsupportedError):
        ask(role_session(ROLE, ANY, identity))


@pytest.mark.parametrize(
    "guard",
    [
        pytest.param(policy({**statement(), "NotPrincipal": "*"}), id="NotPrincipal"),
        pytest.param(policy(statement()), id="no principal"),
        pytest.param(to({"Federated": "cognito-identity.amazonaws.com"}), id="a federation"),
        pytest.param(to({"AWS": "arn:aws:iam::111122223333:role/work*"}), id="a part of a role"),
        pytest.param(to({"AWS": "arn:aws:iam::111122223333:user/anna"}), id="a user"),
        pytest.param(
            to("*", Condition={"ForAnyValue:StringEquals": {LIST: "a"}}),
            id="a key that only identity policies know",
        ),
    ],
)
def test_unknown_principals_are_refused(guard: Policy) -> None:
    """A resource's policy has principals of known kinds, and no key that it cannot use."""
    with pytest.raises(UnsupportedError):
        ask(role_session(ROLE, ANY), guard)


def test_incomplete_questions_are_refused() -> None:
    """Keys and roles are never judged without their policy; unknown context helps nobody."""
    with pytest.raises(UnsupportedError, match="kms:Decrypt"):
        ask(role_session(ROLE, ANY), action="kms:Decrypt", resource=KEY)
    with pytest.raises(UnsupportedError, match="sts:AssumeRole"):
        ask(role_session(ROLE, ANY), action="sts:AssumeRole", resource=TARGET_ROLE)
    with pytest.raises(UnsupportedError, match="aws:favouritecolour"):
        ask(role_session(ROLE, ANY), aws__FavouriteColour="green")
    with pytest.raises(UnsupportedError, match="several values"):
        ask(role_session(ROLE, conditional("StringEquals", ONE, "a")), aws__SourceArn=("a", "b"))
    with pytest.raises(UnsupportedError, match="no role"):
        role_session(SESSION)


def test_the_verdict_says_why() -> None:
    """The statement that denied is named."""
    guard = to("*", "Deny", Sid="OnlyThePublisher")
    request = Request(caller=HOLDER, action=PUBLISH, resource=TOPIC, region="eu-west-1")

    assert authorize(request, guard).reason == "explicit deny: OnlyThePublisher"
    assert authorize(request).reason == "the identity policy allows it"
