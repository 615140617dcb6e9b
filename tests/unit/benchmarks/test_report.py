"""The tables and the picture of a run."""

from __future__ import annotations

import copy
import re
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree as ET

from benchmarks.growth import picture
from benchmarks.mass_release import MassRelease, Result
from benchmarks.measure import Case, FunctionUse, Measured
from benchmarks.table import report

USE = FunctionUse(
    calls={"ec2.DescribeImages": 300, "ec2.DescribeImages by id": 7, "ssm.GetParameters": 70},
    units={"read": 500, "write": 100},
    invocations=1,
    cpu_seconds=0.5,
    mib=66.4,
    stub_cpu_seconds=0.04,
)


def measured(case: Case) -> dict[str, object]:
    """Return a result of a case."""
    functions = {"scheduler": USE, "lookup": USE, "aggregator": FunctionUse()}
    return Measured(case, 1000, 300, 0, 20_000, 14, functions).as_json()


def document() -> dict[str, Any]:
    """Return a run with two rounds and the naive way."""
    machine = {"processor": "AMD <EPYC>", "processors": "2", "python": "3.13.0"}
    naive = {"pairs": 200, "calls": {"sqs.SendMessage": 800}, "cpu_ms_per_pair": 12.0}
    return {
        "made": {"at": "2026-11-22T07:00:00+00:00", "commit": "abc", "machine": machine},
        "rounds": [measured(Case(1000)), measured(Case(10_000, accounts=5))],
        "compared": {"naive HTTP": naive},
    }


def test_tables() -> None:
    """Calls per pair of each kind of lookup, and the processor time relative to the naive way."""
    text = report(document())

    cells = [re.split(r"  +", line) for line in text.splitlines()]
    steady = next(row for row in cells if row[0].startswith("1,000 pairs"))
    assert steady[1:4] == ["0.9540", "0.2000", "0.1400"]  # 2 x 377 calls, and the pollers'
    assert steady[-2:] == ["2.0000", "0.0200"]  # by filters, and by id for parameters
    assert ["naive HTTP", "4.000", "12.000", "12.0"] in cells
    assert all(line == line.rstrip() for line in text.splitlines())


def test_a_mass_release_is_reported_alone() -> None:
    """The messages that failed after each receive, dead letters, refused calls and events."""
    case = MassRelease(1000, accounts=5, capacity=0.2)
    found = Result(5000, failed=[12, 0], longest_seconds=99.04, announced=5000, published=5001)
    found.refused = {"dynamodb.TransactWriteItems": 3, "dynamodb.Query": 1}
    run = {**document(), "rounds": [], "compared": {}, "mass release": {str(case): asdict(found)}}

    cells = [re.split(r"  +", line) for line in report(run).splitlines()]

    name = "1,000 images, 5 acc., 5 invocations, 200 units/s"
    assert cells[-1] == [name, "12, 0", "0", "99.0", "4", "5000", "5001"]
    assert not any(row[0] == "Calls per pair" for row in cells)


def test_simpler_ways_are_compared_with_the_largest_usual_round() -> None:
    """The goal is that of 10,000 pairs; a round of 1,000 has more calls for each pair."""
    run = document()
    large = measured(Case(10_000)) | {"cpu_ms_per_pair": 0.5}
    run["rounds"] = [measured(Case(1000)), large, measured(Case(100_000))]

    cells = [re.split(r"  +", line) for line in report(run).splitlines()]

    assert ["naive HTTP", "4.000", "12.000", "24.0"] in cells


def test_picture_is_valid_xml_for_light_and_dark() -> None:
    """The picture is well-formed, whatever the name of the processor, and has both themes."""
    svg = picture(document())

    root = ET.fromstring(svg)  # noqa: S314 - made here
    assert root.tag.endswith("svg")
    assert "prefers-color-scheme: dark" in svg
    assert svg.count("<polyline") == 3 * 2 + 3  # the lines of two panels, and the legend
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_picture_does_not_depend_on_the_order_of_the_rounds() -> None:
    """Rounds can be measured in any order."""
    reordered = copy.deepcopy(document())
    reordered["rounds"].reverse()

    assert picture(reordered) == picture(document())
