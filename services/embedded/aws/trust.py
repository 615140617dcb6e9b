"""Evaluates trust policies: moto itself allows every caller to assume any role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_ASSUME = frozenset({"sts:AssumeRole", "sts:*", "*"})


def trusts(policy: Mapping[str, Any], account_id: str, external_id: str | None) -> bool:
    """Whether any statement allows the account to assume the role with this external id.

    Only the principal's account and `sts:ExternalId` are checked. Conditions on the caller's ARN or
    organisation are ignored, since a local caller has neither.
    """
    statements = _many(policy.get("Statement"))
    return any(_allows(statement, account_id, external_id) for statement in statements)


def _allows(statement: Mapping[str, Any], account_id: str, external_id: str | None) -> bool:
    return (
        statement.get("Effect") == "Allow"
        and not _ASSUME.isdisjoint(_many(statement.get("Action")))
        and account_id in _principals(statement.get("Principal"), account_id)
        and _external_id_fits(statement.get("Condition") or {}, external_id)
    )


def _principals(principal: object, account_id: str) -> Iterator[str]:
    """The accounts of the principals; `*` is every account, so also this one."""
    named = principal.get("AWS") if isinstance(principal, Mapping) else principal
    for one in _many(named):
        yield account_id if one == "*" else _account_of(one)


def _account_of(principal: str) -> str:
    return principal.split(":")[4] if principal.startswith("arn:") else principal


def _external_id_fits(condition: Mapping[str, Any], external_id: str | None) -> bool:
    wanted = condition.get("StringEquals", {}).get("sts:ExternalId")
    return wanted is None or external_id in _many(wanted)


def _many(value: Any) -> list[Any]:  # noqa: ANN401 - policies have one value or a list
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
