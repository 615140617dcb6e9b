"""The adapter over DynamoDB only: calls, rows, lost responses, and failing tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from support.builders.lookup import (
    HERE,
    MOMENT,
    ROUND,
    a_failure,
    a_pair,
    a_release,
    an_observation,
    by_parameter,
    image_id,
)
from support.fakes.lookup import RowsLab
from support.fakes.table import DynamoTable

from services.embedded.aws.server import EmbeddedAws
from services.kernel.errors import CallFailedError, Failure, HubBrokenError
from services.kernel.hub_session import HubSession
from services.kernel.keys import image_record
from services.kernel.model import Observation, Pair, State
from services.kernel.records import encode_configuration
from services.kernel.release_records import encode_release
from services.kernel.table import to_item
from services.lookup.commits import Commit
from services.lookup.observations import Observations
from services.lookup.target import PairRows

KNOWN = a_pair(known=an_observation(1), version=3)
IMAGE_ROW = "image#111122223333#al2023"
RELEASE_ROW = "release#111122223333#al2023#00000004"

EVERYTHING: dict[str, Callable[[PairRows], object]] = {
    "requested": lambda rows: rows.requested(HERE, {"al2023": KNOWN.lookup}),
    "read": lambda rows: rows.read(HERE, ["al2023"]),
    "history": lambda rows: rows.history(KNOWN),
    "commit": lambda rows: rows.commit(KNOWN, a_release(KNOWN)),
    "confirm": lambda rows: rows.confirm(KNOWN),
    "mark": lambda rows: rows.mark(KNOWN, None, MOMENT),
    "refresh": lambda rows: rows.refresh(KNOWN, an_observation(1)),
    "heal": lambda rows: rows.heal(KNOWN),
    "answered": lambda rows: rows.answered(HERE, {1}),
}
everything = pytest.mark.parametrize("use", EVERYTHING.values(), ids=EVERYTHING.keys())


def operations(aws: EmbeddedAws) -> list[str]:
    """Return the operations of the table so far."""
    return [call.operation for call in aws.calls() if call.service == "dynamodb"]


# --- commit


def test_a_commit_is_one_transaction(aws: EmbeddedAws, table_lab: RowsLab) -> None:
    """A commit writes both rows in one call."""
    table_lab.backend.put(KNOWN)
    table_lab.rows.commit(KNOWN, a_release(KNOWN))
    assert operations(aws) == ["TransactWriteItems"]


def test_a_commit_writes_two_rows(table: DynamoTable, table_lab: RowsLab) -> None:
    """The rows have the format that the table's other readers expect."""
    table_lab.backend.put(KNOWN)
    before = table.row(HERE.region, IMAGE_ROW)
    release = a_release(KNOWN)
    table_lab.rows.commit(KNOWN, release)
    assert before is not None
    known = {
        "version": 4,
        "image_id": image_id(2),
        "ami_name": "acme-linux-2",
        "creation_date": "2026-10-01T00:00:00.000Z",
        "changed_at": "2026-11-22T07:00:05.000Z",
    }
    assert table.row(HERE.region, IMAGE_ROW) == before | known
    assert table.row(HERE.region, RELEASE_ROW) == {
        "region": "eu-west-1",
        "record": RELEASE_ROW,
        "event_id": release.event_id,
        "account_id": "111122223333",
        "image_name": "al2023",
        "version": 4,
        "kind": "release",
        "image_id": image_id(2),
        "previous_image_id": image_id(1),
        "ami_name": "acme-linux-2",
        "creation_date": "2026-10-01T00:00:00.000Z",
        "detected_at": "2026-11-22T07:00:05.000Z",
        "round": ROUND,
        "lookup_digest": KNOWN.lookup_digest,
        "pending": "eu-west-1",
    }


def test_missing_attributes_of_the_new_image_are_removed(
    table: DynamoTable, table_lab: RowsLab
) -> None:
    """The image row does not keep a name or a date of the previous image."""
    table_lab.backend.put(KNOWN)
    bare = Observation(image_id(2))
    release = a_release(KNOWN)
    release = replace(release, observed=bare)
    table_lab.rows.commit(KNOWN, release)
    row = table.row(HERE.region, IMAGE_ROW)
    assert row is not None
    assert {"ami_name", "creation_date"}.isdisjoint(row)


def test_a_version_of_zero_is_no_version(table: DynamoTable, table_lab: RowsLab) -> None:
    """A row with version 0, written by hand, does not prevent the pair's first commit."""
    pair = a_pair()
    table_lab.backend.put(pair)
    (row,) = table.rows()
    table.put(row | {"version": 0})
    assert table_lab.rows.commit(pair, a_release(pair)) is Commit.DONE


def test_a_commit_ends_a_failure_at_its_own_time(table: DynamoTable, table_lab: RowsLab) -> None:
    """A commit after a failure writes the state `ok`, and leaves an `ok` state unchanged."""
    pair = a_pair(known=an_observation(1), state="not_found")
    table_lab.backend.put(pair)
    table_lab.rows.commit(pair, a_release(pair))
    row = table.row(HERE.region, IMAGE_ROW)
    assert row is not None
    assert row["status"] == {"state": "ok", "since": "2026-11-22T07:00:05.000Z"}


@pytest.mark.parametrize("code", [None, "InternalServerError"])
def test_a_commit_whose_response_was_lost_is_done(
    aws: EmbeddedAws, table_lab: RowsLab, code: str | None
) -> None:
    """Botocore retries, and the second request finds the release written."""
    table_lab.backend.put(KNOWN)
    lost = {"operation": "TransactWriteItems", "when": "after", "code": code, "status": 500}
    with aws.fault(**lost, times=1):
        assert table_lab.rows.commit(KNOWN, a_release(KNOWN)) == Commit.DONE
    assert operations(aws) == ["TransactWriteItems"] * 2
    assert table_lab.backend.releases(KNOWN) == [a_release(KNOWN)]


def test_a_commit_whose_every_response_was_lost_is_done_on_redelivery(
    aws: EmbeddedAws, table_lab: RowsLab
) -> None:
    """The message is redelivered, and the same observation is the same release."""
    table_lab.backend.put(KNOWN)
    lost = {"operation": "TransactWriteItems", "when": "after", "code": None}
    with aws.fault(**lost), pytest.raises(CallFailedError):
        table_lab.rows.commit(KNOWN, a_release(KNOWN))
    assert table_lab.rows.commit(KNOWN, a_release(KNOWN)) == Commit.DONE
    assert table_lab.backend.releases(KNOWN) == [a_release(KNOWN)]


# --- states


def test_a_deprecation_time_is_text_and_absent_if_there_is_none(
    table: DynamoTable, table_lab: RowsLab
) -> None:
    """The attribute is in the format of other times, and no other attribute changes."""
    table_lab.backend.put(KNOWN)
    before = table.row(HERE.region, IMAGE_ROW)
    assert before is not None
    table_lab.rows.refresh(KNOWN, replace(an_observation(1), deprecation_time=MOMENT))
    after = before | {"deprecation_time": "2026-11-22T07:00:05.000Z"}
    assert table.row(HERE.region, IMAGE_ROW) == after
    table_lab.rows.refresh(KNOWN, an_observation(1))
    assert table.row(HERE.region, IMAGE_ROW) == before


def test_a_state_has_its_cause_and_time(table: DynamoTable, table_lab: RowsLab) -> None:
    """The state has code, detail and time until it ends; then it has only the time."""
    table_lab.backend.put(KNOWN)
    table_lab.rows.mark(KNOWN, a_failure("UnauthorizedOperation"), MOMENT)
    row = table.row(HERE.region, IMAGE_ROW)
    assert row is not None
    assert row["status"] == {
        "state": "access_denied",
        "code": "UnauthorizedOperation",
        "detail": "the embedded AWS says no",
        "since": "2026-11-22T07:00:05.000Z",
    }
    table_lab.rows.mark(KNOWN, None, MOMENT)
    row = table.row(HERE.region, IMAGE_ROW)
    assert row is not None
    assert row["status"] == {"state": "ok", "since": "2026-11-22T07:00:05.000Z"}


# --- reads


@pytest.mark.parametrize(("count", "calls"), [(0, 0), (100, 1), (101, 2)])
def test_a_hundred_rows_are_read_in_a_call(
    aws: EmbeddedAws, table_lab: RowsLab, count: int, calls: int
) -> None:
    """Each row is read once, even if requested twice, and no row of a large read is missing."""
    names = [f"image-{number:03}" for number in range(count)]
    ends = {name: a_pair(name) for name in (*names[:1], *names[-1:])}
    for pair in ends.values():
        table_lab.backend.put(pair)
    assert table_lab.rows.read(HERE, names * 2) == ends
    assert operations(aws) == ["BatchGetItem"] * calls


def test_a_history_of_any_length_is_one_call(
    aws: EmbeddedAws, table: DynamoTable, table_lab: RowsLab
) -> None:
    """The history is read backwards and consistently, with one call for any number of releases."""
    for version in range(1, 131):
        table.put(_release_row(version))
    pair = a_pair(known=an_observation(130), version=130)
    assert len(table_lab.rows.history(pair)) == 50
    assert operations(aws) == ["Query"]


def _release_row(version: int, /, **changes: object) -> dict[str, object]:
    release = replace(a_release(KNOWN, version), version=version)
    row = {**encode_release(release), **changes}
    return {name: value for name, value in row.items() if value is not None}


FOREIGN: dict[str, dict[str, object]] = {
    "no version": {"version": None},
    "a version that is text": {"version": "2"},
    "a version of another key": {"version": 7},
    "no image": {"image_id": None},
    "no lookup digest": {"lookup_digest": None},
    "an unknown kind": {"kind": "surprise"},
    "another account": {"account_id": "444455556666"},
    "another image": {"image_name": "al2022"},
    "a key that is no number": {"record": "release#111122223333#al2023#00000002x"},
    "a key that is text": {"record": "release#111122223333#al2023#note"},
}


@pytest.mark.parametrize("changes", FOREIGN.values(), ids=FOREIGN.keys())
def test_an_undecodable_row_is_left_out_of_the_history(
    table: DynamoTable, table_lab: RowsLab, changes: dict[str, object]
) -> None:
    """A row that cannot be decoded is left out; the releases before and after it are read."""
    table.put(_release_row(1))
    table.put(_release_row(3))
    table.put(_release_row(2, **changes))
    assert [release.version for release in table_lab.rows.history(KNOWN)] == [1, 3]


def test_undecodable_rows_do_not_displace_releases(table: DynamoTable, table_lab: RowsLab) -> None:
    """Fifty rows that cannot be decoded do not displace the releases before them."""
    table.put(_release_row(1))
    for version in range(2, 62):
        table.put(_release_row(version, kind="surprise"))
    pair = a_pair(known=an_observation(1), version=61)
    assert [release.version for release in table_lab.rows.history(pair)] == [1]


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "seven"},
        {"image_name": 7},
        {"active": "yes"},
        {"lookup": {}},
        {"lookup": {"parameter_path": "/a", "filters": []}},
        {"announce": ["everything"]},
        {"account_id": None},
    ],
)
def test_a_malformed_row_is_a_failure(
    table: DynamoTable, table_lab: RowsLab, changes: dict[str, object]
) -> None:
    """The failure has the requested name and names the row."""
    row = {"region": "eu-west-1", "record": IMAGE_ROW, **encode_configuration(a_pair())}
    table.put(row | changes)
    found = table_lab.rows.read(HERE, ["al2023"])["al2023"]
    assert isinstance(found, Failure)
    assert (found.state, found.code) == (State.TRANSIENT, "MalformedRow")
    assert IMAGE_ROW in found.detail


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "seven"},
        {"version": 3},
        {"image_name": 7},
        {"image_name": "another"},
        {"active": "yes"},
        {"announce": ["everything"]},
        {"announce": ["rollback", "release"]},
        {"account_id": None},
        {"status": "ok"},
        {"number": 0},
    ],
)
def test_a_malformed_row_of_a_request_is_a_failure(
    table: DynamoTable, table_lab: RowsLab, changes: dict[str, object]
) -> None:
    """Every attribute that decides something is read, and checked as in a whole row."""
    row = {"region": "eu-west-1", "record": IMAGE_ROW, **encode_configuration(a_pair())}
    table.put(row | changes)
    found = table_lab.rows.requested(HERE, {"al2023": a_pair().lookup})["al2023"]
    assert isinstance(found, Failure)
    assert found == table_lab.rows.read(HERE, ["al2023"])["al2023"]


@pytest.mark.parametrize("digest", ["0123456789abcdef", 7, None])
def test_a_row_with_another_digest_is_not_the_requested_one(
    table: DynamoTable, table_lab: RowsLab, digest: object
) -> None:
    """The caller reads it again, whole."""
    row = {"region": "eu-west-1", "record": IMAGE_ROW, **encode_configuration(a_pair())}
    table.put(row | {"lookup_digest": digest})
    assert table_lab.rows.requested(HERE, {"al2023": a_pair().lookup}) == {}


@pytest.mark.parametrize("count", [1, 30])
def test_a_requested_row_is_read_without_its_lookup(
    table: DynamoTable, table_lab: RowsLab, count: int
) -> None:
    """Read by its key or by a query: the request has the same lookup."""
    names = [f"image-{number:02}" for number in range(count)]
    for name in names:
        table_lab.backend.put(a_pair(name))
    damaged = {"record": image_record(HERE.account_id, names[0]), "lookup": "damaged"}
    table.put({"region": "eu-west-1", **encode_configuration(a_pair(names[0])), **damaged})
    found = table_lab.rows.requested(HERE, dict.fromkeys(names, a_pair().lookup))
    assert found == {name: a_pair(name) for name in names}


# --- a table that fails


@everything
def test_a_missing_table_is_an_error_of_the_hub(
    home: HubSession, use: Callable[[PairRows], object]
) -> None:
    """A missing table is an error of the hub, which names the table."""
    rows = Observations(home.client("dynamodb"), "no-such-table")
    with pytest.raises(HubBrokenError, match="table no-such-table cannot be used"):
        use(rows)


@everything
def test_a_throttled_table_is_a_temporary_failure(
    aws: EmbeddedAws, table_lab: RowsLab, use: Callable[[PairRows], object]
) -> None:
    """A throttled table is a temporary failure after botocore's own attempts."""
    table_lab.backend.put(KNOWN)
    with aws.fault(service="dynamodb"), pytest.raises(CallFailedError) as caught:
        use(table_lab.rows)
    assert caught.value.failure.state == State.THROTTLED
    assert len(operations(aws)) == 3


# --- responses that moto does not give


@dataclass(slots=True)
class ScriptedTable:
    """A client that returns the given responses in order, and then repeats the last one."""

    answers: Sequence[Any]
    asked: list[dict[str, Any]] = field(default_factory=list)

    class exceptions:  # noqa: N801 - botocore's own name
        """The exceptions of a client."""

        class TransactionCanceledException(ClientError):  # noqa: N818 - DynamoDB's own name
            """A transaction was cancelled."""

    def _next(self, **request: Any) -> Any:  # noqa: ANN401 - raw answers
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    batch_get_item = query = transact_write_items = _next


def scripted(*answers: object) -> tuple[PairRows, ScriptedTable]:
    """Build observations over a scripted table."""
    table = ScriptedTable(answers)
    return Observations(cast("Any", table), "ami-tracker"), table


def cancelled(*codes: str, items: Sequence[Mapping[str, object]] = ()) -> ClientError:
    """Build the error of a transaction that was cancelled for these reasons, with current rows."""
    reasons: list[dict[str, Any]] = [{"Code": code} for code in codes]
    for reason, item in zip(reasons, items, strict=False):
        reason["Item"] = to_item(item)
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
        "CancellationReasons": reasons,
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ScriptedTable.exceptions.TransactionCanceledException(answer, "TransactWriteItems")


def answered(pairs: Sequence[Pair], *left: str) -> dict[str, Any]:
    """Build a `BatchGetItem` response with these pairs and these unprocessed names."""
    rows = [
        {
            "region": pair.target.region,
            "record": image_record(pair.target.account_id, pair.image_name),
            **encode_configuration(pair),
        }
        for pair in pairs
    ]
    answer: dict[str, Any] = {"Responses": {"ami-tracker": [to_item(row) for row in rows]}}
    if left:
        records = [image_record(HERE.account_id, name) for name in left]
        keys = [to_item({"region": HERE.region, "record": record}) for record in records]
        answer["UnprocessedKeys"] = {"ami-tracker": {"Keys": keys, "ConsistentRead": False}}
    return answer


def test_unprocessed_keys_are_read_again() -> None:
    """Only unprocessed keys are read again, and the rows of the first read are kept."""
    first = answered([a_pair("a")], "b")
    rows, table = scripted(first, answered([a_pair("b")]))
    assert rows.read(HERE, ["a", "b"]) == {"a": a_pair("a"), "b": a_pair("b")}
    assert table.asked[1]["RequestItems"] == first["UnprocessedKeys"]


@pytest.mark.parametrize("count", [1, 30])
def test_rows_of_requests_are_read_in_part(count: int) -> None:
    """By their keys and by a query; the largest attribute is left out."""
    rows, table = scripted({"Responses": {}, "Items": []})
    rows.requested(HERE, {f"image-{n:02}": by_parameter() for n in range(count)})
    (asked,) = table.asked
    asked = asked.get("RequestItems", {}).get("ami-tracker", asked)
    shown = {
        asked["ExpressionAttributeNames"][n] for n in asked["ProjectionExpression"].split(", ")
    }
    assert {"record", "lookup_digest", "announce", "number", "deprecation_time"} <= shown
    assert not {"lookup", "changed_at", "family"} & shown


def test_keys_that_stay_unprocessed_fail_the_read() -> None:
    """Keys that stay unprocessed fail the read, because a missing row would drop its message."""
    rows, table = scripted(answered([a_pair("a")], "b"))
    with pytest.raises(CallFailedError) as caught:
        rows.read(HERE, ["a", "b"])
    assert (caught.value.failure.state, len(table.asked)) == (State.THROTTLED, 4)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["TransactionConflict", "None"], State.TRANSIENT),
        (["ConditionalCheckFailed", "TransactionConflict"], State.TRANSIENT),
        (["None", "ThrottlingError"], State.THROTTLED),
        (["ProvisionedThroughputExceeded", "None"], State.THROTTLED),
        ([], State.TRANSIENT),
    ],
)
def test_a_transaction_in_conflict_is_repeated(codes: list[str], expected: State) -> None:
    """A conflict says nothing about the rows, so the transaction is repeated."""
    rows, _ = scripted(cancelled(*codes))
    with pytest.raises(CallFailedError) as caught:
        rows.commit(KNOWN, a_release(KNOWN))
    assert caught.value.failure.state == expected


def test_a_row_that_cannot_be_written_does_not_affect_others() -> None:
    """A damaged row that cannot be written does not affect the other rows."""
    rows, _ = scripted(cancelled("ValidationError", "None"))
    with pytest.raises(CallFailedError, match="ValidationError"):
        rows.commit(KNOWN, a_release(KNOWN))


def test_a_release_without_its_pair_is_not_a_commit() -> None:
    """The history shows that an image row was lost and created again."""
    stored = {"event_id": a_release(KNOWN).event_id, "image_id": image_id(2)}
    rows, _ = scripted(cancelled("None", "ConditionalCheckFailed", items=({}, stored)))
    assert rows.commit(KNOWN, a_release(KNOWN)) == Commit.BEHIND


def test_an_edit_is_detected_in_the_row_itself(table: DynamoTable, table_lab: RowsLab) -> None:
    """The condition of the commit compares the digest that was read with the row's."""
    table_lab.backend.put(a_pair(lookup=by_parameter("/after"), known=an_observation(1), version=3))
    assert table_lab.rows.commit(KNOWN, a_release(KNOWN)) == Commit.DROPPED
    assert table.row(HERE.region, RELEASE_ROW) is None
