"""A replay on an embedded AWS: which rows are published again, and what changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.builders.aggregator import (
    ACCOUNT,
    TARGET,
    a_release,
    pending_row,
    published_row,
)
from support.fakes.table import DynamoTable, Row

from services.aggregator.announce import announcement
from services.aggregator.handler import handler
from services.embedded.aws.server import EmbeddedAws
from services.embedded.event_sources.invocation import Context
from services.embedded.tracker.subscriptions import Inbox, Received
from services.kernel.errors import CallFailedError, HubBrokenError, MalformedError
from services.kernel.keys import release_record
from services.kernel.model import Kind, Target
from services.kernel.release_records import encode_release

pytestmark = pytest.mark.usefixtures("environ", "member")


def replay(
    *versions: int, target: Target = TARGET, seconds: float = 60, **fields: object
) -> list[dict[str, Any]]:
    """Invoke the handler with a replay and return the results."""
    request = {**target.fields(), "image_name": "al2023", "versions": list(versions), **fields}
    context = Context("aggregator", timeout_seconds=seconds)
    answer = json.loads(json.dumps(handler({"replay": request}, context)))["replay"]
    assert answer.items() >= {**target.fields(), "image_name": "al2023"}.items()
    results: list[dict[str, Any]] = answer["results"]
    return results


def outcomes(results: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Return version and outcome of each result."""
    return [(each["version"], each["outcome"]) for each in results]


def row_of(table: DynamoTable, version: int, target: Target = TARGET) -> Row:
    """Read a release row."""
    row = table.row(target.region, release_record(ACCOUNT, "al2023", version))
    assert row is not None
    return row


def versions_of(received: list[Received]) -> list[str]:
    """Return the versions of messages, in the order of their arrival."""
    return [each.attributes["version"] for each in received]


def closed_row(version: int, target: Target = TARGET) -> Row:
    """Build the row of a closed release."""
    release = a_release(version=version, target=target)
    return {**encode_release(release), "closed_at": "2026-11-29T07:00:00.000Z"}


def test_a_published_release_is_sent_as_an_identical_copy(
    aws: EmbeddedAws, table: DynamoTable, inbox: Inbox
) -> None:
    """Body and attributes are equal byte for byte; only the mark of the row changes."""
    table.put(pending_row(a_release()))
    handler({"sweep": True}, Context("aggregator"))
    (first,) = inbox.receive()
    before = row_of(table, 2)

    (result,) = replay(2)

    (copy,) = inbox.receive()
    assert (copy.body, copy.attributes) == (first.body, first.attributes)
    after = row_of(table, 2)
    assert {name for name in before | after if before.get(name) != after.get(name)} <= {
        "published_at",
        "message_id",
    }
    assert after["message_id"] == result.pop("message_id") != before["message_id"]
    assert result == {
        "version": 2,
        "outcome": "published",
        "kind": "release",
        "event_id": a_release().event_id,
        "recorded": True,
    }
    assert aws.calls()


def test_versions_are_published_in_order(table: DynamoTable, inbox: Inbox) -> None:
    """Whether a row is published, pending or closed, the versions are sent in their order."""
    table.put(pending_row(a_release(version=4)))
    table.put(published_row(a_release(version=2)))
    table.put(closed_row(3))

    results = replay(4, 2, 3)

    assert outcomes(results) == [(2, "published"), (3, "published"), (4, "published")]
    assert versions_of(inbox.receive()) == ["2", "3", "4"]


def test_a_pending_release_is_announced_after_older_ones(table: DynamoTable, inbox: Inbox) -> None:
    """The older pending releases go first, and they are in the results."""
    for version in (2, 3, 4):
        table.put(pending_row(a_release(version=version)))

    assert outcomes(replay(3)) == [(2, "published"), (3, "published")]
    assert versions_of(inbox.receive()) == ["2", "3"]
    assert [row["version"] for row in table.rows() if "pending" in row] == [4]


def test_a_copy_sends_no_older_pending_release(table: DynamoTable, inbox: Inbox) -> None:
    """A copy of a published version does not wait for other versions."""
    table.put(pending_row(a_release(version=2)))
    table.put(published_row(a_release(version=3)))

    assert outcomes(replay(3)) == [(3, "published")]
    assert versions_of(inbox.receive()) == ["3"]
    assert "pending" in row_of(table, 2)


def test_a_closed_release_keeps_its_mark(table: DynamoTable, inbox: Inbox) -> None:
    """A closed release is sent on request, and its row keeps `closed_at`."""
    table.put(closed_row(2))

    assert outcomes(replay(2)) == [(2, "published")]
    assert len(inbox.receive()) == 1
    row = row_of(table, 2)
    assert row["closed_at"] == "2026-11-29T07:00:00.000Z"
    assert row["published_at"]


def test_a_closed_release_without_topic_stays_closed(table: DynamoTable, inbox: Inbox) -> None:
    """If the topic is gone, SNS refuses the release, and the row is unchanged."""
    removed = Target(ACCOUNT, "ap-south-1")
    row = closed_row(2, removed)
    table.put(row)

    (result,) = replay(2, target=removed)

    assert (result["outcome"], result["state"], result["code"]) == (
        "refused",
        "not_found",
        "NotFound",
    )
    assert row_of(table, 2, removed) == row
    assert inbox.receive() == []


@pytest.mark.parametrize("kind", [Kind.BASELINE, Kind.RECONFIGURED, Kind.RELEASE])
def test_a_release_that_was_never_an_event_is_not_sent(
    table: DynamoTable, inbox: Inbox, kind: Kind
) -> None:
    """A replay makes no event that the configuration did not announce."""
    row = encode_release(a_release(kind=kind))
    table.put(row)

    assert replay(2) == [{"version": 2, "outcome": "not_announced"}]
    assert inbox.receive() == []
    assert row_of(table, 2) == row


def test_damaged_and_missing_rows_do_not_affect_others(
    table: DynamoTable, inbox: Inbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are reported for their versions, and a damaged row is logged."""
    table.put(published_row(a_release(version=2)))
    table.put({**published_row(a_release(version=3)), "image_id": "ami-0"})
    table.put({**published_row(a_release(version=4)), "published_at": "\x1b[31myesterday"})
    table.put({**published_row(a_release(version=5)), "version": 6})
    table.put({**pending_row(a_release(version=6)), "pending": "us-east-1"})
    table.put({**published_row(a_release(version=7, previous_image_id="")), "kind": "unknown"})
    table.put(published_row(a_release(version=9, previous_image_id="ami\n")))

    results = replay(*range(2, 10))

    assert outcomes(results) == [
        (2, "published"),
        (3, "damaged"),
        (4, "damaged"),
        (5, "damaged"),
        (6, "damaged"),
        (7, "damaged"),
        (8, "not_found"),
        (9, "damaged"),
    ]
    assert versions_of(inbox.receive()) == ["2"]
    output = capsys.readouterr().out
    assert "\x1b" not in output
    lines = [json.loads(line) for line in output.splitlines()]
    assert len([line for line in lines if line["message"] == "row malformed"]) >= 6


def test_a_denied_topic_ends_the_replay(aws: EmbeddedAws, table: DynamoTable, inbox: Inbox) -> None:
    """The refused version has the reason, later ones are not sent, and no row changes."""
    rows = [published_row(a_release(version=version)) for version in (2, 3)]
    for row in rows:
        table.put(row)

    with aws.fault(service="sns", code="AuthorizationError", status=403, message="not authorized"):
        two, three = replay(2, 3)

    reason = {"state": "access_denied", "code": "AuthorizationError", "detail": "not authorized"}
    assert two.items() >= {"outcome": "refused", **reason}.items()
    assert three["outcome"] == "not_sent"
    assert inbox.receive() == []
    assert [row_of(table, 2), row_of(table, 3)] == rows


def test_the_reason_is_kept_for_a_pending_release_only(
    aws: EmbeddedAws, table: DynamoTable
) -> None:
    """As in a sweep, the row of the pending release has the last problem."""
    table.put(pending_row(a_release(version=2)))
    copy = published_row(a_release(version=3))
    table.put(copy)

    with aws.fault(service="sns", code="AuthorizationError", status=403, message="not authorized"):
        assert outcomes(replay(2)) == [(2, "refused")]
        assert outcomes(replay(3)) == [(3, "refused")]

    assert row_of(table, 2)["last_problem"]["code"] == "AuthorizationError"
    assert row_of(table, 3) == copy


def test_an_unrecorded_publication_is_reported(
    aws: EmbeddedAws, table: DynamoTable, inbox: Inbox
) -> None:
    """The copy was sent, and the row has its old mark."""
    table.put(published_row(a_release()))

    with aws.fault(service="dynamodb", operation="UpdateItem", code="AccessDeniedException"):
        (result,) = replay(2)

    assert (result["outcome"], result["recorded"]) == ("published", False)
    assert len(inbox.receive()) == 1
    assert row_of(table, 2)["message_id"] == "message-1"


def test_a_row_that_is_deleted_meanwhile_is_not_written(
    aws: EmbeddedAws, table: DynamoTable, inbox: Inbox
) -> None:
    """A mark never creates a row."""
    table.put(published_row(a_release()))

    def delete(request: Any, forward: Any) -> Any:  # noqa: ANN401 - a hook
        if request.operation == "PublishBatch":
            key = {"region": {"S": "eu-west-1"}, "record": {"S": row_of(table, 2)["record"]}}
            client = aws.client("dynamodb", "us-east-1")
            client.delete_item(TableName="ami-tracker", Key=key)
        return forward()

    with aws.hook(delete):
        assert outcomes(replay(2)) == [(2, "published")]

    assert len(inbox.receive()) == 1
    assert table.rows() == []


def test_without_time_nothing_is_sent(table: DynamoTable, inbox: Inbox) -> None:
    """A replay that cannot be recorded in time is not started."""
    table.put(published_row(a_release(version=2)))
    table.put(pending_row(a_release(version=3)))

    assert outcomes(replay(2, 3, seconds=0)) == [(2, "not_sent"), (3, "not_sent")]
    assert inbox.receive() == []


def test_the_calls_of_a_replay(aws: EmbeddedAws, table: DynamoTable, inbox: Inbox) -> None:
    """Two reads, and a publication and a mark for each version."""
    for version in (2, 3):
        table.put(published_row(a_release(version=version)))
    replay(2)
    mark = aws.mark()

    replay(2, 3)

    calls = [call.operation for call in aws.calls(mark)]
    assert calls == ["BatchGetItem"] * 2 + ["PublishBatch", "UpdateItem"] * 2
    assert len(inbox.receive()) == 3


def test_the_attributes_of_a_copy_are_those_of_the_row(table: DynamoTable, inbox: Inbox) -> None:
    """The announcement is made from the row only."""
    release = a_release()
    table.put(published_row(release))

    replay(2)

    (copy,) = inbox.receive()
    made = announcement(release)
    assert copy.body == made.body
    assert copy.attributes == {name: str(value) for name, value in made.attributes.items()}


def test_a_malformed_replay_makes_no_call(aws: EmbeddedAws) -> None:
    """The function rejects it before it reads a row."""
    with pytest.raises(MalformedError, match="at most 100 at a time"):
        replay(*range(1, 102))
    with pytest.raises(MalformedError, match="unknown field `x`"):
        replay(1, x=1)
    assert aws.calls() == ()


@pytest.mark.usefixtures("waits")
def test_a_table_that_cannot_be_read_fails_the_invocation(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller gets the error."""
    with (
        aws.fault(service="dynamodb", operation="BatchGetItem"),
        pytest.raises(CallFailedError, match="throttled"),
    ):
        replay(2)
    monkeypatch.setenv("TABLE_NAME", "nowhere")
    with pytest.raises(HubBrokenError, match="table nowhere"):
        replay(2)
