"""Logs and metrics: one JSON object a line, foreign text escaped and capped."""

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
"""Characters of one logged text: a value from outside must not fill the log."""

_MEASURES_PER_LINE = 99  # at 100 Powertools writes by itself, and warns when nothing is left
_DIMENSIONS = 29  # that Powertools takes
_LARGEST_VALUE = 2**360  # cloudwatch:MetricDatum, Value


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric value; `dimensions` are few and small, since each combination is billed.

    `fields` are in the log line only, where Logs Insights finds them, such as the region.
    """

    name: str
    value: float
    unit: MetricUnit = MetricUnit.Count
    dimensions: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)


class Log(Protocol):
    """What we ask of a logger: an event phrase, and its fields in `extra`."""

    def info(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Something changed."""
        ...

    def warning(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Something is wrong out there."""
        ...

    def error(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Something needs an operator."""
        ...

    def exception(self, msg: object, *, extra: Mapping[str, object] | None = None) -> None:
        """Something is wrong in here; the current exception is added."""
        ...


def logger(service: str) -> Log:
    """The logger of a service; `POWERTOOLS_LOG_LEVEL` sets its level."""
    # A message stays the text that it is: decoding one from outside could exhaust the stack.
    # It warns of full connection pools in plain text, which no reader of our logs expects.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    return Logger(
        service=service,
        json_serializer=_dump,
        json_deserializer=str,
        utc=True,
        # Lambda takes a line with another timestamp for one of level INFO:
        # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
        use_rfc3339=True,
        location=None,  # the line that logs, always a private helper: no reader selects by it
        logger_handler=_StandardOutput(),
    )


class _StandardOutput(logging.StreamHandler[TextIO]):
    """Writes to standard output as it is at that moment, not as it was when logging began."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override] # logging's own last resort does the same
        return sys.stdout


def emit(namespace: str, service: str, measures: Iterable[Measure]) -> None:
    """Write the measures in CloudWatch's embedded metric format, a line per dimensions and fields.

    A line holds at most 100 metrics, and at most 100 values of each; what is more goes to the next
    line. All lines have the same time, so that their values are in the same period. Values that
    CloudWatch does not take, such as NaN, are left out, since it would drop the whole line. Nothing
    but these lines is written: Powertools would add warnings in plain text.
    """
    groups: dict[tuple[tuple[tuple[str, str], ...], ...], list[Measure]] = defaultdict(list)
    for measure in measures:
        if abs(measure.value) <= _LARGEST_VALUE:  # which NaN is not
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
    """The dimensions that CloudWatch takes; Powertools adds the service."""
    named = sorted(measure.dimensions.items())
    usable = [(name, value) for name, value in named if name.strip() and value.strip()]
    return tuple(each for each in usable if each[0] != "service")[: _DIMENSIONS - 1]


def begin(context: object, **fields: str) -> None:
    """Let each line say from now on of which invocation it is; `fields` are of all its lines."""
    request_id = getattr(context, "aws_request_id", None)
    _invocation.clear()
    _invocation.update(fields, **{"function_request_id": request_id} if request_id else {})


@contextmanager
def noting(**fields: str) -> Iterator[None]:
    """Within it, each line of this thread has these fields."""
    before = _noted.set({**_noted.get(), **fields})
    try:
        yield
    finally:
        _noted.reset(before)


_invocation: dict[str, str] = {}
_noted: ContextVar[Mapping[str, str]] = ContextVar("_noted", default=MappingProxyType({}))


def _dump(record: dict[str, Any]) -> str:
    known = {**_invocation, **_noted.get(), **record}
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
