"""The lookup as Lambda runs it: an SQS event, a response, and settings from the environment."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.builders.lookup import (
    HERE,
    PATH,
    THERE,
    a_pair,
    a_release,
    a_request,
    an_ami,
    an_observation,
    image_id,
)
from support.fakes.lookup import FactsBackend, RowsLab

from services.embedded.aws.server import EmbeddedAws
from services.embedded.event_sources.invocation import Context
from services.kernel.errors import HubBrokenError
from services.kernel.model import Kind, Request
from services.kernel.wire import encode_request
from services.lookup.handler import handler

pytestmark = pytest.mark.usefixtures("members_made")


def event(*bodies: str) -> dict[str, Any]:
    """Build the event of a batch whose messages m0, m1, and so on, have these bodies."""
    records = [{"messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]
    return {"Records": records}


def look_up(*requests: Request) -> dict[str, object]:
    """Return the function's response to these requests."""
    return handler(event(*map(encode_request, requests)), Context("lookup"))


@pytest.fixture
def metrics(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Return the lines of standard output."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_batch_is_looked_up_and_committed(
    cloud: FactsBackend, table_lab: RowsLab, metrics: Callable[[], list[dict[str, Any]]]
) -> None:
    """Rows, answered pairs, metrics and the response of a batch over two accounts agree."""
    for target in (HERE, THERE):
        table_lab.backend.put(a_pair(target=target))
        table_lab.backend.begin(target)
        cloud.put_parameter(target, PATH, json.dumps({"image_id": image_id(1)}))
    cloud.register(HERE, an_ami(1))
    answer = look_up(a_request(), a_request(target=THERE))
    assert answer == {
        "batchItemFailures": [],
        "checked": 2,
        "failed": 1,
        "dropped": 0,
        "malformed": 0,
        "unreadable": 0,
        "releases": {"baseline": 1},
    }
    (release,) = table_lab.backend.releases(a_pair())
    assert (release.kind, release.observed) == (Kind.BASELINE, an_observation(1))
    for target in (HERE, THERE):
        assert table_lab.backend.numbers(target) == frozenset({a_pair().number})
    measured = {name for line in metrics() for name in line if name.startswith(("Pairs", "Rel"))}
    assert measured == {"PairsChecked", "PairsFailed", "Releases"}


def test_a_batch_without_changes_makes_five_calls_and_logs_nothing(
    aws: EmbeddedAws,
    cloud: FactsBackend,
    table_lab: RowsLab,
    metrics: Callable[[], list[dict[str, Any]]],
) -> None:
    """Ten unchanged pairs take a session, three reads and a write of the answered pairs."""
    names = [f"image-{number}" for number in range(10)]
    for name in names:
        table_lab.backend.put(a_pair(name, known=an_observation(1)))
    table_lab.backend.begin(HERE)
    cloud.put_parameter(HERE, PATH, image_id(1))
    cloud.register(HERE, an_ami(1))
    answer = look_up(*(a_request(name) for name in names))
    assert (answer["checked"], answer["batchItemFailures"]) == (10, [])
    operations = [call.operation for call in aws.calls() if call.operation != "AssumeRole"]
    assert operations == ["BatchGetItem", "DescribeImages", "GetParameters", "UpdateItem"]
    assert all("_aws" in line for line in metrics())


def test_a_redelivered_batch_changes_nothing(cloud: FactsBackend, table_lab: RowsLab) -> None:
    """A message that is delivered again does not cause a second release."""
    pair = a_pair(known=an_observation(1))
    table_lab.backend.put(pair)
    cloud.put_parameter(HERE, PATH, image_id(2))
    cloud.register(HERE, an_ami(2))
    answers = [look_up(a_request()), look_up(a_request())]
    assert [answer["releases"] for answer in answers] == [{"release": 1}, {}]
    assert len(table_lab.backend.releases(pair)) == 1
    assert table_lab.backend.pending() == {a_release(pair).event_id}


def test_malformed_and_throttled_messages_are_redelivered(
    aws: EmbeddedAws, cloud: FactsBackend, table_lab: RowsLab
) -> None:
    """The malformed message and the throttled target's are redelivered, the healthy one is not."""
    for target in (HERE, THERE):
        table_lab.backend.put(a_pair(target=target, known=an_observation(1)))
        cloud.put_parameter(target, PATH, image_id(1))
    bodies = ["malformed", encode_request(a_request()), encode_request(a_request(target=THERE))]
    with aws.fault(service="ssm", region=THERE.region):
        answer = handler(event(*bodies), Context("lookup"))
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m0"}, {"itemIdentifier": "m2"}]


def test_a_broken_table_fails_the_invocation(aws: EmbeddedAws, table_lab: RowsLab) -> None:
    """The invocation fails, all messages are redelivered, and the function's alarm is raised."""
    table_lab.backend.put(a_pair())
    with (
        aws.fault(service="dynamodb", code="AccessDeniedException"),
        pytest.raises(HubBrokenError, match="table ami-tracker cannot be used"),
    ):
        look_up(a_request())
