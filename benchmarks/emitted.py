"""The custom metrics in the output of functions, which is in CloudWatch's embedded format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

Metric = tuple[str, tuple[tuple[str, str], ...]]
"""A metric's name and its dimensions: each combination is billed."""


def metrics(logs: Iterable[Path]) -> set[Metric]:
    """The distinct custom metrics in some outputs."""
    return {metric for log in logs for line in _lines(log) for metric in _of_line(line)}


def _lines(log: Path) -> Iterator[dict[str, object]]:
    if log.exists():
        for line in log.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def _of_line(line: dict[str, object]) -> Iterator[Metric]:
    embedded = line.get("_aws")
    for group in embedded["CloudWatchMetrics"] if isinstance(embedded, dict) else ():
        for names in group["Dimensions"]:
            dimensions = tuple((name, str(line[name])) for name in sorted(names))
            yield from ((each["Name"], dimensions) for each in group["Metrics"])
