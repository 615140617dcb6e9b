"""Decoders of complete rows read every attribute that the services write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.kernel.errors import MalformedError
from services.kernel.keys import IMAGE_PREFIX, RELEASE_PREFIX, ROUND_PREFIX
from services.kernel.model import State, Target
from services.kernel.records import DECIDING, decode_image_row, decode_pair, decode_requested_pair
from services.kernel.release_records import LastProblem, decode_release, decode_release_row
from services.kernel.round_records import Note, decode_note, decode_round_row
from services.kernel.table import from_item

GOLDEN = Path(__file__).parents[2] / "integration" / "golden" / "rows.jsonl"
MOMENT = datetime(2026, 11, 22, 7, 0, 10, 125_000, tzinfo=UTC)
TEXT = "2026-11-22T07:00:10.125Z"
DECODERS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    IMAGE_PREFIX: decode_image_row,
    RELEASE_PREFIX: decode_release_row,
    ROUND_PREFIX: decode_round_row,
    "scheduler": decode_note,
}


def written() -> list[dict[str, Any]]:
    """Return the rows of the golden table, with a time where it has a placeholder."""
    lines = GOLDEN.read_text(encoding="utf-8").replace("<time>", TEXT).splitlines()
    return [from_item(json.loads(line)) for line in lines]


def decoder_of(row: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], object]:
    """Return the decoder of a row's kind."""
    return next(each for prefix, each in DECODERS.items() if row["record"].startswith(prefix))


def the_row(prefix: str, **attributes: str) -> dict[str, Any]:
    """Return the first golden row of a kind that has these attributes."""
    rows = (row for row in written() if row["record"].startswith(prefix))
    return next(r for r in rows if all(r.get(name) == text for name, text in attributes.items()))


def attributes() -> Iterator[tuple[int, str]]:
    """Return each attribute of each golden row, except for the fixed key of the note."""
    for number, row in enumerate(written()):
        for name in sorted(row):
            if row["record"] != "scheduler" or name not in {"region", "record"}:
                yield number, name


@pytest.mark.parametrize(("number", "name"), list(attributes()))
def test_every_attribute_that_is_written_is_read(number: int, name: str) -> None:
    """A value of another type causes an error, so no attribute is skipped."""
    row = written()[number]
    decode = decoder_of(row)
    decode(row)

    with pytest.raises(MalformedError):
        decode({**row, name: {"another": ["type"]}})


def pairs() -> list[dict[str, Any]]:
    """Return the golden image rows, and one with every attribute."""
    rows = [row for row in written() if row["record"].startswith(IMAGE_PREFIX)]
    status = {"state": "throttled", "code": "Throttling", "detail": "slow", "since": TEXT}
    more = {"version": 2, "image_id": "ami-2", "ami_name": "two", "creation_date": TEXT}
    dates = {"deprecation_time": TEXT, "changed_at": TEXT}
    other = {"confirmed_digest": "0" * 16, "number": 7, "family": "a"}
    return [*rows, {**rows[0], "status": status, **more, **dates, **other}]


@pytest.mark.parametrize("row", pairs())
def test_a_lookup_reads_all_that_decides_it(row: dict[str, Any]) -> None:
    """The pair of these attributes is that of the whole row, without its family."""
    whole = decode_pair(row)
    read = {name: value for name, value in row.items() if name in {"region", *DECIDING}}

    found = decode_requested_pair(read, whole.lookup)

    assert repr(found) == repr(replace(whole, family=None))
    assert (found.code, found.since) == (whole.code, whole.since)
    left_out = {"region", "lookup", "family", "changed_at"}
    assert row.keys() - set(DECIDING) <= left_out


def test_image_row_has_its_detail_and_last_change() -> None:
    """The status of a failure has a detail, and a change has a time."""
    found = decode_image_row(the_row(IMAGE_PREFIX, image_name="by-filter"))
    missing = decode_image_row(the_row(IMAGE_PREFIX, image_name="missing"))

    assert found.changed_at == MOMENT
    assert found.pair.version > 0
    assert missing.changed_at is None
    assert missing.pair.state == State.NOT_FOUND
    assert missing.detail == "there is no parameter /images/missing here"


def test_release_row_has_the_state_of_its_announcement() -> None:
    """Published, pending and closed rows differ only by their attributes."""
    published = the_row(RELEASE_PREFIX)
    plain = {n: v for n, v in published.items() if n not in {"published_at", "message_id"}}

    assert decode_release_row(published).published_at == MOMENT
    assert decode_release_row(published).message_id == published["message_id"]
    assert decode_release_row({**plain, "pending": plain["region"]}).pending
    assert not decode_release_row(plain).pending
    assert decode_release_row({**plain, "closed_at": TEXT}).closed_at == MOMENT
    problem = {"code": "NotFound", "detail": "no topic", "since": TEXT}
    expected = LastProblem("NotFound", "no topic", MOMENT)
    assert decode_release_row(plain).last_problem is None
    assert decode_release_row({**plain, "last_problem": problem}).last_problem == expected


@pytest.mark.parametrize("damage", [{"code": 7}, {"since": "today"}, {"detail": None}])
def test_a_damaged_last_problem_is_rejected(damage: dict[str, object]) -> None:
    """Only readers of all attributes are affected; the release can still be announced."""
    problem = {"code": "NotFound", "detail": "no topic", "since": TEXT} | damage
    row = {**the_row(RELEASE_PREFIX), "last_problem": problem}
    decode_release(row)
    with pytest.raises(MalformedError):
        decode_release_row(row)


def test_round_row_has_its_target_and_requests() -> None:
    """The account is only in the key."""
    found = decode_round_row(the_row(ROUND_PREFIX, region="us-east-1"))

    assert found.target == Target("123456789012", "us-east-1")
    assert found.enqueued == 3
    assert found.started_at == MOMENT
    assert found.window.round == "2026-11-22T03:00:00Z"


def test_note_has_regions_the_next_start_and_the_interval() -> None:
    """The note is one row for the whole table."""
    expected = Note(frozenset({"eu-central-1", "eu-west-1", "us-east-1"}), "eu-central-1", 60)

    assert decode_note(the_row("scheduler")) == expected
    assert decode_note({}) == Note()


@pytest.mark.parametrize("text", ["yesterday", "2026-11-22T07:00:10", ""])
def test_an_invalid_time_is_rejected(text: str) -> None:
    """A time must have an offset from UTC."""
    row = the_row(IMAGE_PREFIX, image_name="by-filter")
    for name in ("changed_at", "deprecation_time"):
        with pytest.raises(MalformedError, match="must be a time"):
            decode_image_row({**row, name: text})


@pytest.mark.parametrize("value", ["yesterday", "", 7, None, {"a": 1}])
def test_an_invalid_deprecation_time_does_not_affect_the_pair(value: object) -> None:
    """It is unknown there, and only readers of all attributes report it."""
    row = the_row(IMAGE_PREFIX, image_name="by-filter", region="eu-west-1")
    whole, damaged = decode_pair(row), decode_pair({**row, "deprecation_time": value})

    assert damaged == whole
    assert whole.known is not None
    assert whole.known.deprecation_time == MOMENT
    assert damaged.known is not None
    assert damaged.known.deprecation_time is None
