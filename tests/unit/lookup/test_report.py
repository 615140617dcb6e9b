"""What became of a batch, as the platform, CloudWatch and people read it."""

from __future__ import annotations

from lookup_fakes import HERE, THERE

from services.kernel.model import Kind, State
from services.kernel.observability import Measure
from services.lookup.report import DROPPED, LATE, UNREADABLE, BatchReport, Outcome


def a_report() -> BatchReport:
    """A report with something of everything."""
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


def test_the_answer_names_the_messages_to_deliver_again() -> None:
    """In the form of an event source mapping, beside counts for people."""
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
    """No region, class or kind is a dimension: each combination would be a metric with a price."""
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


def test_nothing_is_measured_of_nothing() -> None:
    """An empty batch costs no metric."""
    assert list(BatchReport().measures()) == []
