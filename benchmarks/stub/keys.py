"""The key conditions of queries."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.stub.expressions import Value
from benchmarks.stub.responses import ServiceError


def key_condition(text: str, values: Mapping[str, Value]) -> tuple[str, str, str]:
    """The partition, and the first and the last record; equal if both are the prefix."""
    used = [values[name]["S"] for name in sorted(values, key=text.index)]
    match used:
        case [region] if "AND" not in text:
            return region, "", ""
        case [region, prefix] if "begins_with" in text:
            return region, prefix, prefix
        case [region, first, last] if "BETWEEN" in text:
            return region, first, last
    raise ServiceError("ValidationException", f"the stub does not know {text}")
