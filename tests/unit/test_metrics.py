"""The price of the functions' metrics: each combination of dimensions is a custom metric."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from support.aws.metrics import data_of, emitted_lines, full_reports

from services.kernel.model import Target

SERVICES = Path(__file__).parents[2] / "services"
MOST = 25
"""$7.50 a month."""
EVERYWHERE = [
    Target(f"{account:012}", f"region-{region}") for account in (1, 2) for region in range(34)
]


def custom_metrics(targets: list[Target]) -> Counter[str]:
    """Return a deployment's custom metrics by service, if every metric is written."""
    series = {
        each
        for service, report in full_reports(targets)
        for each, _ in data_of(emitted_lines(service, report.measures()))
    }
    return Counter(dict(dimensions)["service"] for _, _, dimensions in series)


@pytest.mark.parametrize("targets", [EVERYWHERE[:1], EVERYWHERE], ids=["one target", "68 targets"])
def test_a_deployment_has_few_custom_metrics(targets: list[Target]) -> None:
    """The number is fixed: regions, accounts, states and kinds add no metric."""
    found = custom_metrics(targets)

    assert found == {"scheduler": 13, "lookup": 4, "aggregator": 7}
    assert found.total() <= MOST


def test_no_dimension_but_the_cause() -> None:
    """Every metric has the service, and `PairsFailing` the cause."""
    dimensions = {
        (name, frozenset(key for key, _ in found) - {"service"})
        for service, report in full_reports(EVERYWHERE)
        for (_, name, found), _ in data_of(emitted_lines(service, report.measures()))
    }

    assert {name: set(keys) for name, keys in dimensions if keys} == {"PairsFailing": {"cause"}}


def named_in_the_code() -> set[str]:
    """Return the first argument of every literal `Measure(…)` in the services."""
    calls = (
        node
        for path in SERVICES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Measure"
    )
    names = (call.args[0] for call in calls)
    return {str(name.value) for name in names if isinstance(name, ast.Constant)}


def test_every_metric_in_the_code_is_counted() -> None:
    """The reports of these tests have every metric of the services."""
    counted = {
        name
        for service, report in full_reports(EVERYWHERE)
        for (_, name, _), _ in data_of(emitted_lines(service, report.measures()))
    }

    assert named_in_the_code() - counted == set()


def test_values_of_a_region_add_up() -> None:
    """CloudWatch adds up the lines of all regions, which differ only in their fields."""
    lines = [
        line
        for service, report in full_reports(EVERYWHERE)
        for line in emitted_lines(service, report.measures())
    ]
    sums = Counter[str]()
    for (_, name, _), value in data_of(lines):
        sums[name] += int(value)

    assert (sums["PairsEnqueued"], sums["Announced"]) == (68, 68)
    assert len({line["region"] for line in lines if "PairsEnqueued" in line}) == 34
