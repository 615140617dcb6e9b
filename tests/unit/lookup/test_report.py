"""The result of a batch, for Lambda, CloudWatch and people."""

from __future__ import annotations

from support.builders.lookup import HERE, THERE

from services.kernel.model import Kind, State
from services.kernel.observability import Measure
from services.lookup.report import DROPPED, LATE, UNREADABLE, BatchReport, Outcome


def a_report() -> BatchReport:
    """Build a report with every kind of result."""
    report = BatchReport(failed_messages=["m7", "m1"], malformed=1)
    outcomes = [
        (THERE, Outcome(State.OK)),
        (HERE, Outcome(State.OK, Kind.RELEASE)),
        (HERE, Outcome(State.OK, Kind.BASELINE)),
        (HERE, Outcome(State.THROTTLED, again=True)),
        (HERE, Outcome(State.ACCESS_DENIED)),
        (HERE, Outcome(State.ACCESS_DENIED)),
        (THERE, LATE),
        (THERE, DROPPED),
        (THERE, UNREADABLE),
    ]
    for target, outcome in outcomes:
        report.add(target, outcome)
    return report


def test_the_response_names_the_messages_to_redeliver() -> None:
    """The response has the format of an event source mapping, and counts for people."""
    assert a_report().answer() == {
        "batchItemFailures": [{"itemIdentifier": "m7"}, {"itemIdentifier": "m1"}],
        "checked": 5,
        "failed": 4,
        "dropped": 1,
        "malformed": 1,
        "unreadable": 1,
        "releases": {"baseline": 1, "release": 1},
    }


def test_measures_have_no_dimensions() -> None:
    """Region, state and kind are no dimensions: each combination would be a metric with a price."""
    assert list(a_report().measures()) == [
        Measure("PairsChecked", 4, fields={"region": "eu-west-1"}),
        Measure("PairsChecked", 1, fields={"region": "us-west-2"}),
        Measure("PairsFailed", 2, fields={"class": "access_denied", "region": "eu-west-1"}),
        Measure("PairsFailed", 1, fields={"class": "late", "region": "us-west-2"}),
        Measure("PairsFailed", 1, fields={"class": "throttled", "region": "eu-west-1"}),
        Measure("Releases", 1, fields={"kind": "baseline"}),
        Measure("Releases", 1, fields={"kind": "release"}),
        Measure("MalformedMessages", 1),
    ]


def test_an_empty_batch_measures_nothing() -> None:
    """An empty batch writes no metric."""
    assert list(BatchReport().measures()) == []
