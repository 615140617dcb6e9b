"""The aggregator's entry point on an embedded AWS: stream events and sweeps, and their messages."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from support.builders.aggregator import TARGET, a_release, key_of_release, pending_row
from support.fakes.table import DynamoTable

from services.aggregator.announce import announcement
from services.aggregator.handler import handler
from services.embedded.aws.server import EmbeddedAws
from services.embedded.event_sources.invocation import Context
from services.embedded.tracker.resources import create_member
from services.embedded.tracker.subscriptions import Inbox
from services.kernel.errors import HubBrokenError, MalformedError, SettingsError
from services.kernel.model import Release, Target

pytestmark = pytest.mark.usefixtures("environ", "member")

SWEEP: dict[str, object] = {"sweep": True}


def invoke(event: dict[str, object], seconds: float = 60) -> dict[str, object]:
    """Return the handler's response, converted to JSON and back."""
    context = Context("aggregator", timeout_seconds=seconds)
    answer: dict[str, object] = json.loads(json.dumps(handler(event, context)))
    return answer


def inserted(*releases: Release) -> dict[str, object]:
    """Build the stream event of new release rows."""
    records = []
    for number, release in enumerate(releases, start=1):
        key = key_of_release(release)
        keys = {"region": {"S": key.region}, "record": {"S": key.record}}
        stream = {"Keys": keys, "SequenceNumber": f"{number:021d}"}
        records.append({"eventName": "INSERT", "dynamodb": stream})
    return {"Records": records}


def commit(table: DynamoTable, *releases: Release) -> None:
    """Write release rows as the lookup does."""
    for release in releases:
        table.put(pending_row(release))


def still_pending(table: DynamoTable) -> list[str]:
    """Return the records of the pending releases."""
    return [row["record"] for row in table.rows() if "pending" in row]


def test_a_new_release_reaches_its_subscribers(
    table: DynamoTable, inbox: Inbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new release causes one documented event, a mark in its row, and metrics."""
    release = a_release()
    commit(table, release)
    answer = invoke(inserted(release))
    assert answer == {"batchItemFailures": [], "announced": 1, "pending": 0}
    (received,) = inbox.receive()
    made = announcement(release)
    assert received.body == made.body
    assert received.attributes == {name: str(value) for name, value in made.attributes.items()}
    (row,) = table.rows()
    assert row["message_id"]
    assert "pending" not in row
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (announced,) = [line for line in lines if "Announced" in line]
    assert (announced["Announced"], announced["region"]) == ([1], "eu-west-1")


def test_each_step_is_one_call(aws: EmbeddedAws, table: DynamoTable) -> None:
    """Twelve releases take one session, one read, and a read and a write of marks per call."""
    target = Target("333344445555", "us-east-1")
    create_member(aws, target.account_id, [target.region])
    releases = [a_release(f"image-{number:02d}", target=target) for number in range(12)]
    commit(table, *releases)
    mark = aws.mark()
    invoke(inserted(*releases))
    assert Counter(call.operation for call in aws.calls(mark)) == {
        "AssumeRole": 1,
        "BatchGetItem": 3,
        "PublishBatch": 2,
        "UpdateItem": 12,
    }
    mark = aws.mark()
    invoke(inserted(*releases))
    assert [call.operation for call in aws.calls(mark)] == ["BatchGetItem"]


def test_a_sweep_announces_missed_releases(
    aws: EmbeddedAws, table: DynamoTable, inbox: Inbox
) -> None:
    """The sweep announces missed releases, and the next sweep makes a single call."""
    commit(table, a_release())
    assert invoke(SWEEP)["announced"] == 1
    assert len(inbox.receive()) == 1
    mark = aws.mark()
    assert invoke(SWEEP) == {"batchItemFailures": [], "announced": 0, "pending": 0}
    assert [call.operation for call in aws.calls(mark)] == ["Scan"]


def test_a_missing_topic_does_not_affect_other_topics(table: DynamoTable, inbox: Inbox) -> None:
    """A missing topic leaves its release pending and is not reported to the stream."""
    ours, theirs = a_release(), a_release(target=Target(TARGET.account_id, "ap-south-1"))
    commit(table, ours, theirs)
    answer = invoke(inserted(theirs, ours))
    assert answer == {"batchItemFailures": [], "announced": 1, "pending": 1}
    assert [one.region for one in inbox.receive()] == ["eu-west-1"]
    assert still_pending(table) == [key_of_release(theirs).record]


def test_a_failing_topic_gets_the_calls_of_one_batch(
    aws: EmbeddedAws, table: DynamoTable, inbox: Inbox
) -> None:
    """A failing topic gets a call for all entries, one per entry, and none for later releases."""
    now = datetime.now(UTC)  # releases of more than seven days can be closed
    commit(table, *(a_release(f"image-{number:02d}", detected_at=now) for number in range(25)))
    mark = aws.mark()
    with aws.fault(service="sns", code="InvalidParameter", status=400):
        assert invoke(SWEEP)["pending"] == 25
    calls = Counter(call.operation for call in aws.calls(mark))
    assert calls["PublishBatch"] == 11
    assert inbox.receive() == []


def test_an_older_pending_version_is_announced_before_a_new_one(
    aws: EmbeddedAws, table: DynamoTable, inbox: Inbox
) -> None:
    """Older pending versions are published first, in order, after one read per version."""
    two, three = a_release(version=2), a_release(version=3)
    commit(table, two, three)
    mark = aws.mark()
    assert invoke(inserted(three)) == {"batchItemFailures": [], "announced": 2, "pending": 0}
    assert [one.attributes["version"] for one in inbox.receive()] == ["2", "3"]
    assert [c.operation for c in aws.calls(mark) if c.service == "dynamodb"] == [
        "BatchGetItem",
        "BatchGetItem",
        "BatchGetItem",
        "UpdateItem",
        "BatchGetItem",
        "UpdateItem",
    ]


def test_a_pending_version_before_a_gap_is_announced_first(
    aws: EmbeddedAws, table: DynamoTable, inbox: Inbox
) -> None:
    """A pending release before a gap is found with one query of the index."""
    two, four = a_release(version=2), a_release(version=4)
    commit(table, two, four)
    unannounced = pending_row(a_release(version=3))
    del unannounced["pending"]
    table.put(unannounced)
    mark = aws.mark()
    assert invoke(inserted(four)) == {"batchItemFailures": [], "announced": 2, "pending": 0}
    assert [one.attributes["version"] for one in inbox.receive()] == ["2", "4"]
    assert Counter(c.operation for c in aws.calls(mark))["Query"] == 1


def test_an_old_release_of_a_removed_target_is_closed(
    table: DynamoTable, inbox: Inbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sweep closes an old release whose topic is gone and whose target has no active image."""
    removed = Target(TARGET.account_id, "ap-south-1")
    commit(table, a_release(target=removed, detected_at="2025-01-01T00:00:00.000Z"))
    assert invoke(SWEEP) == {"batchItemFailures": [], "announced": 0, "pending": 0}
    (row,) = table.rows()
    assert row["closed_at"]
    assert inbox.receive() == []
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["ReleasesClosed"] for line in lines if "ReleasesClosed" in line] == [[1]]


@pytest.mark.usefixtures("waits")
def test_a_lost_response_of_sns_causes_an_identical_copy(
    aws: EmbeddedAws, table: DynamoTable, inbox: Inbox
) -> None:
    """If the response of SNS is lost, an identical copy is published again."""
    commit(table, a_release())
    with aws.fault(service="sns", when="after", code="InternalError", status=500, times=3):
        assert invoke(inserted(a_release()))["pending"] == 1
    assert invoke(SWEEP)["announced"] == 1
    bodies = {(one.body, tuple(sorted(one.attributes.items()))) for one in inbox.receive()}
    assert len(bodies) == 1
    assert still_pending(table) == []


@pytest.mark.usefixtures("waits")
def test_a_lost_mark_causes_an_identical_copy(
    aws: EmbeddedAws, table: DynamoTable, inbox: Inbox
) -> None:
    """If a mark is lost, the sweep publishes an identical copy."""
    commit(table, a_release())
    with aws.fault(service="dynamodb", operation="UpdateItem"):
        assert invoke(inserted(a_release()))["announced"] == 1
    assert invoke(SWEEP)["announced"] == 1
    one, copy = inbox.receive()
    assert (copy.body, copy.attributes) == (one.body, one.attributes)


@pytest.mark.usefixtures("waits")
def test_a_throttled_table_is_reported_to_the_stream(
    aws: EmbeddedAws, table: DynamoTable, inbox: Inbox
) -> None:
    """A throttled table is reported, and Lambda retries the batch from its first record."""
    commit(table, a_release())
    with aws.fault(service="dynamodb", operation="BatchGetItem"):
        answer = invoke(inserted(a_release()))
    assert answer["batchItemFailures"] == [{"itemIdentifier": f"{1:021d}"}]
    assert inbox.receive() == []


def test_a_missing_table_fails_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep fails without its table, which raises an alarm."""
    monkeypatch.setenv("TABLE_NAME", "nowhere")
    with pytest.raises(HubBrokenError, match="table nowhere"):
        invoke(SWEEP)


def test_without_time_everything_stays_pending(table: DynamoTable, inbox: Inbox) -> None:
    """Without time left to mark a release, it is not published and stays pending."""
    commit(table, a_release())
    assert invoke(inserted(a_release()), seconds=0)["pending"] == 1
    assert inbox.receive() == []
    assert len(still_pending(table)) == 1


def test_a_wrong_event_or_setting_makes_no_call(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function rejects a wrong event or setting before it makes a call."""
    with pytest.raises(MalformedError, match="neither a stream event nor"):
        invoke({"Record": []})
    monkeypatch.delenv("EXTERNAL_ID")
    with pytest.raises(SettingsError, match="EXTERNAL_ID"):
        invoke(SWEEP)
    assert aws.calls() == ()
