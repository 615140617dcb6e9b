"""Logs and metrics: one JSON object a line, foreign text escaped and capped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "AmiTracker"
TEXT_LIMIT = 1000
"""Characters of one logged text: a value from outside must not fill the log."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric value; `dimensions` are few and small, since each combination is billed."""

    name: str
    value: float
    unit: MetricUnit = MetricUnit.Count
    dimensions: dict[str, str] = field(default_factory=dict)


def logger(service: str) -> Logger:
    """The logger of a service; `POWERTOOLS_LOG_LEVEL` sets its level."""
    return Logger(service=service, json_serializer=_dump, utc=True)


def emit(service: str, measures: Iterable[Measure]) -> None:
    """Write the measures in CloudWatch's embedded metric format."""
    for measure in measures:
        with single_metric(
            name=measure.name, unit=measure.unit, value=measure.value, namespace=NAMESPACE
        ) as metric:
            metric.add_dimension(name="service", value=service)
            for name, value in measure.dimensions.items():
                metric.add_dimension(name=name, value=value)


def _dump(record: dict[str, Any]) -> str:
    return json.dumps(_capped(record), default=str, ensure_ascii=True, separators=(",", ":"))


def _capped(value: object) -> object:
    match value:
        case str() if len(value) > TEXT_LIMIT:
            return f"{value[:TEXT_LIMIT]}… ({len(value)} characters)"
        case dict():
            return {str(key)[:TEXT_LIMIT]: _capped(member) for key, member in value.items()}
        case list() | tuple():
            return [_capped(member) for member in value]
        case _:
            return value
