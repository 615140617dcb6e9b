"""Logs and metrics: one JSON object per line, with text from outside escaped and capped."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Protocol, TextIO

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

TEXT_LIMIT = 1000
"""The most characters of one logged text, since it can come from outside."""

_MEASURES_PER_LINE = (
    99  # at 100, Powertools writes the line itself and warns if no metrics are left
)
_DIMENSIONS = 29  # the limit of Powertools
_LARGEST_VALUE = 2**360  # cloudwatch:MetricDatum, Value


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric value; `dimensions` are few and small, since each combination is billed.

    `fields`, such as the region, are only in the log line, where Logs Insights can query them.
    """

    name: str
    value: float
    unit: MetricUnit = MetricUnit.Count
    dimensions: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)


class Log(Protocol):
    """The part of a logger that is used: an event, and its fields in `extra`."""

    def info(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """A change."""
        ...

    def warning(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """A problem in a target or in AWS."""
        ...

    def error(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """A problem that needs an operator."""
        ...

    def exception(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """An unexpected exception, which is added to the line."""
        ...


def logger(service: str) -> Log:
    """The logger of a service; `POWERTOOLS_LOG_LEVEL` sets its level."""
    # json_deserializer=str: decoding a message from outside as JSON could exhaust the stack.
    # urllib3 warns of full connection pools in plain text, which is not JSON.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    return Logger(
        service=service,
        json_serializer=_dump,
        json_deserializer=str,
        utc=True,
        # Lambda treats a line with another timestamp format as level INFO:
        # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
        use_rfc3339=True,
        location=None,  # the source line, which is always a private helper
        logger_handler=_StandardOutput(),
    )


class _StandardOutput(logging.StreamHandler[TextIO]):
    """Writes to the current standard output, not to the one at the start of logging."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override] # logging's own last resort does the same
        return sys.stdout


def emit(namespace: str, service: str, measures: Iterable[Measure]) -> None:
    """Write the measures in CloudWatch's embedded metric format, a line per dimensions and fields.

    A line has at most 100 metrics, and at most 100 values of each; more values go to the next line.
    All lines have the same timestamp, so their values are in the same period. Values that
    CloudWatch does not accept, such as NaN, are left out, since it would drop the whole line.
    Only these lines are written: Powertools would add warnings in plain text.
    """
    groups: dict[tuple[tuple[tuple[str, str], ...], ...], list[Measure]] = defaultdict(list)
    for measure in measures:
        if abs(measure.value) <= _LARGEST_VALUE:  # false for NaN
            groups[_dimensions(measure), tuple(sorted(measure.fields.items()))].append(measure)
    moment = datetime.now(UTC)
    for (dimensions, fields), group in groups.items():
        for start in range(0, len(group), _MEASURES_PER_LINE):
            metrics = EphemeralMetrics(namespace=namespace, service=service)
            metrics.set_timestamp(moment)
            for name, value in fields:
                metrics.add_metadata(name, value[:TEXT_LIMIT])
            for name, value in dimensions:
                metrics.add_dimension(name=name, value=value)
            for measure in group[start : start + _MEASURES_PER_LINE]:
                metrics.add_metric(name=measure.name, unit=measure.unit, value=measure.value)
            metrics.flush_metrics()


def _dimensions(measure: Measure) -> tuple[tuple[str, str], ...]:
    """The dimensions that CloudWatch accepts; Powertools adds the service."""
    named = sorted(measure.dimensions.items())
    usable = [(name, value) for name, value in named if name.strip() and value.strip()]
    return tuple(each for each in usable if each[0] != "service")[: _DIMENSIONS - 1]


def begin(context: object, **fields: str) -> None:
    """Add the request id of the invocation and `fields` to every log line from now on."""
    request_id = getattr(context, "aws_request_id", None)
    _invocation.clear()
    _invocation.update(fields, **{"function_request_id": request_id} if request_id else {})


@contextmanager
def log_fields(**fields: str) -> Iterator[None]:
    """Add these fields to every log line of this thread inside the block."""
    before = _thread_fields.set({**_thread_fields.get(), **fields})
    try:
        yield
    finally:
        _thread_fields.reset(before)


_invocation: dict[str, str] = {}
_thread_fields: ContextVar[Mapping[str, str]] = ContextVar(
    "_thread_fields", default=MappingProxyType({})
)


def _dump(record: dict[str, Any]) -> str:
    known = {**_invocation, **_thread_fields.get(), **record}
    return json.dumps(_capped(known), ensure_ascii=True, separators=(",", ":"))


def _capped(value: object) -> object:
    match value:
        case str() if len(value) > TEXT_LIMIT:
            return f"{value[:TEXT_LIMIT]}… ({len(value)} characters)"
        case dict():
            return {str(key)[:TEXT_LIMIT]: _capped(member) for key, member in value.items()}
        case list() | tuple():
            return [_capped(member) for member in value]
        case str() | int() | None:
            return value
        case float() if math.isfinite(value):
            return value
        case _:
            return _capped(str(value))
