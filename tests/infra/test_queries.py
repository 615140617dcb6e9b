"""The saved queries of Logs Insights, run on log lines that the functions write.

`run` supports the part of the query language that the queries use: filter with `ispresent` or a
text, fields, and stats with sum, max and count. Only AWS can test that CloudWatch accepts them.
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.aws.metrics import emitted_lines
from support.aws.terraform import ROOT, SERVICES, rendered
from support.builders.aggregator import TARGET, a_release
from support.builders.lookup import (
    HERE,
    MOMENT,
    PATH,
    ROUND,
    THERE,
    a_request,
    an_ami,
    image_id,
)
from support.builders.lookup import a_pair as a_lookup_pair
from support.builders.scheduler import (
    ACCOUNT,
    a_catalogue,
    a_pair,
    a_window,
    an_image,
    image_row,
    round_row,
)
from support.fakes.lookup import FakeFacts, FakeRows
from support.fakes.publisher import FakeFiles
from support.fakes.scheduler import FakeInventory, FakeQueue
from support.labs.relay_lab import DENIED, OTHER, Lab

from services.history.overview import Overview
from services.history.rows import Snapshot
from services.kernel import observability
from services.kernel.deadline import Deadline
from services.kernel.errors import CallFailedError, Failure, UnpublishedError
from services.kernel.model import State, Target
from services.kernel.round_records import Note
from services.kernel.wire import encode_request
from services.lookup.target import TargetLookup
from services.lookup.worker import Message, Worker
from services.publisher.publish import Publisher
from services.publisher.site import Site
from services.scheduler.schedule import Scheduler

pytestmark = [pytest.mark.timeout(900)]

RUNBOOK: Path = ROOT / "infra/README.md"
Line = Mapping[str, Any]
REGIONS = f'AccountId: "{ACCOUNT}"\nregions:\n  - Name: us-east-1\n  - Name: eu-west-1\n'


REQUEST_ID = "1a2b3c4d-0000-4000-8000-1a2b3c4d5e6f"
IN_PLACE_OF = {
    "2026-11-22T07:00:00Z": ROUND,
    "00000000-0000-0000-0000-000000000000": REQUEST_ID,
    "al2023-eks-1.33": "al2023",
}
"""The examples in the filters of saved queries, and what the tests look for."""


# --- log lines of the functions


def scheduler_lines() -> list[Line]:
    """A round with a wrong lookup, a denied region, a stale pair and a damaged row."""
    catalogue = a_catalogue(tracked=[an_image("al2023"), an_image("typo")])
    rows = FakeInventory()
    for region, state in (("eu-west-1", "ok"), ("us-east-1", "access_denied")):
        target = Target(ACCOUNT, region)
        rows.table.put(image_row(a_pair(an_image("al2023"), target, state=state, number=1)))
        typo = a_pair(an_image("typo"), target, known=None, version=0, state="not_found")
        rows.table.put(image_row(replace(typo, number=2)))
    rows.table.put(round_row(window=a_window(stale={1})))
    rows.table.put(image_row(a_pair(an_image("old"), active=False)) | {"version": "three"})
    with redirect_stdout(io.StringIO()) as out:
        log = observability.logger("scheduler")
        summary = Scheduler(rows, FakeQueue(), log, 20).run(
            catalogue, "2026-11-22T07:10:00Z", None, Deadline.after(900)
        )
    return [*parsed(out.getvalue()), *emitted_lines("scheduler", summary.measures())]


def lookup_lines() -> list[Line]:
    """A batch with a first image in one target, a denied target, and a damaged row.

    The targets are looked up in threads, so the order of their lines varies: they are sorted.
    """
    rows, facts = FakeRows(), FakeFacts()
    for target in (HERE, THERE):
        rows.put(a_lookup_pair(target=target))
        rows.begin(target)
        facts.put_parameter(target, PATH, image_id(1))
        facts.register(target, an_ami(1))
    damaged = a_lookup_pair("damaged")
    rows.put(damaged)
    rows.garble(damaged)
    denied = Failure(State.ACCESS_DENIED, "AccessDenied", "no")

    def ensure_session(target: Target) -> None:
        if target == THERE:
            raise CallFailedError(denied)

    facts.hold = ensure_session
    requests = [a_request(), a_request(target=THERE), a_request("damaged")]
    messages = [Message(f"m{n}", encode_request(each)) for n, each in enumerate(requests)]
    with redirect_stdout(io.StringIO()) as out:
        log = observability.logger("lookup")
        worker = Worker(TargetLookup(rows, facts, log, lambda: MOMENT), log)
        observability.begin(SimpleNamespace(aws_request_id=REQUEST_ID))
        report = worker.work(messages, Deadline.after(60))
        observability.begin(None)
    lines = sorted(parsed(out.getvalue()), key=lambda line: str(line["message"]))
    return [*lines, *emitted_lines("lookup", report.measures())]


def aggregator_lines() -> list[Line]:
    """A sweep: one topic takes its release, the other refuses."""
    lab = Lab(a_release(), a_release(target=OTHER))
    lab.publisher.failing[TARGET] = DENIED
    return [dict(line) for line in emitted_lines("aggregator", lab.sweep().measures())]


BUSY = Failure.of(State.THROTTLED, "SlowDown", "reduce your request rate")


def publisher_lines() -> list[Line]:
    """A run whose bucket refuses a file, and the next one."""
    files = FakeFiles(errors={"feed/index.json": CallFailedError(BUSY)})
    site = Site("<html>", {"index.json": "[]"}, lambda _: ())
    moment = datetime(2026, 11, 22, 7, 10, tzinfo=UTC)
    overview = Overview(Snapshot(moment, Note(frozenset())))
    with redirect_stdout(io.StringIO()) as out:
        log = observability.logger("publisher")
        publisher = Publisher(lambda _: overview, lambda *_: site, files, log)
        with suppress(UnpublishedError):
            publisher.run(moment, Deadline.after(60))
        files.errors.clear()
        publisher.run(moment, Deadline.after(60))
    return sorted(parsed(out.getvalue()), key=lambda line: str(line["message"]))


def parsed(text: str) -> list[Line]:
    """The parsed lines of a log."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="session")
def logs() -> dict[str, list[Line]]:
    """The log lines of each function, with the timestamp that CloudWatch adds."""
    for service in SERVICES:  # tests of the embedded AWS set it to WARNING in this process
        logging.getLogger(service).setLevel(logging.INFO)
    found = {
        "scheduler": scheduler_lines(),
        "lookup": lookup_lines(),
        "aggregator": aggregator_lines(),
        "publisher": publisher_lines(),
    }
    return {
        service: [{**line, "@timestamp": "07:10"} for line in lines]
        for service, lines in found.items()
    }


# --- Logs Insights


def field_of(line: Line, name: str) -> Any:  # noqa: ANN401 - any value of JSON
    """A field of a line, None if it is missing; list members are addressed by number."""
    value: Any = line
    for part in [name] if name.startswith("@") else name.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, Mapping) and part in value:
            value = value[part]
        else:
            return None
    return value


def passes(line: Line, condition: str) -> bool:
    """Whether a line passes a filter: `and` and `or` are not mixed."""
    if " or " in condition:
        return any(passes(line, each) for each in condition.split(" or "))
    if " and " in condition:
        return all(passes(line, each) for each in condition.split(" and "))
    if present := re.fullmatch(r"ispresent\(([\w.@]+)\)", condition):
        return field_of(line, present[1]) is not None
    equal = re.fullmatch(r'(\w+) = "([^"]*)"', condition)
    assert equal, condition
    return bool(field_of(line, equal[1]) == equal[2])


AGGREGATE = re.compile(r"(sum|max|count)\(([\w.@*]+)\) as (\w+)")


def grouped(lines: Iterable[Line], stats: str) -> list[dict[str, Any]]:
    """The rows of `stats … by …`."""
    what, _, by = stats.partition(" by ")
    names = by.split(", ")
    groups: dict[tuple[Any, ...], list[Line]] = {}
    for line in lines:
        groups.setdefault(tuple(field_of(line, name) for name in names), []).append(line)
    return [
        dict(zip(names, key, strict=True))
        | {name: aggregate(of, field, group) for of, field, name in AGGREGATE.findall(what)}
        for key, group in groups.items()
    ]


def aggregate(function: str, field: str, lines: Sequence[Line]) -> Any:  # noqa: ANN401 - likewise
    """One aggregated value."""
    values = [value for line in lines if (value := field_of(line, field)) is not None]
    match function:
        case "count":
            return len(lines)
        case "sum":
            return sum(values)
        case _:
            return max(values, default=None)


def run(query: str, lines: Iterable[Line]) -> list[dict[str, Any]]:
    """The rows of a query."""
    found: list[Any] = list(lines)
    for command in query.split("\n| "):
        verb, _, rest = command.partition(" ")
        match verb:
            case "filter":
                found = [line for line in found if passes(line, rest)]
            case "stats":
                found = grouped(found, rest)
            case "fields":
                found = [{n: field_of(line, n) for n in rest.split(", ")} for line in found]
            case "sort":
                name, _, direction = rest.partition(" ")
                assert all(name in row for row in found), rest
                found.sort(key=lambda row: row[name], reverse=direction == "desc")
            case _:
                pytest.fail(f"{command} is not supported by this test")
    return found


# --- the queries


@pytest.fixture(scope="session")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Every saved query of the basic example, by its name without the prefix."""
    folder = tmp_path_factory.mktemp("queries")
    site = {"enabled": True}
    plan = rendered(folder, "basic", regions=REGIONS, external_id="of-the-test", site=site)
    found = plan.of_type("aws_cloudwatch_query_definition").values()
    return {query["name"].removeprefix("ami-tracker/"): query for query in found}


DENIED_IN = {"account_id": ACCOUNT, "region": "us-east-1"}
SEEN = {"last_seen": "07:10"}
NOTHING = dict.fromkeys(
    ("image_name", "account_id", "region", "state", "code", "detail", "kind", "image_id", "problem")
)
IN_ORDER = [
    {
        **NOTHING,
        "@timestamp": "07:10",
        "service": "lookup",
        "level": "WARNING",
        "message": "lookup failed",
        "image_name": "al2023",
        "account_id": THERE.account_id,
        "region": THERE.region,
        "state": "access_denied",
        "code": "AccessDenied",
        "detail": "no",
    },
    {
        **NOTHING,
        "@timestamp": "07:10",
        "service": "lookup",
        "level": "INFO",
        "message": "release committed",
        "image_name": "al2023",
        "account_id": HERE.account_id,
        "region": HERE.region,
        "kind": "baseline",
        "image_id": image_id(1),
    },
    {
        **NOTHING,
        "@timestamp": "07:10",
        "service": "lookup",
        "level": "ERROR",
        "message": "row malformed",
        "problem": "garbled",
    },
]
EXPECTED: dict[str, list[dict[str, Any]]] = {
    "one-round": IN_ORDER,
    "one-invocation": IN_ORDER,
    "one-image": IN_ORDER[:2],
    "requested-by-region": [
        {"region": "eu-west-1", "requested": 2},
        {"region": "us-east-1", "requested": 2},
    ],
    "failing-by-target": [
        {"cause": "image", "account_id": ACCOUNT, "region": "eu-west-1", "most": 1} | SEEN,
        {"cause": "access", "most": 1} | DENIED_IN | SEEN,
        {"cause": "image", "most": 1} | DENIED_IN | SEEN,
    ],
    "failing-targets": [
        {"account_id": ACCOUNT, "region": "eu-west-1", "rounds": 1} | SEEN,
        {"rounds": 1} | DENIED_IN | SEEN,
    ],
    "stale-by-target": [{"account_id": ACCOUNT, "region": "eu-west-1", "most": 1} | SEEN],
    "images-never-found": [{"image_name": "typo", "rounds": 1} | SEEN],
    "unreadable-rows": [{"problem": "garbled", "times": 1} | SEEN],
    "checked-by-region": [
        {"region": HERE.region, "ended": 1, "failed": 0},
        {"region": THERE.region, "ended": 1, "failed": 1},
    ],
    "failed-by-class": [{"class": "access_denied", "region": THERE.region, "attempts": 1}],
    "changed-states": [
        {
            "@timestamp": "07:10",
            "image_name": "al2023",
            "account_id": THERE.account_id,
            "region": THERE.region,
            "state": "access_denied",
            "code": "AccessDenied",
            "detail": "no",
        }
    ],
    "releases-by-kind": [{"kind": "baseline", "releases": 1}],
    "site-runs": [
        {
            "@timestamp": "07:10",
            "written": None,
            "unchanged": None,
            "deleted": None,
            "path": "index.json",
            "code": "SlowDown",
            "detail": "reduce your request rate",
        },
        {
            "@timestamp": "07:10",
            "written": 2,
            "unchanged": 0,
            "deleted": 0,
            "path": None,
            "code": None,
            "detail": None,
        },
    ],
    "announced-by-region": [
        {"region": "eu-west-1", "announced": 0, "refused": 1},
        {"region": "us-east-1", "announced": 1, "refused": 0},
    ],
}


def test_every_query_is_tested(queries: dict[str, dict[str, Any]]) -> None:
    """EXPECTED has a result for each query."""
    assert set(queries) == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_query_reads_the_lines_of_the_functions(
    queries: dict[str, dict[str, Any]], logs: dict[str, list[Line]], name: str
) -> None:
    """A query finds its fields in the lines of its log groups."""
    lines = [line for group in queries[name]["log_group_names"] for line in logs[service_of(group)]]

    query = queries[name]["query_string"]
    for example, value in IN_PLACE_OF.items():
        query = query.replace(example, value)

    assert run(query, lines) == EXPECTED[name]


def service_of(log_group: str) -> str:
    """The service of a log group."""
    service = log_group.removeprefix("/aws/lambda/ami-tracker-")
    assert service in SERVICES
    return service


def test_queries_of_the_runbook_exist(queries: dict[str, dict[str, Any]]) -> None:
    """Every query that the runbook names exists."""
    text = RUNBOOK.read_text(encoding="utf-8")
    named = set(re.findall(r"`<p>/([a-z-]+)`", text))

    assert named <= set(queries)
    assert len(named) >= 7
