"""Decides whether AWS would authorise a request, from the policies that apply to it.

The evaluator supports the policy elements that our policies use and raises `UnsupportedError` for
all others. Service control policies are not evaluated, because a deployment has none.
The rules are those of the AWS Identity and Access Management User Guide
(https://docs.aws.amazon.com/IAM/latest/UserGuide/), whose pages the docstrings name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cache
from typing import Any

Policy = Mapping[str, Any]
Values = str | tuple[str, ...]
Keys = Mapping[str, tuple[str, ...]]
"""A request's context: every key in lower case, with all of its values."""

ANY: Policy = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
"""An administrator's identity policy."""

_VERSION = "2012-10-17"
_ARN_PARTS = 6
_ACCOUNT = re.compile(r"[0-9]{12}")
_ACCOUNT_ROOT = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}):root")
_ROLE = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:role/[\w+=,.@/-]+")
_ROLE_SESSION = re.compile(r"arn:[a-z-]+:sts::[0-9]{12}:assumed-role/[\w+=,.@-]+/[\w+=,.@-]+")
_PARTS = {
    "identity": {"Effect", "Action", "Resource"},
    "resource": {"Effect", "Action", "Resource", "Principal"},
    "key": {"Effect", "Action", "Resource", "Principal"},
    "trust": {"Effect", "Action", "Principal"},
}

_CONTEXT_KEYS = frozenset(
    name.lower()
    for name in (
        "aws:CalledVia",
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalIsAWSService",
        "aws:PrincipalOrgID",
        "aws:PrincipalServiceName",
        "aws:PrincipalType",
        "aws:RequestedRegion",
        "aws:ResourceAccount",
        "aws:SecureTransport",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceOrgID",
        "aws:ViaAWSService",
        "dynamodb:LeadingKeys",
        "iam:PermissionsBoundary",
        "kms:CallerAccount",
        "kms:EncryptionContext:aws:logs:arn",
        "kms:EncryptionContext:aws:scheduler:schedule:arn",
        "kms:EncryptionContext:aws:sns:topicArn",
        "kms:EncryptionContext:aws:sqs:arn",
        "kms:GrantIsForAWSResource",
        "kms:GrantOperations",
        "kms:ResourceAliases",
        "kms:ViaService",
        "s3:prefix",
        "sns:Endpoint",
        "sns:Protocol",
        "sts:ExternalId",
        "sts:RoleSessionName",
    )
)
_LISTS = frozenset(
    {"aws:calledvia", "dynamodb:leadingkeys", "kms:grantoperations", "kms:resourcealiases"}
)
_IAM_ONLY = "kms:resourcealiases"


class UnsupportedError(Exception):
    """A policy or request uses something that this evaluator does not support."""

    def __init__(self, subject: object, problem: str) -> None:
        super().__init__(f"{subject}: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The principal of a request with its policies; `arn` is `aws:PrincipalArn`."""

    arn: str = ""
    account_id: str = ""
    session_arn: str = ""
    service: str = ""
    organization_id: str = ""
    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session_policy: Policy | None = None

    @property
    def is_root(self) -> bool:
        """Whether this is an account's root user."""
        return _ACCOUNT_ROOT.fullmatch(self.arn) is not None


def role_session(
    role_arn: str,
    *identity: Policy,
    organization_id: str = "",
    boundary: Policy | None = None,
    session_policy: Policy | None = None,
    session_name: str = "session",
) -> Caller:
    """A session of a role, with the role's own policies.

    Raises:
        UnsupportedError: `role_arn` is not the ARN of a role.
    """
    if not _ROLE.fullmatch(role_arn):
        raise UnsupportedError(role_arn, "is not the ARN of a role")
    _, partition, _, _, account_id, resource = role_arn.split(":")
    name = resource.rpartition("/")[2]
    return Caller(
        arn=role_arn,
        account_id=account_id,
        session_arn=f"arn:{partition}:sts::{account_id}:assumed-role/{name}/{session_name}",
        organization_id=organization_id,
        identity=identity,
        boundary=boundary,
        session_policy=session_policy,
    )


def root(account_id: str, *, organization_id: str = "", partition: str = "aws") -> Caller:
    """The root user of an account, who may do everything in it that no policy denies."""
    return Caller(
        arn=f"arn:{partition}:iam::{account_id}:root",
        account_id=account_id,
        organization_id=organization_id,
        identity=(ANY,),
    )


def service(name: str) -> Caller:
    """The service principal of an AWS service, such as `cloudwatch.amazonaws.com`."""
    return Caller(service=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One API request; `context` has the condition keys that caller and region do not determine.

    `resource` is an ARN, or `*` for an action without resource-level permissions. `owner` is the
    account of a resource whose ARN does not have it, such as a bucket.
    """

    caller: Caller
    action: str
    resource: str
    region: str
    context: Mapping[str, Values] = field(default_factory=dict)
    owner: str = ""

    def keys(self) -> Keys:
        """The request context.

        "AWS global condition context keys" lists the keys of each kind of principal.

        Raises:
            UnsupportedError: a key is unknown.
        """
        found = {**_principal_keys(self.caller), **_request_keys(self), **self.context}
        keys = {name.lower(): _many(value) for name, value in found.items()}
        for name in keys:
            _check_key(name)
        return keys


def _principal_keys(caller: Caller) -> dict[str, Values]:
    if caller.service:
        return {"aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": caller.service}
    keys: dict[str, Values] = {
        "aws:PrincipalArn": caller.arn,
        "aws:PrincipalAccount": caller.account_id,
        "aws:PrincipalIsAWSService": "false",
        "aws:PrincipalType": "Account" if caller.is_root else "AssumedRole",
        "kms:CallerAccount": caller.account_id,
    }
    return keys | ({"aws:PrincipalOrgID": caller.organization_id} if caller.organization_id else {})


def _request_keys(request: Request) -> dict[str, Values]:
    account = {"aws:ResourceAccount": owner} if (owner := _account_of(request)) else {}
    return {
        "aws:RequestedRegion": request.region,
        "aws:SecureTransport": "true",
        "aws:ViaAWSService": "false",
        **account,
    }


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about a request, and its reason."""

    allowed: bool
    reason: str


def authorize(request: Request, resource_policy: Policy | None = None) -> Decision:
    """Whether the request is authorised; `resource_policy` is the policy of its resource.

    "Policy evaluation logic", "How AWS enforcement code logic evaluates requests to allow or deny
    access" and "Cross-account policy evaluation logic": an explicit deny in any policy is
    final; within an account, the identity or the resource policy must allow; across accounts, both.

    Raises:
        UnsupportedError: a policy uses an unsupported element, or the resource lacks a policy that
            resources of its type always have.
    """
    keys = request.keys()
    resource_statements = _resource_statements(request, resource_policy)
    if denied := _denial(request, resource_statements, keys):
        return Decision(allowed=False, reason=f"explicit deny: {denied}")
    grant = max((s.grants(request, keys) for s in resource_statements), default=Grant.NONE)
    if request.caller.service:
        return Decision(allowed=grant is not Grant.NONE, reason="the resource's policy decides")
    owner = _account_of(request)
    if owner and owner != request.caller.account_id:
        return _across_accounts(request, grant, keys)
    return _within_account(request, grant, keys)


class Grant(IntEnum):
    """Which further policies must allow after an allow in a resource's policy.

    "AWS JSON policy elements: Principal": for an account, an identity policy must allow too; for a
    role's ARN, boundary and session policy must allow, but not the identity policy; for a
    session's ARN and for `*`, no other policy must allow.
    """

    NONE = 0
    ACCOUNT = 1
    ROLE = 2
    DIRECT = 3


def _across_accounts(request: Request, grant: Grant, keys: Keys) -> Decision:
    if grant is Grant.NONE:
        return Decision(allowed=False, reason="the resource's account allows nothing")
    if not _identity_allows(request, keys):
        return Decision(allowed=False, reason="the caller's account allows nothing")
    return _limited(request, keys, "both accounts allow it")


def _within_account(request: Request, grant: Grant, keys: Keys) -> Decision:
    if grant is Grant.DIRECT:
        return Decision(allowed=True, reason="the resource's policy allows the caller directly")
    if grant is Grant.ROLE:
        return _limited(request, keys, "the resource's policy allows the role")
    if _must_allow(request.action) and grant is Grant.NONE:
        return Decision(allowed=False, reason="the resource's policy does not allow it")
    if not _identity_allows(request, keys):
        return Decision(allowed=False, reason="no policy allows it")
    return _limited(request, keys, "the identity policy allows it")


def _identity_allows(request: Request, keys: Keys) -> bool:
    return any(_allows(policy, request, keys) for policy in request.caller.identity)


def _limited(request: Request, keys: Keys, reason: str) -> Decision:
    """An allow, unless the boundary or the session policy does not allow the request.

    "Permissions boundaries for IAM entities" and "Session policies": both only limit permissions.
    """
    limits = {
        "permissions boundary": request.caller.boundary,
        "session policy": request.caller.session_policy,
    }
    for name, policy in limits.items():
        if policy is not None and not _allows(policy, request, keys):
            return Decision(allowed=False, reason=f"the {name} does not allow it")
    return Decision(allowed=True, reason=reason)


def _allows(policy: Policy, request: Request, keys: Keys) -> bool:
    found = statements(policy, "identity")
    return any(s.effect == "Allow" and s.applies(request, keys) for s in found)


def _denial(request: Request, resource_statements: Sequence[Statement], keys: Keys) -> str | None:
    caller = request.caller
    limits = [policy for policy in (caller.boundary, caller.session_policy) if policy is not None]
    own = [s for policy in (*caller.identity, *limits) for s in statements(policy, "identity")]
    denials = [s for s in own if s.effect == "Deny" and s.applies(request, keys)]
    denials += [s for s in resource_statements if s.effect == "Deny" and s.reaches(request, keys)]
    return denials[0].sid or "a statement without a name" if denials else None


def _must_allow(action: str) -> bool:
    """Whether the resource policy must allow also within an account: trust and key policies."""
    name = action.lower()
    return name.startswith("kms:") or name == "sts:assumerole"


def _resource_statements(request: Request, policy: Policy | None) -> list[Statement]:
    if policy is None:
        if _must_allow(request.action):
            raise UnsupportedError(request.action, "needs its resource's policy")
        return []
    kinds = {"kms": "key", "sts": "trust"}
    return statements(policy, kinds.get(request.action.lower().partition(":")[0], "resource"))


def _account_of(request: Request) -> str:
    """The account that owns the resource; empty if it has none, such as public parameters."""
    return "" if request.resource == "*" else _split(request.resource)[4] or request.owner


# --- statements


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy that has only supported elements."""

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    conditions: tuple[Condition, ...]

    def applies(self, request: Request, keys: Keys) -> bool:
        """Whether action, resource and conditions match."""
        return (
            any(_wild(a.lower(), request.action.lower()) for a in self.actions)
            and any(_arn_like(r, request.resource) for r in self.resources)
            and all(condition.holds(keys) for condition in self.conditions)
        )

    def reaches(self, request: Request, keys: Keys) -> bool:
        """Whether the principals of a resource's policy match as well."""
        return self._grant(request.caller) is not Grant.NONE and self.applies(request, keys)

    def grants(self, request: Request, keys: Keys) -> Grant:
        """What this statement grants the caller, if it is an allow that applies."""
        if self.effect != "Allow" or not self.applies(request, keys):
            return Grant.NONE
        return self._grant(request.caller)

    def _grant(self, caller: Caller) -> Grant:
        found = (_grant_of(kind, name, caller) for kind, name in self.principals)
        return max(found, default=Grant.NONE)


def _grant_of(kind: str, name: str, caller: Caller) -> Grant:
    if name == "*":
        return Grant.DIRECT
    if kind == "Service":
        return Grant.DIRECT if name == caller.service else Grant.NONE
    if caller.service:
        return Grant.NONE
    account = _ACCOUNT_ROOT.fullmatch(name)
    if _ACCOUNT.fullmatch(name) or account:
        return (
            Grant.ACCOUNT if caller.account_id == (account[1] if account else name) else Grant.NONE
        )
    if name == caller.session_arn:
        return Grant.DIRECT
    return Grant.ROLE if name == caller.arn else Grant.NONE


def statements(policy: Policy, kind: str) -> list[Statement]:
    """The statements of an `identity`, `resource`, `trust` or `key` policy.

    "IAM JSON policy elements reference" lists the elements of each kind.

    Raises:
        UnsupportedError: the policy has an unsupported element, or one of another kind.
    """
    unknown = sorted(set(policy) - {"Version", "Id", "Statement"})
    if unknown or policy.get("Version") != _VERSION:
        raise UnsupportedError(
            policy.get("Version"), f"version, or elements {unknown}, of a policy"
        )
    found = policy["Statement"]
    return [_statement(each, kind) for each in (found if isinstance(found, list) else [found])]


def _statement(raw: Mapping[str, Any], kind: str) -> Statement:
    _check_parts(raw, kind)
    return Statement(
        sid=str(raw.get("Sid", "")),
        effect=raw["Effect"],
        actions=tuple(map(_plain, _many(raw["Action"]))),
        resources=tuple(map(_resource, _many(raw.get("Resource", "*")))),
        principals=tuple(_principals(raw.get("Principal", {}))),
        conditions=tuple(_conditions(raw.get("Condition", {}), kind)),
    )


def _check_parts(raw: Mapping[str, Any], kind: str) -> None:
    parts = set(raw) - {"Sid", "Condition"}
    if parts != _PARTS[kind]:
        unexpected = ", ".join(sorted(parts ^ _PARTS[kind]))
        raise UnsupportedError(unexpected, f"missing from, or unexpected in, a {kind} statement")
    if raw["Effect"] not in {"Allow", "Deny"}:
        raise UnsupportedError(raw["Effect"], "is not an effect")


def _principals(raw: object) -> Iterator[tuple[str, str]]:
    """Kind and name of each principal; `*` means all principals, services included."""
    if raw == "*":
        yield "AWS", "*"
        return
    if not isinstance(raw, Mapping) or not set(raw) <= {"AWS", "Service"}:
        raise UnsupportedError(raw, "is a principal of an unknown kind")
    for kind, names in raw.items():
        for name in _many(names):
            if kind == "AWS" and not _is_principal(name):
                raise UnsupportedError(name, "is a principal of an unknown form")
            yield kind, _plain(name)


def _is_principal(name: str) -> bool:
    shapes = (_ACCOUNT, _ACCOUNT_ROOT, _ROLE, _ROLE_SESSION)
    return name == "*" or any(shape.fullmatch(name) for shape in shapes)


def unused(policy: Policy, requests: Sequence[Request]) -> list[tuple[str, str, str]]:
    """The combinations of statement, action and resource of a policy that no request needs."""
    return [
        (statement.sid, action, resource)
        for statement in statements(policy, "identity")
        for action in statement.actions
        for resource in statement.resources
        if not _is_used(replace(statement, actions=(action,), resources=(resource,)), requests)
    ]


def _is_used(statement: Statement, requests: Sequence[Request]) -> bool:
    return any(statement.applies(request, request.keys()) for request in requests)


# --- conditions


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one context key.

    "IAM JSON policy elements: Condition operators" and "Conditions with multiple context keys or
    values": values are alternatives; a missing key fails a plain operator and passes a negated one
    or one with `IfExists`; `ForAllValues` passes and `ForAnyValue` fails without the key.
    """

    name: str
    quantifier: str
    if_exists: bool
    key: str
    values: tuple[str, ...]

    def holds(self, keys: Keys) -> bool:
        """Whether the request's context meets the condition.

        Raises:
            UnsupportedError: a key has several values and the operator compares only one.
        """
        found = keys.get(self.key, ())
        if self.name == "Null":
            return (not found) == (self.values[0].lower() == "true")
        if not found:
            return self._without_key()
        negated, test = _OPERATORS[self.name]
        if self.quantifier:
            judge = all if self.quantifier == "ForAllValues" else any
            return judge(self._matches(test, value) for value in found)
        if len(found) > 1:
            raise UnsupportedError(self.key, f"has several values, and {self.name} tests one")
        return self._matches(test, found[0]) != negated

    def _without_key(self) -> bool:
        if self.quantifier:
            return self.quantifier == "ForAllValues" or self.if_exists
        return self.if_exists or _OPERATORS[self.name][0]

    def _matches(self, test: Callable[[str, str], bool], value: str) -> bool:
        return any(test(wanted, value) for wanted in self.values)


def _conditions(raw: Mapping[str, Any], kind: str) -> Iterator[Condition]:
    for operator, tests in raw.items():
        for key, values in tests.items():
            yield _condition(operator, key.lower(), tuple(map(_plain, _many(values))), kind)


def _condition(operator: str, key: str, values: tuple[str, ...], kind: str) -> Condition:
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    if quantifier not in {"", "ForAllValues", "ForAnyValue"} or name not in {*_OPERATORS, "Null"}:
        raise UnsupportedError(operator, "is not a supported condition operator")
    if quantifier and (name == "Null" or _OPERATORS[name][0]):
        raise UnsupportedError(operator, "is not evaluated for several values")
    _check_key(key)
    if key in _LISTS and not quantifier and name != "Null":
        raise UnsupportedError(key, f"is a list, and {operator} tests one value")
    if key == _IAM_ONLY and kind != "identity":
        raise UnsupportedError(key, f"has no effect in a {kind} policy, only in identity policies")
    return Condition(name, quantifier, if_exists, key, values)


def _check_key(key: str) -> None:
    if key not in _CONTEXT_KEYS:
        raise UnsupportedError(key, "is not a supported condition key")


def _same(wanted: str, value: str) -> bool:
    return wanted == value


def _same_word(wanted: str, value: str) -> bool:
    return wanted.lower() == value.lower()


def _arn_like(pattern: str, arn: str) -> bool:
    """Whether an ARN matches a pattern in each of its six parts; `*` matches any ARN.

    "IAM JSON policy elements: Resource" lets a `*` at the end of a part match past the colon. That
    makes no difference for ARNs of six parts, and patterns with fewer parts are not supported.
    """
    if pattern == "*":
        return True
    if arn == "*":
        return False
    return all(map(_wild, _split(pattern), _split(arn)))


def _wild(pattern: str, text: str) -> bool:
    return _expression(pattern).fullmatch(text) is not None


_OPERATORS: Mapping[str, tuple[bool, Callable[[str, str], bool]]] = {
    "StringEquals": (False, _same),
    "StringNotEquals": (True, _same),
    "StringLike": (False, _wild),
    "StringNotLike": (True, _wild),
    "ArnEquals": (False, _arn_like),
    "ArnLike": (False, _arn_like),
    "ArnNotEquals": (True, _arn_like),
    "ArnNotLike": (True, _arn_like),
    "Bool": (False, _same_word),
}
"""Each operator: whether it is negated, and its test. `ArnEquals` matches wildcards too."""


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    signs = {"*": ".*", "?": "."}
    return re.compile("".join(signs.get(c, re.escape(c)) for c in pattern), re.DOTALL)


def _split(arn: str) -> list[str]:
    parts = arn.split(":", _ARN_PARTS - 1)
    if parts[0] != "arn" or len(parts) != _ARN_PARTS:
        raise UnsupportedError(arn, "is not an ARN of six parts")
    return parts


def _resource(value: str) -> str:
    return value if value == "*" else ":".join(_split(_plain(value)))


def _plain(value: str) -> str:
    if "${" in value:
        raise UnsupportedError(value, "has a policy variable")
    return value


def _many(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - policies hold one or a list
    found = tuple(value) if isinstance(value, list | tuple) else (value,)
    for each in found:
        if not isinstance(each, str):
            raise UnsupportedError(each, "is not a string")
    return found
