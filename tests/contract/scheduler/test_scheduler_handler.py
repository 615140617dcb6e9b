"""The scheduler's entry point on an embedded AWS: an event, rows and messages."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from support.builders.scheduler import ROUND, a_catalogue, an_image
from support.fakes.table import DynamoTable

from services.embedded.aws.server import EmbeddedAws
from services.embedded.event_sources.invocation import Context
from services.embedded.tracker.resources import Hub
from services.kernel.catalogue_file import encode_catalogue
from services.kernel.errors import (
    HubBrokenError,
    MalformedError,
    OutOfTimeError,
    RegionsFailedError,
    SettingsError,
)
from services.scheduler.handler import handler

CATALOGUE = a_catalogue(
    ["eu-west-1", "us-east-1"], [an_image(f"image-{number}") for number in range(6)]
)


@pytest.fixture(autouse=True)
def _package(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "CATALOGUE_PATH" not in environ
    path = tmp_path / "catalogue.json"
    path.write_text(encode_catalogue(CATALOGUE), encoding="utf-8")
    monkeypatch.setenv("CATALOGUE_PATH", str(path))


def invoke(event: dict[str, object], seconds: float = 300) -> dict[str, object]:
    """Return the handler's response, converted to JSON and back."""
    answer: dict[str, object] = json.loads(
        json.dumps(handler(event, Context("scheduler", timeout_seconds=seconds)))
    )
    return answer


def waiting(aws: EmbeddedAws, hub: Hub) -> int:
    """Return the number of messages on the queue."""
    answer = aws.client("sqs", hub.region).get_queue_attributes(
        QueueUrl=hub.queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def operations(aws: EmbeddedAws, since: int = 0) -> dict[str, int]:
    """Count the calls of each operation."""
    return dict(Counter(call.operation for call in aws.calls(since)))


def test_a_round_reaches_table_and_queue(
    aws: EmbeddedAws, hub: Hub, table: DynamoTable, capsys: pytest.CaptureFixture[str]
) -> None:
    """A round writes rows and the note, sends a message per pair, and reports the counts."""
    assert invoke({"round": ROUND}) == {
        "round": ROUND,
        "regions": 2,
        "enqueued": 12,
        "created": 12,
    }
    kinds = Counter(row["record"].partition("#")[0] for row in table.rows())
    assert dict(kinds) == {"image": 12, "round": 2, "scheduler": 1}
    assert waiting(aws, hub) == 12
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (finished,) = [line for line in lines if "RoundsFinished" in line]
    assert finished["RoundsFinished"] == [1]
    assert finished["service"] == "scheduler"


def test_a_round_without_changes_makes_few_calls(aws: EmbeddedAws) -> None:
    """A round without changes makes one query per region and writes no image row."""
    invoke({"round": ROUND})
    mark = aws.mark()
    answer = invoke({"round": "2026-11-22T08:00:00Z"})
    assert answer == {"round": "2026-11-22T08:00:00Z", "regions": 2, "enqueued": 12}
    assert operations(aws, mark) == {
        "GetItem": 1,
        "BatchGetItem": 1,  # round rows
        "Query": 2,  # image rows
        "UpdateItem": 5,  # two round rows; the cursor for each region, and at the end
        "SendMessageBatch": 2,
    }


def test_the_interval_is_one_write(
    aws: EmbeddedAws, table: DynamoTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the note until the setting changes or is removed."""
    invoke({"round": ROUND})
    writes = []
    for minutes in ("60", "60", ""):
        monkeypatch.setenv("ROUND_INTERVAL_MINUTES", minutes)
        mark = aws.mark()
        invoke({"round": "2026-11-22T08:00:00Z"})
        writes.append(operations(aws, mark)["UpdateItem"])
        row = table.row("*", "scheduler") or {}
        assert row.get("interval_minutes") == (int(minutes) if minutes else None)
    assert writes == [6, 5, 6]


def test_a_part_of_a_round_is_run(aws: EmbeddedAws, hub: Hub) -> None:
    """Only the regions that the event names are processed."""
    answer = invoke({"round": ROUND, "regions": ["us-east-1"]})
    assert (answer["regions"], answer["enqueued"]) == (1, 6)
    assert waiting(aws, hub) == 6


def test_a_round_fails_visibly_when_time_is_over(
    aws: EmbeddedAws, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    """No message is sent, the error names the remaining regions, and the round is not finished."""
    with pytest.raises(OutOfTimeError, match="2 region"):
        invoke({"round": ROUND}, seconds=0)
    assert waiting(aws, hub) == 0
    assert "RoundsFinished" not in capsys.readouterr().out


@pytest.mark.usefixtures("waits")
def test_a_round_that_failed_in_a_region_is_measured(
    aws: EmbeddedAws, capsys: pytest.CaptureFixture[str]
) -> None:
    """The invocation fails and raises an alarm; the metrics count the successful regions."""
    with (
        aws.fault(service="sqs", times=3),
        pytest.raises(
            RegionsFailedError, match=r"in 1 region\(s\): eu-west-1: account 111122223333: 6 mess"
        ),
    ):
        invoke({"round": ROUND})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = [line for line in lines if "_aws" in line]
    counted = {name for line in metrics for name in line} & {"RoundsFinished", "RegionsFailed"}
    assert counted == {"RegionsFailed"}
    assert [line["region"] for line in metrics if "PairsEnqueued" in line] == ["us-east-1"]


def test_a_wrong_event_makes_no_call(aws: EmbeddedAws) -> None:
    """The function rejects a wrong event before it makes a call."""
    with pytest.raises(MalformedError):
        invoke({"round": "soon"})
    assert aws.calls() == ()


def test_a_missing_setting_makes_no_call(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function cannot start without a setting."""
    monkeypatch.delenv("QUEUE_URL")
    with pytest.raises(SettingsError, match="QUEUE_URL"):
        invoke({})
    assert aws.calls() == ()


def test_a_missing_table_fails_the_invocation(
    aws: EmbeddedAws, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The invocation fails, which raises an alarm, and no message is sent."""
    monkeypatch.setenv("TABLE_NAME", "nowhere")
    with pytest.raises(HubBrokenError, match="table nowhere"):
        invoke({"round": ROUND})
    assert waiting(aws, hub) == 0
