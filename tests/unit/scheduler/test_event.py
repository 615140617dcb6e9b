"""The scheduler's input: rounds, partial rounds, and the compiled catalogue."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders.scheduler import a_catalogue

from services.kernel.catalogue_file import encode_catalogue
from services.kernel.errors import MalformedError, SettingsError
from services.kernel.wire import ROUND
from services.scheduler.event import parse_schedule_event, read_catalogue

MOMENT = datetime(2026, 11, 22, 7, 0, 1, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scheduled", "expected"),
    [
        ("2026-11-22T07:00:00Z", "2026-11-22T07:00:00Z"),
        ("2026-11-22T07:00:00+00:00", "2026-11-22T07:00:00Z"),
        ("2026-11-22T07:00:00.987Z", "2026-11-22T07:00:00Z"),
        ("2026-11-22T08:30:00+01:30", "2026-11-22T07:00:00Z"),
        ("2026-11-21T22:00:00-09:00", "2026-11-22T07:00:00Z"),
        ("2026-11-22T07:00:00", "2026-11-22T07:00:00Z"),
        ("2026-11-22 07:00", "2026-11-22T07:00:00Z"),
        ("2026-11-22", "2026-11-22T00:00:00Z"),
        ("20261122T070000Z", "2026-11-22T07:00:00Z"),
        ("0999-11-22T07:00:00Z", "0999-11-22T07:00:00Z"),
    ],
)
def test_a_round_is_its_scheduled_time(scheduled: str, expected: str) -> None:
    """Any ISO time is accepted, in UTC unless it has an offset, and cut to the second."""
    assert parse_schedule_event({"round": scheduled}, MOMENT) == (expected, None)


@pytest.mark.parametrize("event", [None, {}, {"unknown": 1}])
def test_without_a_scheduled_time_the_round_is_the_current_time(
    event: dict[str, Any] | None,
) -> None:
    """A manual invocation does not need a scheduled time."""
    assert parse_schedule_event(event, MOMENT) == ("2026-11-22T07:00:01Z", None)


@pytest.mark.parametrize(
    "scheduled",
    [
        None,
        "",
        7,
        True,
        [],
        "soon",
        "2026-11-31T07:00:00Z",
        "<aws.scheduler.scheduled-time>",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_a_round_that_is_not_a_time_is_rejected(scheduled: object) -> None:
    """The error shows the given value and the expected format."""
    with pytest.raises(MalformedError, match="must be a time such as 2026-11-22T07:00:00Z") as it:
        parse_schedule_event({"round": scheduled}, MOMENT)
    assert repr(scheduled) in str(it.value)


@pytest.mark.parametrize(
    "ahead", [timedelta(hours=2, seconds=1), timedelta(days=1), timedelta(days=3660)], ids=str
)
def test_a_round_in_the_future_is_rejected(ahead: timedelta) -> None:
    """A round in the future would delay every window, so no pair would become stale."""
    with pytest.raises(MalformedError, match="more than 2 hours ahead"):
        parse_schedule_event({"round": (MOMENT + ahead).isoformat()}, MOMENT)


def test_a_clock_may_differ_by_two_hours() -> None:
    """The clocks of schedules and functions may differ."""
    ahead = MOMENT.replace(microsecond=0) + timedelta(hours=2)
    assert (
        datetime.fromisoformat(parse_schedule_event({"round": ahead.isoformat()}, MOMENT)[0])
        == ahead
    )


@given(st.text() | st.datetimes(timezones=st.none() | st.timezones()).map(datetime.isoformat))
def test_a_round_has_one_format_or_is_rejected(scheduled: str) -> None:
    """Rounds are compared as texts, so each must have the format of messages."""
    try:
        found, _ = parse_schedule_event({"round": scheduled}, MOMENT)
    except MalformedError:
        return
    assert re.match(ROUND, found)


def test_a_part_names_its_regions() -> None:
    """A region that is named twice counts once."""
    event = {"regions": ["eu-west-1", "us-east-1", "eu-west-1"]}
    assert parse_schedule_event(event, MOMENT)[1] == frozenset({"eu-west-1", "us-east-1"})


def test_absent_regions_mean_all_regions() -> None:
    """A null counts as an absent field."""
    assert parse_schedule_event({"regions": None}, MOMENT)[1] is None


@pytest.mark.parametrize("regions", [[], "eu-west-1", ["eu-west-1", 1], [None], {}, 0, [["a"]]])
def test_regions_that_are_not_a_list_of_names_are_rejected(regions: object) -> None:
    """An empty list is rejected too, because a round without regions is a mistake."""
    with pytest.raises(MalformedError, match="must be a list of region names") as caught:
        parse_schedule_event({"regions": regions}, MOMENT)
    assert f"regions is {regions!r}" in str(caught.value)


# --- the catalogue


def test_the_catalogue_is_read_as_it_was_compiled(tmp_path: Path) -> None:
    """The catalogue that is read from the file is equal to the compiled one."""
    path = tmp_path / "catalogue.json"
    path.write_text(encode_catalogue(a_catalogue()), encoding="utf-8")
    assert read_catalogue(path) == a_catalogue()


def test_a_missing_catalogue_is_a_wrong_setting(tmp_path: Path) -> None:
    """The error names variable, path and the command that compiles the file."""
    path = tmp_path / "catalogue.json"
    with pytest.raises(SettingsError, match="run ami-tracker compile") as caught:
        read_catalogue(path)
    assert f"CATALOGUE_PATH {path} cannot be read" in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_a_catalogue_that_is_not_text_is_a_wrong_setting(
    tmp_path: Path, content: bytes | None
) -> None:
    """A binary file and a folder are rejected."""
    path = tmp_path / "catalogue.json"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_catalogue(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("eu-west-1", "eu-west-3"),
        ("/aws/service/al2023/", "/mine/"),
        ('"schema":1', '"schema":2'),
        ('"schema":1', '"schema": 1'),
        ('"images":[', '"images":[null,'),
        ("}\n", ""),
        ("}\n", "}"),
    ],
)
def test_a_catalogue_changed_by_hand_is_rejected(tmp_path: Path, old: str, new: str) -> None:
    """A catalogue that the compiler did not check is not used."""
    path = tmp_path / "catalogue.json"
    before = encode_catalogue(a_catalogue())
    path.write_text(before.replace(old, new), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != before
    with pytest.raises(MalformedError, match="catalogue is malformed"):
        read_catalogue(path)
