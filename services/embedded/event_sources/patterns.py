"""Event filters with Lambda's rules, for the filter that is deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

Pattern = Mapping[str, Any]
EVERYTHING: Pattern = MappingProxyType({})


def matches_pattern(pattern: Pattern, record: Mapping[str, Any]) -> bool:
    """Whether a record matches every field of the pattern, and any rule of each list."""
    return all(_passes(wanted, record, name) for name, wanted in pattern.items())


def _passes(wanted: object, record: Mapping[str, Any], name: str) -> bool:
    if isinstance(wanted, Mapping):
        inner = record.get(name)
        return matches_pattern(wanted, inner if isinstance(inner, Mapping) else {})
    rules: Sequence[object] = wanted if isinstance(wanted, list) else [wanted]
    return any(_allows(rule, record, name) for rule in rules)


def _allows(rule: object, record: Mapping[str, Any], name: str) -> bool:
    value = record.get(name)
    match rule:
        case {"exists": bool(wanted)}:
            return (name in record) is wanted
        case {"prefix": str(prefix)}:
            return isinstance(value, str) and value.startswith(prefix)
        case {"anything-but": list(refused)}:
            return name in record and value not in refused
        case Mapping():
            message = f"filter rule {dict(rule)} is not one of exists, prefix, anything-but"
            raise ValueError(message)
        case _:
            return name in record and value == rule
