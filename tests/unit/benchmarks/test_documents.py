"""The goals of a run, and its tables in the documents."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

import pytest

from benchmarks.costs import Deployment, Usage, dollars_per_million, dollars_per_month
from benchmarks.documents import (
    BEGIN,
    END,
    PICTURE,
    RESULTS,
    costs,
    documents,
    measured,
    replaced,
    summary,
)
from benchmarks.goals import Goal, goals
from benchmarks.growth import picture
from benchmarks.measure import Case, FunctionUse, Measured
from benchmarks.plan import GROWTH, OTHERS, STEADY_TLS

SCHEDULER = {"sqs.SendMessageBatch": 0.1, "dynamodb.Query": 0.01}
LOOKUP = {"ec2.DescribeImages": 0.03, "ec2.DescribeImages by id": 0.004, "ssm.GetParameters": 0.07}
DEPLOYMENT = Deployment(images=200, regions=34, minutes=15, custom_metrics=24)
MISSED = ["EC2 by id, per parameter pair"]
USAGE = Usage(0.1, 0.7, 0.1, 0.001, 0.01, 0.001, 20)


def used(calls: dict[str, float], pairs: int, cpu_ms: float) -> FunctionUse:
    """Return the use of a function in a round, from that of a pair."""
    counted = {name: round(count * pairs) for name, count in calls.items()}
    units = {"read": 0.6 * pairs, "write": 34.0}
    return FunctionUse(counted, units, invocations=10, cpu_seconds=cpu_ms * pairs / 1000, mib=80.0)


def a_round(case: Case) -> dict[str, object]:
    """Return the result of a round, with half a millisecond of processor time for each pair."""
    functions = {
        "scheduler": used(SCHEDULER, case.pairs, 0.1),
        "lookup": used(LOOKUP, case.pairs, 0.4),
        "aggregator": FunctionUse(),
    }
    return Measured(
        case, case.pairs, round(0.3 * case.pairs), 0, 20 * case.pairs, 14, functions
    ).as_json()


def results() -> dict[str, Any]:
    """Return a whole run."""
    naive = {"pairs": 200, "calls": {"sqs.SendMessage": 800}, "cpu_ms_per_pair": 15.0}
    machine = {"processor": "AMD EPYC", "processors": "2", "python": "3.13"}
    return {
        "made": {"at": "2026-11-22T07:00:00+00:00", "commit": "abc", "machine": machine},
        "rounds": [a_round(case) for case in (*GROWTH, STEADY_TLS, *OTHERS)],
        "compared": {"naive HTTP": naive, "naive TLS": {**naive, "cpu_ms_per_pair": 29.0}},
        "one target": {"250 ms": {"wall_seconds": 7.7, "cpu_seconds": 0.7}},
        "largest first round": {"pairs": 170_000, "seconds": 251.0},
        "costs": {
            "deployment": asdict(DEPLOYMENT),
            "pairs per month": DEPLOYMENT.pairs_per_month,
            "per month": dollars_per_month(USAGE, DEPLOYMENT),
            "naive, per million pairs": dollars_per_million(USAGE),
        },
    }


def cells(table: str) -> list[list[str]]:
    """Return the cells of a Markdown table."""
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows]


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (Goal("a", 0.44, 0.4401, digits=3), True),
        (Goal("a", 0.44, 0.4406, digits=3), False),
        (Goal("a", 28, 28.0, least=True, digits=1), True),
        (Goal("a", 28, 27.9, least=True, digits=1), False),
    ],
)
def test_a_goal_is_met_with_the_digits_that_are_shown(goal: Goal, *, expected: bool) -> None:
    """A table never shows a value that is equal to the limit as missed."""
    assert goal.is_met == expected


def test_goals_of_a_run() -> None:
    """Those of calls, time and memory that the run met, and those that it missed."""
    missed = {each.name: each.text for each in goals(results()) if not each.is_met}

    assert missed == {
        "processor time of the naive way in that of the functions, TLS": "58.0 times",
        "scheduler in a first round of 170,000 pairs": "251 s",
    }
    assert [row[3] for row in cells(measured(results()))].count("**missed**") == len(missed)


def test_summary_compares_with_the_naive_way() -> None:
    """The naive way receives and deletes each message alone: two calls more."""
    rows = {row[0]: row[1:] for row in cells(summary(results()))}

    assert rows["AWS calls per lookup, SQS's included"] == ["0.41", "6.0"]
    assert rows["processor time per lookup, HTTP"] == ["0.50 ms", "15.0 ms, 30 times as much"]
    assert "2026-11-22 (2 processors, AMD EPYC, Python 3.13)" in summary(results())


def test_costs_add_up() -> None:
    """The last row is the sum of the others; more pairs cost more, metrics do not."""
    rows = {row[0]: row[3:] for row in cells(costs(results()))[2:]}

    everything = [float(cell.strip("*$")) for cell in rows.pop("**all**")]
    added = [
        sum(float(cell.strip("$")) for cell in column)
        for column in zip(*rows.values(), strict=True)
    ]
    assert everything == pytest.approx(added, abs=0.06)
    assert everything == sorted(everything)
    assert rows["CloudWatch, metrics"] == ["$7.20"] * 3
    assert rows["SQS"] == [
        "$0.18",
        "$1.75",
        "$17.52",
    ]  # 0.3 requests, 1,460 rounds, $0.40 a million


def test_a_table_replaces_what_is_between_the_markers() -> None:
    """The rest of the document stays; a backslash in the table has no meaning."""
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    assert replaced(text, r"\1 new") == f"before\n{BEGIN}\n\\1 new\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["no markers", f"{BEGIN} {END} {BEGIN} {END}"])
def test_a_document_needs_the_markers_once(text: str) -> None:
    """A document without them is not written."""
    with pytest.raises(ValueError, match=re.escape(BEGIN)):
        replaced(text, "table")


def test_each_document_has_a_table() -> None:
    """README, INSTALL and the description of the benchmarks."""
    assert [path.name for path in documents(results())] == ["README.md", "INSTALL.md", "README.md"]


def test_the_documents_have_the_tables_of_the_stored_run() -> None:
    """`make bench-figures` writes them; results, tables and picture belong to the same run."""
    stored = json.loads(RESULTS.read_text(encoding="utf-8"))

    texts = {path: path.read_text(encoding="utf-8") for path in documents(stored)}
    assert {p: replaced(texts[p], table) for p, table in documents(stored).items()} == texts
    assert PICTURE.read_text(encoding="utf-8") == picture(stored)


def test_the_stored_run_meets_the_goals() -> None:
    """The goals that are missed are named here, with the reason in `benchmarks/README.md`."""
    stored = json.loads(RESULTS.read_text(encoding="utf-8"))

    assert [each.name for each in goals(stored) if not each.is_met] == MISSED
