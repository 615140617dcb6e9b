"""The part of CloudWatch that the functions' metrics need: data of log lines, and alarms."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, Protocol

from services.aggregator.outbox import Key
from services.aggregator.report import RelayReport as AggregatorReport
from services.kernel.model import Kind, State, Target
from services.kernel.observability import Measure, emit
from services.lookup.report import BatchReport as LookupReport
from services.lookup.report import Outcome
from services.scheduler.health import Health
from services.scheduler.report import RoundReport

Series = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions of a metric, which CloudWatch bills as one custom metric."""


class Reports(Protocol):
    """The report of an invocation."""

    def measures(self) -> Iterable[Measure]:
        """Its metrics."""
        ...


def emitted_lines(
    service: str, measures: Iterable[Measure], namespace: str = "AmiTracker"
) -> list[dict[str, Any]]:
    """The log lines that a function writes for its metrics."""
    with redirect_stdout(io.StringIO()) as out:
        emit(namespace, service, measures)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def data_of(lines: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Series, float]]:
    """Every value in lines of the embedded metric format, with its metric."""
    for line in lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in directive["Dimensions"]:
                dimensions = frozenset((name, line[name]) for name in names)
                for metric in directive["Metrics"]:
                    series = (directive["Namespace"], metric["Name"], dimensions)
                    yield from ((series, value) for value in line[metric["Name"]])


def full_reports(targets: Sequence[Target]) -> Iterator[tuple[str, Reports]]:
    """A report of each service without zeros: every state and kind in every target."""
    lookup = LookupReport(malformed=1)
    health = Health(complete=True, _never_found={"typo": True})
    summary = RoundReport(
        "2026-11-22T07:00:00Z", finished=True, refusals=["x"], problems={"x": ["y"]}, health=health
    )
    aggregator = AggregatorReport(seconds=[1.0], closed=1, swept=True)
    for target in targets:
        for state in State:
            lookup.add(target, Outcome(state))
            aggregator.failures[state, target.region] = 1
        for kind in Kind:
            lookup.add(target, Outcome(State.OK, kind))
        summary.enqueued[target.region] += 1
        health.add_region(target.region, 1)
        aggregator.count_unreadable([Key(target.region, "release#")])
        aggregator.announced[target.region] += 1
    yield from (("scheduler", summary), ("lookup", lookup), ("aggregator", aggregator))


# --- alarms


Point = tuple[float, float]
"""Time in seconds, and value."""


@dataclass(frozen=True, slots=True)
class Datapoints:
    """Values by metric, as CloudWatch stores them."""

    values: Mapping[Series, Sequence[Point]]

    def statistic(self, series: Series, name: str, period: int, start: float) -> float | None:
        """A statistic over one period; None without data."""
        found = [
            value for when, value in self.values.get(series, ()) if start <= when < start + period
        ]
        statistics: dict[str, Callable[[Sequence[float]], float]] = {
            "Sum": sum,
            "Maximum": max,
            "Minimum": min,
        }
        return statistics[name](found) if found else None


def series_of(metric: Mapping[str, Any]) -> Series:
    """The metric of an alarm or of one of its queries."""
    dimensions = frozenset((metric["dimensions"] or {}).items())
    return metric["namespace"], metric["metric_name"], dimensions


def value_at(alarm: Mapping[str, Any], data: Datapoints, start: float) -> float | None:
    """The value that an alarm compares with its threshold in the period from `start`."""
    queries = {query["id"]: query for query in alarm.get("metric_query") or []}
    if not queries:
        period = alarm["period"]
        return data.statistic(series_of(alarm), alarm["statistic"], period, start)
    values = {}
    for name, query in queries.items():
        if not query["metric"]:
            continue
        (metric,) = query["metric"]
        values[name] = data.statistic(series_of(metric), metric["stat"], metric["period"], start)
    (result,) = [query for query in queries.values() if query["return_data"]]
    return calculated(result["expression"], values)


def calculated(expression: str, values: Mapping[str, float | None]) -> float | None:
    """The result of `100 * part / pairs`, the only metric math in use; None without data."""
    if expression != "100 * part / pairs":
        raise NotImplementedError(expression)
    part, pairs = values["part"], values["pairs"]
    return None if part is None or not pairs else 100 * part / pairs


def period_of(alarm: Mapping[str, Any]) -> int:
    """The length of an alarm's periods, in seconds."""
    metrics = [m for query in alarm.get("metric_query") or [] for m in query["metric"]]
    return int(metrics[0]["period"] if metrics else alarm["period"])


_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


def states(alarm: Mapping[str, Any], data: Datapoints, until: float) -> list[str]:
    """The alarm's state after each period, starting at 0.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html. Periods
    before 0 have no data. CloudWatch also evaluates some periods before an alarm's evaluation
    periods; with `ignore` the result is the same, because the state is kept.
    """
    period, wanted = period_of(alarm), alarm["datapoints_to_alarm"]
    breaches = _COMPARE[alarm["comparison_operator"]]
    state, found = "INSUFFICIENT_DATA", []
    seen: list[bool | None] = []
    for start in range(0, int(until), period):
        value = value_at(alarm, data, start)
        seen.append(None if value is None else breaches(value, alarm["threshold"]))
        recent = [None] * alarm["evaluation_periods"] + seen
        state = _state(recent[-alarm["evaluation_periods"] :], wanted, alarm, state)
        found.append(state)
    return found


def _state(
    recent: Sequence[bool | None], wanted: int, alarm: Mapping[str, Any], before: str
) -> str:
    missing = alarm["treat_missing_data"]
    if missing == "ignore" and None in recent:
        return before if recent.count(True) < wanted else "ALARM"
    filled = [missing == "breaching" if each is None else each for each in recent]
    return "ALARM" if sum(filled) >= wanted else "OK"
